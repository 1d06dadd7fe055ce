"""Measures of history: which daily totals each needs, and how days are put together."""

from __future__ import annotations

from pipelines.methods.history import SMOOTHED, History, Key, Measure

# Parts of daily totals. `value` is one that rows are told apart by, `day` is there anyway.
NEEDS: dict[Measure, tuple[str, ...]] = {
    "count": ("facts",),
    "sum": ("total",),
    "mean": ("known", "total"),
    "rate": ("known", "total"),
    "min": ("least",),
    "max": ("most",),
    "distinct": ("value",),
    "last": ("newest",),
    "days_since": ("day",),
}
PARTS = ("facts", "known", "total", "least", "most", "newest", "value", "day")


def parts_of(history: History, by: Key) -> list[str]:
    """What a key's features are made of; of a key that others are only drawn toward, their rate."""
    measures = history.measures if by in history.by else SMOOTHED.intersection(history.measures)
    needed = {part for measure in measures for part in NEEDS[measure]}
    return [part for part in PARTS if part in needed]
