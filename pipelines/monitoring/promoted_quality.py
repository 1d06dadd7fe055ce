"""What versions were promoted with, and how much of that their live answers still tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.core.records import Evaluation, Interval
from pipelines.metrics.bootstrap import RESAMPLES, day_weights
from pipelines.metrics.task import Task
from pipelines.monitoring.quality import Worth, score_rows

PREFIX = "promised "
SURE = 0.99  # of an interval; it is asked every night, so 95 in 100 would be too few
WIDTH = 1.96  # standard errors, at least, from the middle of a promise to the end of its interval
# Days: of fewer, too many pairs of events are of one day, and rank otherwise than a month's.
ENOUGH = 7
# Share of the discrimination beyond chance that was promised: 0.70 promised, 0.65 came.
LOST_SHARE = 0.25

Promise = Mapping[str, Interval]  # metric → its interval on the test days
# Of versions; one that was promoted before they were kept has none.
Promises = Mapping[str, Promise]


def promise_of(version: str) -> str:
    """A version's subject in daily_metric."""
    return f"{PREFIX}{version}"


def make_promises(evaluation: Evaluation, served: Collection[str]) -> dict[str, Promise]:
    """What tonight's candidates may be promoted with, by subject in daily_metric.

    Versions that have `served` are left out: what they were promoted with stays, whatever tonight's
    evaluation says of them.
    """
    return {
        promise_of(one.version): one.metrics
        for one in evaluation.candidates
        if one.version not in served
    }


def read_promises(measured: pd.DataFrame) -> Promises:
    """The promises among the warehouse's metrics, the newest of each version."""
    found: dict[str, dict[str, Interval]] = {}
    rows = measured.loc[measured["subject"].str.startswith(PREFIX) & measured["low"].notna()]
    for _, subject, metric, value, low, high in rows.itertuples(index=False):
        span = Interval(low=low, mid=value, high=high)
        found.setdefault(subject.removeprefix(PREFIX), {})[metric] = span
    return found


def live_metric(
    known: pd.DataFrame, metric: str, judge: tuple[Worth, Task]
) -> tuple[np.ndarray, int]:
    """A metric of settled answers, of which there must be some: the number itself and then one a resample
    of their days; and how many days they are of.
    """
    worth, task = judge
    scored = score_rows(known, worth, task, pd.factorize(known["day"])[0])
    weights = day_weights(scored.n_days, RESAMPLES, 0)
    return task.metrics[metric].measure(scored, weights), scored.n_days


def find_lost(
    promised: Interval, live: np.ndarray, n_days: int, floor: float, sure: float = SURE
) -> Interval | None:
    """The share of what was promised beyond `floor` that is lost, with its interval.

    `live` is the metric of live scores, the number itself and then one a resample of their days, which
    are others than those of the promise: so the variances add up. None when nothing was surely promised,
    or nothing can be said of the live scores.
    """
    from scipy.special import stdtrit

    drawn = live[1:][np.isfinite(live[1:])]
    if promised.low <= floor or n_days < 2 or len(drawn) < 2 or not np.isfinite(live[0]):
        return None
    then = max(promised.mid - promised.low, promised.high - promised.mid) / WIDTH
    now = float(drawn.std()) * np.sqrt(n_days / (n_days - 1))
    reach = float(stdtrit(n_days - 1, (1 + sure) / 2) * np.hypot(then, now))
    lost, told = promised.mid - float(live[0]), promised.mid - floor
    return Interval(low=(lost - reach) / told, mid=lost / told, high=(lost + reach) / told)


@dataclass(frozen=True)
class Discrimination:
    """How well published answers told events apart lately, against what their versions promised.

    `lost` is the share of what was promised beyond chance; None: too few days, or no promise.
    """

    n_days: int
    promised: float
    came: float
    lost: Interval | None

    @property
    def is_lost(self) -> bool:
        """Whether surely less is told apart than was promised, and less by an amount that matters."""
        return self.lost is not None and self.lost.low > 0 and self.lost.mid >= LOST_SHARE


NOTHING = Discrimination(0, float("nan"), float("nan"), None)


def compare_discrimination(
    known: pd.DataFrame, promises: Promises, judge: tuple[Worth, Task]
) -> Discrimination:
    """Published answers of settled events, of those versions whose promise is known.

    Several versions have promised what their means are, weighed by their events; their test days were
    nearly the same, so the interval is the mean of theirs.
    """
    _, task = judge
    spans = {
        version: promise[task.skill]
        for version, promise in promises.items()
        if task.skill in promise
    }
    mine = known.loc[known["model_version"].isin(list(spans))]
    if mine["day"].nunique() < ENOUGH:
        return NOTHING
    shares = mine["model_version"].value_counts(normalize=True)
    low, mid, high = (
        float(sum(share * getattr(spans[str(one)], end) for one, share in shares.items()))
        for end in ("low", "mid", "high")
    )
    live, n_days = live_metric(mine, task.skill, judge)
    lost = find_lost(Interval(low=low, mid=mid, high=high), live, n_days, task.unskilled)
    return Discrimination(n_days, mid, float(live[0]), lost)
