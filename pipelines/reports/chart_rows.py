"""Charts with a row for each name: bars against a limit, intervals around zero."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.core.records import Interval
from pipelines.reports.svg_charts import (
    BOTTOM,
    TOP,
    Bar,
    Chart,
    Dot,
    Line,
    Word,
    polyline,
    scale,
    signed,
)

ROW, WIDE, NAME = 20, 1040, 300  # height of one, width of all, of that the names


def named_bars(
    title: str, note: str, rows: Sequence[tuple[str, float, str]], limit: float
) -> Chart:
    """A bar for each (name, value, kind), longest first as given; a dashed rule at the limit."""
    top = max([limit * 1.2, *(value for _, value, _ in rows)])
    height = TOP + ROW * len(rows) + BOTTOM
    x = scale(0, top, NAME, WIDE - 44)
    bars, words = [], []
    for n, (name, value, kind) in enumerate(rows):
        y = TOP + ROW * n
        bars.append(
            Bar(x(0), y + 3, max(1.0, x(value) - x(0)), ROW - 6, kind, f"{name}: {value:.3f}")
        )
        words.append(Word(NAME - 8, y + 14, name, "end"))
        words.append(Word(x(value) + 6, y + 14, f"{value:.2f}", "start"))
    mark = Line(polyline([(x(limit), TOP - 4), (x(limit), height - BOTTOM + 4)]), "mark")
    words.append(Word(x(limit), height - 10, f"{limit:g}"))
    return Chart(
        title, note, width=WIDE, height=height, bars=(*bars,), lines=(mark,), words=(*words,)
    )


def whiskers(title: str, note: str, rows: Sequence[tuple[str, Interval, bool]]) -> Chart:
    """A dot and its interval for each (name, interval, whether to look at it), around a rule at 0."""
    low = min(0.0, *(span.low for _, span, _ in rows))
    high = max(0.0, *(span.high for _, span, _ in rows))
    height = TOP + ROW * len(rows) + BOTTOM
    x = scale(low, high, NAME, WIDE - 44)
    lines, dots, words = [], [], []
    for n, (name, span, odd) in enumerate(rows):
        y, kind = TOP + ROW * n + 10, "two" if odd else "one"
        lines.append(Line(polyline([(x(span.low), y), (x(span.high), y)]), kind))
        told = f"{name}: {signed(span.mid)} ({signed(span.low)} to {signed(span.high)})"
        dots.append(Dot(x(span.mid), y, 3.4, kind, told))
        words.append(Word(NAME - 8, y + 4, name, "end"))
    mark = Line(polyline([(x(0), TOP - 4), (x(0), height - BOTTOM + 4)]), "mark")
    words += [Word(x(tick), height - 10, signed(tick)) for tick in (low, 0.0, high)]
    return Chart(
        title,
        note,
        width=WIDE,
        height=height,
        lines=(mark, *lines),
        dots=(*dots,),
        words=(*words,),
    )
