"""How many of the test days' events a night could judge, against the nights before it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from pipelines.core.records import Evaluation, FeatureTable

SUBJECT = "test"  # in daily_metric
SHRUNK = 0.1  # share of what an earlier night could judge, which may be lost
CHANCE = 3.0  # standard errors: of few events some share is missing by chance


@dataclass(frozen=True)
class Judged:
    """The events that were judged, and all that there were on the test days: a season has fewer of both.

    `before` is the highest share of an earlier night; None: there was none.
    """

    outcomes: str  # the table that they are in
    first: date
    last: date
    judged: int
    events: float
    before: float | None = None

    @property
    def share(self) -> float:
        """How many of the events were judged."""
        return self.judged / self.events if self.events else 0.0

    @property
    def lost(self) -> float:
        """The share of what an earlier night could judge that is gone."""
        return 1 - self.share / self.before if self.before else 0.0

    @property
    def is_shrunk(self) -> bool:
        """Whether more is gone than chance explains, and more than matters."""
        if self.before is None or self.lost < SHRUNK:
            return False
        spread = math.sqrt(self.before * (1 - self.before) / max(self.events, 1.0))
        return self.before - self.share > CHANCE * spread

    @property
    def metrics(self) -> dict[str, float]:
        """What is kept of it."""
        return {"judged": float(self.judged), "events": self.events, "share": self.share}


def find_test_set(
    outcomes: str, evaluation: Evaluation | None, table: FeatureTable | None, measured: pd.DataFrame
) -> Judged | None:
    """The night's own, beside those of the nights whose metrics are `measured`."""
    if evaluation is None or table is None:
        return None
    first, last = evaluation.first_test_day, evaluation.last_test_day
    rows = {one.day: one.rows for one in table.history if first <= one.day <= last}
    mine = (measured["subject"] == SUBJECT) & (measured["metric"] == "share")
    shares = measured.loc[mine, "value"]
    before = float(shares.max()) if len(shares) else None
    return Judged(outcomes, first, last, evaluation.rows, count_events(rows, first, last), before)


def count_events(rows: Mapping[date, int], first: date, last: date) -> float:
    """Events of these days. A day that is missing counts as its weekday's mean: on a weekday on which
    nothing ever happens that is nothing, and a day that was blocked is missed.
    """
    by_weekday: defaultdict[int, list[int]] = defaultdict(list)
    for day, count in rows.items():
        by_weekday[day.weekday()].append(count)
    usual = {weekday: sum(counts) / len(counts) for weekday, counts in by_weekday.items()}
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return float(sum(rows.get(day, usual.get(day.weekday(), 0.0)) for day in days))
