"""The baseline that `score` falls back on: how events ended in the last settled days before the night."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np

from pipelines.core.errors import DataError
from pipelines.core.records import Partition
from pipelines.data.effective_settings import trailing_days
from pipelines.data.ports import Lake
from pipelines.define.problem import Problem
from pipelines.metrics.task import task_of
from pipelines.training.labels import label_facts

DAYS = 28


@dataclass(frozen=True)
class Level:
    """What the baseline answers for every event of a day, and from how many outcomes."""

    level: float
    outcomes: int


def trailing_levels(days: Iterable[date], problem: Problem, lake: Lake) -> dict[date, Level]:
    """What the baseline answers, or would have answered, in the night of each day.

    The rate, or mean, of the outcomes of the last 28 mature days, of those that were known at the
    day's cutoff, in the revisions that had landed by then. A damaged partition is left out: the
    baseline cannot fail.
    """

    @cache
    def outcomes(partition: Partition) -> tuple[np.ndarray, np.ndarray]:
        try:
            facts = lake.read([partition]).to_pandas()
        except DataError:
            return np.empty(0), np.empty(0, "datetime64[us]")
        labels = label_facts(facts, problem)["label"].to_numpy()
        return labels, facts["known_at"].to_numpy("datetime64[us]")

    return {day: _level(day, problem, lake, outcomes) for day in days}


def _level(
    day: date,
    problem: Problem,
    lake: Lake,
    outcomes: Callable[[Partition], tuple[np.ndarray, np.ndarray]],
) -> Level:
    first, last = trailing_days(day, DAYS, problem)
    labels, cutoff = [np.empty(0)], np.datetime64(problem.cutoff(day))
    for partition in lake.find(f"accepted/{problem.outcomes}", first, last, day):
        ended, known_at = outcomes(partition)
        labels.append(ended[known_at < cutoff])
    found = np.concatenate(labels)
    count = int(np.count_nonzero(~np.isnan(found)))
    return Level(task_of(problem.task).baseline(found), count)
