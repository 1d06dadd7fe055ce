"""Ways to read a feature as a number: what a leak would show in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.training.examples import Examples

BINS = 16  # of equal mass: a number may tell in another way than by its order
THIN = 20  # events' worth of the average rate, added to the rate of a bin or category


@dataclass(frozen=True)
class UnivariateScore:
    """A number for each event, and for which of them there is one."""

    feature: str
    values: np.ndarray
    known: np.ndarray


def rank(values: np.ndarray, positive: np.ndarray) -> float:
    """How often a positive outranks a negative, ties half: the AUC; 0.5 when there are not both."""
    from scipy.stats import rankdata

    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return 0.5
    beaten = rankdata(values)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(beaten / (n_positive * n_negative))


def readings(examples: Examples) -> Iterator[UnivariateScore]:
    """Each feature: its value if it is a number, whether it is there at all, and its rate of positives.

    A label that is a number is positive above its mean. The rate is that of the category, or of the bin
    of sixteen, on every other day for the days between: no event helps to rank itself.
    """
    positive = examples.labels > examples.labels.mean()
    half = np.unique(examples.days, return_inverse=True)[1] % 2
    everywhere = np.ones(len(positive), dtype=bool)
    for name, kind in examples.schema.items():
        if kind == "category":
            codes, _ = pd.factorize(examples.frame[name])
        else:
            values = examples.frame[name].to_numpy(dtype="float64", na_value=np.nan)
            known = np.isfinite(values)
            yield UnivariateScore(name, values, known)
            codes = _bins(values, known)
        if 0 < np.count_nonzero(codes < 0) < len(codes):
            yield UnivariateScore(name, (codes >= 0).astype("float64"), everywhere)
        yield UnivariateScore(name, _rates(codes + 1, positive, half), everywhere)


def _bins(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The bin of each value, −1 for a missing one."""
    if not known.any():
        return np.full(len(values), -1)
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.where(known, np.searchsorted(edges, values, "right"), -1)


def _rates(codes: np.ndarray, positive: np.ndarray, half: np.ndarray) -> np.ndarray:
    """The rate of each code among the events of the other half."""
    rates, n_codes = np.full(len(codes), 0.5), int(codes.max(initial=0)) + 1
    for mine in (0, 1):
        other, average = (
            half != mine,
            positive[half != mine].mean() if (half != mine).any() else 0.5,
        )
        found = np.bincount(codes[other], weights=positive[other], minlength=n_codes)
        counts = np.bincount(codes[other], minlength=n_codes)
        rates[~other] = ((found + THIN * average) / (counts + THIN) - average)[codes[~other]]
    return rates
