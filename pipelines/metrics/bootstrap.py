"""Intervals by resampling whole days, the same days for every model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from pipelines.core.errors import DataError
from pipelines.core.records import Amount, Interval, TaskName
from pipelines.metrics.classification import ScoredEvents
from pipelines.metrics.task import TASKS

RESAMPLES = 200  # of what is watched every day; a gate draws more


@dataclass(frozen=True)
class BootstrapSamples:
    """A model's metrics: for each the number itself, then one a resample of the days."""

    numbers: Mapping[str, np.ndarray]
    n_days: int
    task: TaskName = "binary"

    def __getitem__(self, metric: str) -> np.ndarray:
        return self.numbers[metric]

    def mid(self, metric: str) -> float:
        """The number itself."""
        return float(self.numbers[metric][0])


def day_weights(n_days: int, resamples: int, seed: int) -> np.ndarray:
    """How often each day counts, shape (1 + resamples, n_days); the first row is the sample itself.

    Events of one day rise and fall together, so days are drawn, not events: resampling events
    would make intervals too narrow (Künsch 1989; Efron & Tibshirani 1993, ch. 8). The same seed
    draws the same days for every model, which pairs their differences.
    Raises DataError with fewer than two days.
    """
    if n_days < 2:
        raise DataError(
            f"evaluation: {n_days} day(s) with outcomes are too few to compare models on; "
            f"raise train.test_days, or land more history"
        )
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(n_days, np.full(n_days, 1 / n_days), size=resamples)
    return np.vstack([np.ones((1, n_days)), drawn])


def measure(scored: ScoredEvents, weights: np.ndarray) -> BootstrapSamples:
    """Every metric of the task that is defined, of the scored events under every row of weights.

    Raises DataError when the events all ended the same way: nothing can be ranked then.
    """
    if len(np.unique(scored.labels)) < 2:
        raise DataError(
            f"evaluation: the {len(scored.labels)} outcomes of the test days are all alike, so no "
            f"model can be judged on them; raise train.test_days, or check the label"
        )
    metrics = TASKS[scored.task].metrics
    numbers = {name: metric.measure(scored, weights) for name, metric in metrics.items()}
    known = {name: drawn for name, drawn in numbers.items() if np.isfinite(drawn[0])}
    return BootstrapSamples(known, scored.n_days, scored.task)


def intervals(scored: ScoredEvents, seed: int = 0) -> dict[str, Amount]:
    """Every metric that is defined; those that the task tells have an interval over the days."""
    weights, task = _weights(scored.n_days, seed), TASKS[scored.task]
    alone = replace(scored, days=np.zeros_like(scored.days), n_days=1)
    told = {name: task.metrics[name].measure(scored, weights) for name in task.watched}
    plain = {n: np.array([m.of(alone)]) for n, m in task.metrics.items() if n not in told}
    return _amounts({**told, **plain}, scored.n_days)


def gains(mine: ScoredEvents, other: ScoredEvents, seed: int = 0) -> dict[str, Amount]:
    """How much better mine are than the other scores of the same events, draw by draw of the same days."""
    weights, task = _weights(mine.n_days, seed), TASKS[mine.task]
    both = {
        name: tuple(task.metrics[name].measure(one, weights) for one in (mine, other))
        for name in task.watched
    }
    found = {name: task.metrics[name].gain(*pair) for name, pair in both.items()}
    return _amounts(found, mine.n_days)


def _weights(n_days: int, seed: int) -> np.ndarray:
    return day_weights(n_days, RESAMPLES, seed) if n_days > 1 else np.ones((1, n_days))


def _amounts(samples: Mapping[str, np.ndarray], n_days: int) -> dict[str, Amount]:
    """Those that are defined, with an interval where a resample is defined too."""
    return {
        name: interval(numbers, n_days) if np.isfinite(numbers[1:]).any() else float(numbers[0])
        for name, numbers in samples.items()
        if np.isfinite(numbers[0])
    }


def interval(samples: np.ndarray, n_days: int, comparisons: int = 1) -> Interval:
    """The number itself (the first), with its 95 % interval over the resamples of so many days.

    A percentile interval of few blocks is too narrow; its quantiles are moved out by what Student's
    t asks for (the expanded percentile interval, Hesterberg 2015, section 5.3): of two equal models
    over 28 days it then calls one better 3 times in a hundred, plain quantiles 4 times. Resamples in
    which the metric is not defined, such as the AUC of a draw without positives, do not count.

    Of several `comparisons` each interval is so much wider that in 95 of 100 samples all of them hold
    what they should (Bonferroni).
    """
    low, high = np.nanquantile(samples[1:], _expanded(n_days, comparisons))
    return Interval(low=float(low), mid=float(samples[0]), high=float(high))


@cache
def _expanded(n_days: int, comparisons: int) -> tuple[float, float]:
    from scipy.special import ndtr, stdtrit

    reach = np.sqrt(n_days / (n_days - 1)) * stdtrit(n_days - 1, 1 - 0.025 / comparisons)
    return float(ndtr(-reach)), float(ndtr(reach))


def lift(
    candidate: BootstrapSamples, other: BootstrapSamples, metric: str, comparisons: int = 1
) -> Interval:
    """How much better the candidate is than the other, in the metric's unit; above 0 is better.

    Both were measured with the same weights, so the difference is taken draw by draw.
    """
    gain = TASKS[candidate.task].metrics[metric].gain(candidate[metric], other[metric])
    return interval(gain, candidate.n_days, comparisons)


def lifts(
    candidate: BootstrapSamples, other: BootstrapSamples, comparisons: int = 1
) -> dict[str, Interval]:
    """The lift in every metric that is known of both."""
    return {
        metric: lift(candidate, other, metric, comparisons)
        for metric in candidate.numbers
        if metric in other.numbers
    }
