"""Intervals by resampling whole days, the same days for every model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipelines.core.errors import DataError
from pipelines.core.records import Interval
from pipelines.methods.metrics import LOWER_IS_BETTER, METRICS, Scored

Samples = Mapping[str, np.ndarray]  # metric → the number itself, then one a resample


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


def measure(scored: Scored, weights: np.ndarray) -> Samples:
    """Every metric of the scored events under every row of weights.

    Raises DataError when the events all ended the same way: nothing can be ranked then.
    """
    if not 0 < scored.labels.sum() < len(scored.labels):
        raise DataError(
            f"evaluation: the {len(scored.labels)} outcomes of the test days are all alike, so no "
            f"model can be judged on them; raise train.test_days, or check the label"
        )
    return {name: metric(scored, weights) for name, metric in METRICS.items()}


def interval(samples: np.ndarray) -> Interval:
    """The number itself (the first), with its 95 % percentile interval over the resamples.

    Resamples in which it is not defined, such as the AUC of a draw without positives, do not count.
    """
    low, high = np.nanquantile(samples[1:], [0.025, 0.975])
    return Interval(low=float(low), mid=float(samples[0]), high=float(high))


def lift(candidate: Samples, other: Samples, metric: str) -> Interval:
    """How much better the candidate is than the other, in the metric's unit; above 0 is better.

    Both were measured with the same weights, so the difference is taken day draw by day draw.
    """
    gain = candidate[metric] - other[metric]
    return interval(-gain if metric in LOWER_IS_BETTER else gain)
