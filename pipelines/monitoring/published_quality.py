"""Whether recent published scores were biased or worth less than doing nothing, and days without any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.core.records import Interval
from pipelines.define.problem import Problem
from pipelines.metrics.task import task_of

SURE = 0.99  # of an interval; it is asked every night, so 95 in 100 would be too few
WASTED = 0.1  # share of all that acting on the scores moved, which it may cost on balance


@dataclass(frozen=True)
class Live:
    """The published answers of recent days against what came.

    Intervals are Student's over the means of whole days: events of one day rise and fall together.
    They are None with fewer than two days. `gap` is score less label, `gain` the worth of acting on
    a score less that of doing nothing (NaN without a value), `apart` and `wasted` are effects, in limits.
    """

    n_days: int
    gap: Interval | None
    apart: float
    gain: Interval | None
    wasted: float

    @property
    def is_off(self) -> bool:
        """Whether surely too much or too little was said, and by how much matters."""
        return self.gap is not None and not self.gap.low <= 0 <= self.gap.high and self.apart >= 1

    @property
    def is_wasteful(self) -> bool:
        """Whether acting on the scores was surely worth less than doing nothing, by an amount that matters."""
        return self.gain is not None and self.gain.high < 0 and self.wasted >= 1


def find_live(known: pd.DataFrame, problem: Problem) -> Live:
    """How far published answers (day, score, label) were from what came; `known` has only settled events."""
    scores, labels = known["score"].to_numpy(float), known["label"].to_numpy(float)
    days = pd.factorize(known["day"])[0]
    if not len(known):
        return Live(0, None, 0.0, None, 0.0)
    gain = problem.worth(labels, scores) - problem.worth(
        labels, np.full(len(labels), problem.idle_score)
    )
    moved = float(np.abs(gain).mean())
    return Live(
        n_days=int(days.max()) + 1,
        gap=over_days(scores - labels, days),
        apart=task_of(problem.task).apart(scores, labels),
        gain=over_days(gain, days),
        wasted=-float(gain.mean()) / (WASTED * moved) if moved > 0 else 0.0,
    )


def over_days(amounts: np.ndarray, days: np.ndarray) -> Interval | None:
    """The mean of the days' means with its interval; None with fewer than two days, or without numbers."""
    from scipy.special import stdtrit

    means = np.bincount(days, weights=amounts) / np.bincount(days)
    if len(means) < 2 or not np.isfinite(means).all():
        return None
    mid = float(means.mean())
    reach = float(stdtrit(len(means) - 1, (1 + SURE) / 2) * means.std(ddof=1) / np.sqrt(len(means)))
    return Interval(low=mid - reach, mid=mid, high=mid + reach)
