"""How a model does lately against what it was promoted with, and the likely cause: inputs, model, or world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from pipelines.core.records import Interval
from pipelines.metrics.task import Task
from pipelines.monitoring.drift import chance_index, count_bins, spread_blocks, stability_index
from pipelines.monitoring.promoted_quality import Promise, find_lost, live_metric
from pipelines.monitoring.quality import Worth


@dataclass(frozen=True)
class Limits:
    """What is too far: recent days, how far scores may move, what share of its skill a model may lose."""

    days: int
    psi: float
    lost: float
    maturity: int = 0  # days until the outcomes of a day are complete
    age: int = 60  # days since the newest one that the champion has learned from


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


Cause = Literal["as ever", "moved inputs", "broken model", "changed world", "unclear"]


@dataclass(frozen=True)
class Diagnosis:
    """The likeliest cause, why it is thought so, and how far beyond its limit the strongest sign is."""

    cause: Cause
    reason: str
    strength: float = 0.0


def diagnose(
    drifted: Sequence[str],
    champion: PerformanceTrend | None,
    canary: PerformanceTrend | None,
    untold: Sequence[str] = (),
) -> Diagnosis:
    """The cause of what is seen: features that have drifted, and the courses of two models.

    The canary never changes and is asked about the same inputs, so it is the ruler (Dunning & Friedman
    2017, Machine Learning Logistics, ch. 4). What the champion alone shows is its own fault. What both
    show is that of the inputs, if they have moved, and of the world, if they have not. Scores of both
    that move and lose nothing follow inputs within what their past explains, unless there are `untold`
    ones: far away, with too little history to explain it. Without a canary, or with one of which nobody
    knows what it has lost, a broken model and a changed world look alike, and that is said.
    """
    if champion is None or not champion.is_off:
        return _without_loss(drifted, champion)
    if champion.has_lost and canary is not None and canary.lost is None and not canary.is_off:
        canary = None
    if canary is not None and not canary.is_off:
        also = f"; {_names(drifted)} moved too: does only the champion use it?" if drifted else ""
        reason = f"{champion.words}, while {canary.words} on the same inputs{also}"
        return Diagnosis("broken model", reason, champion.strength)
    words = champion.words + (f", and {canary.words}" if canary else "")
    if drifted:
        return Diagnosis(
            "moved inputs", f"{words}, and these moved: {_names(drifted)}", champion.strength
        )
    if canary is None:
        reason = f"{words}; without a canary that can be judged nobody can say whether it is the model or the world"
        return Diagnosis("unclear", reason, champion.strength)
    return _of_both(words, champion, canary, untold)


def _of_both(
    words: str, champion: PerformanceTrend, canary: PerformanceTrend, untold: Sequence[str]
) -> Diagnosis:
    """Both are off, and no input has drifted as far as anybody can tell."""
    if untold:
        reason = f"{words}; there is not enough history to tell whether {_names(untold)} moved"
        return Diagnosis("unclear", reason, champion.strength)
    if not champion.has_lost and not canary.has_lost:
        reason = f"{words}: alike, and no input has moved further than its past explains"
        return Diagnosis("as ever", reason)
    cause: Cause = "changed world" if champion.has_lost and canary.has_lost else "unclear"
    return Diagnosis(cause, f"{words}, while no input has moved", champion.strength)


def _without_loss(drifted: Sequence[str], champion: PerformanceTrend | None) -> Diagnosis:
    if not drifted:
        return Diagnosis("as ever", "no input has moved, and the champion answers as ever")
    so_far = f"; {champion.words} so far" if champion else ""
    return Diagnosis("moved inputs", f"unlike the training data: {_names(drifted)}{so_far}")


def _names(drifted: Sequence[str]) -> str:
    more = f" and {len(drifted) - 3} more" if len(drifted) > 3 else ""
    return ", ".join(drifted[:3]) + more
