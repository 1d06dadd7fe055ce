"""The scoreboard of a night's candidates in words, for the report and the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.core.records import Candidates, CandidateScore, Interval
from pipelines.metrics.task import Task

LEADS = "it is the best"  # in place of what the best gains over it
Cell = tuple[str, str]  # what is seen first, and what stands below it
Scoreboard = tuple[tuple[str, ...], list[tuple[Cell, ...]]]  # the head, and a row a candidate


def scoreboard(candidates: Candidates | None, task: Task) -> Scoreboard:
    """The candidates that were compared, simplest first; no rows when nobody was.

    The learning curve is a column in the nights that measured one.
    """
    head = [
        "Candidate",
        task.metrics[task.loss].words,
        "the best gains",
        "best in",
        f"{task.metrics[task.overfit].words} lost on unseen days",
        "time",
        "size",
    ]
    scores = candidates.scoreboard if candidates else ()
    with_curve = any(len(one.curve) > 1 for one in scores)
    if with_curve:
        head.append(f"{task.metrics[task.loss].words} after days")
    rows = list(_rows(candidates)) if candidates else []
    if with_curve:
        rows = [(*row, _curve(one)) for row, one in zip(rows, scores, strict=True)]
    return tuple(head), rows


def _rows(candidates: Candidates) -> Iterator[tuple[Cell, ...]]:
    for one in candidates.scoreboard:
        yield (
            (one.name, "chosen" if one.name == candidates.chosen else ""),
            _span(one.loss, ""),
            _span(one.behind, "+") if one.behind else (LEADS, ""),
            (f"{one.best_in:.0%}", "of resamples"),
            (f"{one.gap:+.3f}", ""),
            (f"fit {one.fit_seconds:.1f} s", f"{one.score_microseconds:.1f} µs a row"),
            (_size(one), f"{one.bytes / 1024:,.0f} KB"),
        )


def _curve(one: CandidateScore) -> Cell:
    *fewer, (days, loss) = one.curve
    return f"{days}: {loss:.4f}", ", ".join(f"{d}: {lost:.4f}" for d, lost in fewer)


def _span(found: Interval, sign: str) -> Cell:
    return f"{found.mid:{sign}.4f}", f"{found.low:{sign}.4f} to {found.high:{sign}.4f}"


def _size(one: CandidateScore) -> str:
    counts = {"leaves": one.leaves, "weights": one.weights}
    return " and ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "unknown"
