"""How long outcomes take to arrive, and how much a day's number moves while they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from pipelines.metrics.task import Task
from pipelines.monitoring.quality import Worth, score_rows


@dataclass(frozen=True)
class Missing:
    """Events published on days whose outcomes should be complete, and how many have none."""

    first: date
    last: date
    events: int
    missing: int

    @property
    def share(self) -> float:
        """How many of them, as a share."""
        return self.missing / self.events


def known_by_all(scores: pd.DataFrame, complete: date) -> pd.DataFrame:
    """The scores without the outcomes of days after `complete`: those that are known already are not
    like those to come. `scores` are the warehouse's.
    """
    there = scores["day"] <= complete
    return scores.assign(
        label=scores["label"].where(there), known_at=scores["known_at"].where(there)
    )


def find_missing(published: pd.DataFrame, complete: date, days: int) -> Missing | None:
    """What is not known of the last `days` days up to `complete`; None when nothing was published.

    An outcome without a label, such as that of a cancelled flight, is known.
    """
    recent = published["day"].between(complete - timedelta(days=days - 1), complete)
    rows = published.loc[recent]
    if rows.empty:
        return None
    missing = int(rows["known_at"].isna().sum())
    return Missing(rows["day"].min(), rows["day"].max(), len(rows), missing)


@dataclass(frozen=True)
class LabelMaturity:
    """What the night so many days after an event's day knows of it."""

    nights: int
    n_days: int  # that are old enough to tell
    arrived: float  # share of the events whose outcome, or its absence, was known
    moved: float | None  # how far the day's loss still is from what it is now, on average


def maturity(
    published: pd.DataFrame, day: date, cutoff: Callable[[date], datetime], worth: Worth, task: Task
) -> list[LabelMaturity]:
    """Ripeness one night after the events' day, two nights, … until nothing more arrives.

    `published` are the published scores of days before `day`, with known_at. Only days that are old
    enough count for a night; what is not known today counts as not arrived. As in an actuary's
    development triangle (Mack 1993), a row is a day and a column is a night.
    """
    curve: list[LabelMaturity] = []
    known_at, days = published["known_at"], published["day"]
    oldest = int((day - days.min()).days) if len(published) else 0
    for nights in range(1, oldest + 1):
        old = days <= day - timedelta(days=nights)
        seen_at = days.loc[old].map(lambda one, n=nights: cutoff(one + timedelta(days=n)))
        there = known_at.loc[old] < seen_at
        curve.append(_ripeness(nights, published.loc[old], there, worth, task))
        if not (known_at.loc[old].notna() & ~there).any():
            break
    return curve


def _ripeness(
    nights: int, published: pd.DataFrame, there: pd.Series[bool], worth: Worth, task: Task
) -> LabelMaturity:
    loss, moved = task.metrics[task.loss], []
    for _, now in published.loc[published["label"].notna()].groupby("day"):
        then = now.loc[there.loc[now.index]]
        if len(then):
            both = (loss.of(score_rows(rows, worth, task)) for rows in (then, now))
            moved.append(abs(next(both) - next(both)))
    return LabelMaturity(
        nights=nights,
        n_days=published["day"].nunique(),
        arrived=float(there.mean()),
        moved=float(np.mean(moved)) if moved else None,
    )
