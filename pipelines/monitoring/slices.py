"""Where answers are off: by the values of the features that the problem names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.core.records import Interval
from pipelines.metrics.bootstrap import RESAMPLES, day_weights, interval
from pipelines.metrics.regression import bias
from pipelines.metrics.task import Task
from pipelines.monitoring.quality import Worth, each_slice, score_rows, slice_name

FEW = 30  # events of a slice tell nothing


@dataclass(frozen=True)
class Slice:
    """Events that share a value, and how far their scores were from what came."""

    name: str  # such as origin=EWR
    events: int
    gap: Interval  # mean of score less label; above 0 too much was said

    @property
    def is_off(self) -> bool:
        """Whether the interval leaves out 0."""
        return not self.gap.low <= 0 <= self.gap.high


def find_slices(
    published: pd.DataFrame, columns: Sequence[str], worth: Worth, task: Task
) -> list[Slice]:
    """Every slice with enough settled events on at least two days, those that are furthest off first.

    Intervals are for one slice; of twenty slices of a good model one is off by chance.
    """
    known = published.loc[published["label"].notna()]
    found = []
    for column, value, places in each_slice(known, columns):
        rows = known.iloc[places]
        days = pd.factorize(rows["day"])[0]
        if len(rows) >= FEW and days.max() > 0:
            scored = score_rows(rows, worth, task, days)
            weights = day_weights(scored.n_days, RESAMPLES, seed=0)
            gap = interval(bias(scored, weights), scored.n_days)
            found.append(Slice(slice_name(column, value), len(rows), gap))
    return sorted(found, key=lambda one: -_sureness(one.gap))


def _sureness(gap: Interval) -> float:
    """How many widths of its interval the gap is away from 0."""
    return abs(gap.mid) / max(gap.high - gap.low, float(np.finfo(float).tiny))
