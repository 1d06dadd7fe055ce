"""Measures of history: which daily totals each needs, and how days are put together."""

from __future__ import annotations

from pipelines.define.aggregations import SMOOTHED, Key, Measure, WindowedAggregation

# A sum is kept as three whole numbers, so that the order of adding does not matter: the values rounded,
# what is left of each in units of 2^-31, and what is left of that in units of 2^-62.
SUM = ("total", "fine", "finest")
FINER = 2**31
# Parts of daily totals. `value` is one that rows are told apart by, `day` is there anyway.
NEEDS: dict[Measure, tuple[str, ...]] = {
    "count": ("facts",),
    "sum": SUM,
    "mean": ("known", *SUM),
    "rate": ("known", "total"),
    "min": ("least",),
    "max": ("most",),
    "distinct": ("value",),
    "last": ("newest",),
    "days_since": ("day",),
}
PARTS = ("facts", "known", *SUM, "least", "most", "newest", "value", "day")


def parts_of(history: WindowedAggregation, by: Key) -> list[str]:
    """What a key's features are made of; of a key that others are only drawn toward, their rate."""
    measures = history.functions if by in history.by else SMOOTHED.intersection(history.functions)
    needed = {part for measure in measures for part in NEEDS[measure]}
    return [part for part in PARTS if part in needed]
