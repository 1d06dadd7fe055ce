"""How a model does of late: whether its scores have moved, and what it has lost of what it promised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from pipelines.core.records import Interval
from pipelines.metrics.task import Task
from pipelines.monitoring.drift import chance_index, count_bins, spread_blocks, stability_index
from pipelines.monitoring.promises import Promise, find_lost, live_metric
from pipelines.monitoring.quality import Worth


@dataclass(frozen=True)
class Limits:
    """What is too far: recent days, how far scores may move, what share of its skill a model may lose."""

    days: int
    psi: float
    lost: float
    maturity: int = 0  # days until the outcomes of a day are complete


@dataclass(frozen=True)
class PerformanceTrend:
    """How one version does over the recent days.

    `moved`: how far its scores are from its own earlier ones, in limits; from 1 on they have moved.
    `lost`: the share of what it was promoted with that it tells no more. None: nobody knows.
    """

    subject: str
    moved: float | None
    lost: Interval | None
    limit: float  # of the share lost

    @property
    def has_moved(self) -> bool:
        """Whether its scores are not what they were."""
        return self.moved is not None and self.moved >= 1

    @property
    def has_lost(self) -> bool:
        """Whether it surely tells less, and less by too much."""
        return self.lost is not None and self.lost.low > 0 and self.lost.mid >= self.limit

    @property
    def is_off(self) -> bool:
        """Whether either is so."""
        return self.has_moved or self.has_lost

    @property
    def strength(self) -> float:
        """The stronger of the two, in limits."""
        lost = self.lost.mid / self.limit if self.lost and self.has_lost else 0.0
        return max(self.moved or 0.0, lost)

    @property
    def words(self) -> str:
        """What is off, or that nothing is."""
        lost = f"has lost {self.lost.mid:.0%} of what it promised to tell" if self.lost else ""
        found = [
            *(["scores otherwise than before"] if self.has_moved else []),
            *([lost] if self.has_lost else []),
        ]
        return f"{self.subject} {' and '.join(found) or 'answers as ever'}"


def find_course(
    subject: str,
    rows: pd.DataFrame,
    day: date,
    limits: Limits,
    judge: tuple[Worth, Task, Promise],
) -> PerformanceTrend:
    """The course of the version that gave these rows, up to the night's own day.

    Its skill is the task's measure that can be compared across months (`overfit`): a stormy week is
    hard for everybody, and no loss. It is compared with what the version was promoted with; where that
    was not kept, with nothing.
    """
    _, recent = _parted(rows, day - timedelta(days=limits.maturity), limits.days)
    return PerformanceTrend(
        subject=subject,
        moved=_moved(*_parted(rows, day, limits.days), limits),
        lost=_lost(recent, judge),
        limit=limits.lost,
    )


def _parted(rows: pd.DataFrame, day: date, days: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows before the last days up to `day`, and those since."""
    is_recent = rows["day"] > day - timedelta(days=days)
    return rows.loc[~is_recent], rows.loc[is_recent]


def _moved(before: pd.DataFrame, recent: pd.DataFrame, limits: Limits) -> float | None:
    days = sorted(before["day"].unique())
    places = spread_blocks(len(days), limits.days)
    if len(places) < 2 or recent.empty:
        return None
    # The few weeks there are of a version's scores are compared with each other, both ways.
    parts = [before.loc[before["day"].isin(days[one.start : one.stop]), "score"] for one in places]
    owners = np.repeat(np.arange(len(parts) + 1), [*map(len, parts), len(recent)])
    counts = count_bins(pd.concat([*parts, recent["score"]], ignore_index=True), owners)
    total = counts[:-1].sum(axis=0)
    usual = max(stability_index(total - one, one) for one in counts[:-1])
    chance = chance_index(int(total.sum()), len(recent), counts.shape[1])
    psi = stability_index(total, counts[-1])
    return psi / limits.psi if psi > max(usual, chance) else 0.0


def _lost(recent: pd.DataFrame, judge: tuple[Worth, Task, Promise]) -> Interval | None:
    worth, task, promise = judge
    known = recent.loc[recent["label"].notna()]
    if known["day"].nunique() < 2 or task.overfit not in promise:
        return None
    live, n_days = live_metric(known, task.overfit, (worth, task))
    return find_lost(promise[task.overfit], live, n_days, floor=0.0)
