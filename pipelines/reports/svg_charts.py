"""Small charts as shapes with coordinates; a template draws them as SVG, in the page's own colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 520, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 30
Span = tuple[float, float]


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Line:
    points: str
    kind: str


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    radius: float
    kind: str
    title: str


@dataclass(frozen=True)
class Word:
    x: float
    y: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Chart:
    """Shapes in the order in which they are drawn: rules, bars, lines, dots, words."""

    title: str
    note: str
    width: float = WIDTH
    height: float = HEIGHT
    rules: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    lines: tuple[Line, ...] = ()
    dots: tuple[Dot, ...] = ()
    words: tuple[Word, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()  # (kind, name)


def histogram(
    title: str, note: str, shares: Sequence[float], mark: float | None, span: Span = (0.0, 1.0)
) -> Chart:
    """Equal bars over the span, as many as there are shares; `mark` is where a dashed rule stands."""
    low, high = span
    top = _round_up(max(shares, default=0.0) or 1.0)
    x, y = scale(low, high, LEFT, WIDTH - RIGHT), scale(0, top, HEIGHT - BOTTOM, TOP)
    step = (high - low) / len(shares)
    edges = [low + n * step for n in range(len(shares) + 1)]
    bars = [
        Bar(
            x(left) + 0.5,
            y(share),
            x(right) - x(left) - 1,
            y(0) - y(share),
            "one",
            f"{_tick(left)} to {_tick(right)}: {share:.1%} of events",
        )
        for (left, right), share in zip(pairwise(edges), shares, strict=True)
    ]
    rules, words = _axis(y, top)
    marks = [] if mark is None else [Line(polyline([(x(mark), y(0)), (x(mark), TOP)]), "mark")]
    ticks = [low + (high - low) * n / 5 for n in range(6)]
    words += [Word(x(tick), HEIGHT - 10, _tick(tick)) for tick in ticks]
    return Chart(title, note, rules=(*rules,), bars=(*bars,), lines=(*marks,), words=(*words,))


def over_time(
    title: str, note: str, days: Sequence[str], series: Mapping[str, Sequence[float | None]]
) -> Chart:
    """A line for each series over the days; a day without a value is a gap."""
    known = [value for values in series.values() for value in values if value is not None]
    low, high = round_span(min(known, default=0.0), max(known, default=1.0))
    x = scale(0, max(1, len(days) - 1), LEFT + 8, WIDTH - RIGHT - 8)
    y = scale(low, high, HEIGHT - BOTTOM, TOP)
    lines, dots, legend = [], [], []
    for kind, (name, values) in zip(("one", "two", "three"), series.items(), strict=False):
        places = [(x(n), y(value)) for n, value in enumerate(values) if value is not None]
        lines.append(Line(polyline(places), kind))
        told = [(n, value) for n, value in enumerate(values) if value is not None]
        dots += [Dot(x(n), y(v), 2.6, kind, f"{days[n]}: {name} {v:.3f}") for n, v in told]
        legend.append((kind, name))
    rules, words = _axis(y, high, low)
    shown = sorted({0, len(days) // 2, len(days) - 1}) if days else []
    anchors = ["start", "middle", "end"] if len(shown) == 3 else ["middle"] * 3
    words += [
        Word(x(n), HEIGHT - 10, days[n], anchor) for n, anchor in zip(shown, anchors, strict=False)
    ]
    return Chart(
        title,
        note,
        rules=(*rules,),
        lines=(*lines,),
        dots=(*dots,),
        words=(*words,),
        legend=(*legend,) if len(legend) > 1 else (),
    )


def calibration_chart(title: str, note: str, points: Sequence[tuple[float, float, int]]) -> Chart:
    """Mean score against what came; on the dotted line they are equal."""
    ends = [0.0, *(end for said, came, _ in points for end in (said, came))]
    low, high = round_span(min(ends), max(0.1, *ends))
    x, y = scale(low, high, LEFT, WIDTH - RIGHT), scale(low, high, HEIGHT - BOTTOM, TOP)
    rules, words = _axis(y, high, low)
    ticks = [low + (high - low) * n / 4 for n in range(5)]
    words += [Word(x(tick), HEIGHT - 10, _tick(tick)) for tick in ticks]
    dots = [
        Dot(x(said), y(came), 4, "one", f"said {said:.4g}, came {came:.4g}, of {count} events")
        for said, came, count in points
    ]
    lines = [
        Line(polyline([(x(low), y(low)), (x(high), y(high))]), "mark"),
        Line(polyline([(dot.x, dot.y) for dot in dots]), "one"),
    ]
    return Chart(title, note, rules=(*rules,), lines=(*lines,), dots=(*dots,), words=(*words,))


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Where on the page a value stands, if low stands at start and high at end."""
    span = (high - low) or 1.0
    return lambda value: round(start + (value - low) / span * (end - start), 1)


def _axis(
    y: Callable[[float], float], high: float, low: float = 0.0
) -> tuple[list[Line], list[Word]]:
    ticks = [low + (high - low) * n / 4 for n in range(5)]
    rules = [Line(polyline([(LEFT, y(tick)), (WIDTH - RIGHT, y(tick))]), "rule") for tick in ticks]
    return rules, [Word(LEFT - 6, y(tick) + 4, _tick(tick), "end") for tick in ticks]


def _tick(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") or "0"


def signed(value: float) -> str:
    """An amount that may be below 0, with its sign: thousands in full, what is small with three digits."""
    if value == 0:
        return "0"
    return f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+.3g}"


def polyline(places: Sequence[tuple[float, float]]) -> str:
    """Places as SVG spells them."""
    return " ".join(f"{x:g},{y:g}" for x, y in places)


def _round_up(value: float) -> float:
    """The next number above of the kind 1, 2, 4, 6, 8, 10 × 10ⁿ."""
    size = float(10.0 ** math.floor(math.log10(value)))
    return next(n * size for n in (1, 2, 4, 6, 8, 10) if n * size >= value * (1 - 1e-9))


def round_span(low: float, high: float) -> Span:
    """Round numbers around a span, so that a line does not touch the frame."""
    step = _round_up(max(high - low, 0.02)) / 4
    return math.floor(low / step) * step, math.ceil(high / step) * step
