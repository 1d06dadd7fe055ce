"""How good scores are, for one sample or for many resamples of its days at once.

Every metric takes the scored events and weights of shape (resamples, days), how often each day
counts, and gives one number a resample. What adds up over events is summed by day once; what does
not is written as sums over days or pairs of days, so that no resample touches the events again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from pipelines.core.records import TaskName

Numbers = TypeVar("Numbers", float, np.ndarray)  # one, or one a resample

BINS = 10  # of equal mass, in the calibration error
TINY = 1e-15  # a score of 0 or 1 that is wrong costs about 35, not infinity


@dataclass(frozen=True)
class ScoredEvents:
    """Events with outcome and score, aligned: a label and a score as the task has them, `worth` of
    acting on each score, and the number of its day, from 0 to n_days − 1.
    """

    labels: np.ndarray
    scores: np.ndarray
    worth: np.ndarray
    days: np.ndarray
    n_days: int
    task: TaskName = "binary"

    def by_day(self, amounts: np.ndarray) -> np.ndarray:
        """Sum of the amounts of each day, shape (n_days,)."""
        return np.bincount(self.days, weights=amounts, minlength=self.n_days)


@dataclass(frozen=True)
class Metric:
    """A measure of scores, how people read it, and which way is better."""

    words: str
    measure: Callable[[ScoredEvents, np.ndarray], np.ndarray]
    better: Literal["higher", "lower", "nearer 0"] = "higher"

    def of(self, scored: ScoredEvents) -> float:
        """The number for the events as they are."""
        return float(self.measure(scored, np.ones((1, scored.n_days)))[0])

    def gain(self, mine: Numbers, other: Numbers) -> Numbers:
        """How much better mine is than the other, in the metric's unit."""
        if self.better == "nearer 0":
            mine, other = abs(mine), abs(other)
        gain: Numbers = mine - other if self.better == "higher" else other - mine
        return gain


def mean(scored: ScoredEvents, weights: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Mean amount of an event, of each resample."""
    counts = weights @ scored.by_day(np.ones(len(amounts)))
    return np.asarray((weights @ scored.by_day(amounts)) / counts)


def log_loss(scored: ScoredEvents, weights: np.ndarray) -> np.ndarray:
    """Mean of −log of the probability given to what happened, in nats (Good 1952)."""
    scores = np.clip(scored.scores, TINY, 1 - TINY)
    surprise = -np.where(scored.labels == 1.0, np.log(scores), np.log1p(-scores))
    return mean(scored, weights, surprise)


def information(scored: ScoredEvents, weights: np.ndarray) -> np.ndarray:
    """How much less log loss an event has than by the rate of the very same days, in nats.

    A month in which more is undecided is harder for everybody: this compares across months.
    """
    rate = np.clip(mean(scored, weights, scored.labels), TINY, 1 - TINY)
    entropy = -(rate * np.log(rate) + (1 - rate) * np.log1p(-rate))
    return np.asarray(entropy - log_loss(scored, weights))


def brier(scored: ScoredEvents, weights: np.ndarray) -> np.ndarray:
    """Mean squared distance of score and outcome (Brier 1950)."""
    return mean(scored, weights, (scored.scores - scored.labels) ** 2)


def value(scored: ScoredEvents, weights: np.ndarray) -> np.ndarray:
    """Mean worth of an event, in the unit of the problem's value."""
    return mean(scored, weights, scored.worth)


def auc(scored: ScoredEvents, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve: how often a positive outranks a negative, ties half (Hanley & McNeil 1982).

    Wins are counted once for each pair of days; a resample weighs the pairs.
    """
    positive = scored.labels == 1.0
    scores, days = scored.scores[positive], scored.days[positive]
    wins = np.zeros((scored.n_days, scored.n_days))
    for other in range(scored.n_days):
        beaten = np.sort(scored.scores[~positive & (scored.days == other)])
        below = np.searchsorted(beaten, scores, "left") + np.searchsorted(beaten, scores, "right")
        wins[:, other] = np.bincount(days, weights=below / 2, minlength=scored.n_days)
    pairs = (weights @ scored.by_day(positive)) * (weights @ scored.by_day(~positive))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.einsum("rd,de,re->r", weights, wins, weights, optimize=True) / pairs)


def average_precision(scored: ScoredEvents, weights: np.ndarray) -> np.ndarray:
    """Precision averaged over the positives, from the highest score down; ties are one step.

    The sum over thresholds of (recall gained × precision), without interpolation
    (Davis & Goadrich 2006).
    """
    order = np.argsort(-scored.scores, kind="stable")
    ordered, labels = scored.scores[order], scored.labels[order]
    last_of_tie = np.flatnonzero(np.append(np.diff(ordered) != 0, [True]))
    gains = np.diff(np.cumsum(labels)[last_of_tie], prepend=0.0) > 0
    steps = last_of_tie[gains]
    ones = np.zeros((len(order), scored.n_days), dtype=np.float32)
    ones[np.arange(len(order)), scored.days[order]] = 1.0
    found = np.cumsum(ones * labels[:, None].astype(np.float32), axis=0)[steps].T
    asked = np.cumsum(ones, axis=0)[steps].T
    chunks = np.array_split(weights.astype(np.float32), max(1, len(weights) // 64))
    return np.concatenate([_precision(chunk @ found, chunk @ asked) for chunk in chunks])


def _precision(found: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Average precision from cumulated positives and events, both (resamples, steps)."""
    if found.shape[1] == 0:
        return np.full(len(found), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(asked > 0, found / asked, 0.0)
        gained = np.diff(found, axis=1, prepend=0)
        return np.asarray((gained * precision).sum(axis=1, dtype=np.float64) / found[:, -1])


def calibration_error(scored: ScoredEvents, weights: np.ndarray) -> np.ndarray:
    """Root mean square distance between scores and frequencies, over bins of equally many events.

    Bins are those of the whole sample. The square of a bin's mean error is too large by its variance,
    so that chance alone makes right scores look wrong: without correction by 0.05 with 300 events. Only
    products of errors of different days are averaged, which are 0 in expectation where scores are right;
    a single day's events are taken as independent. This is the debiased calibration error (Kumar, Liang
    & Ma 2019; Ferro & Fricker 2012) with days in place of events. An estimate below 0 is given as 0.
    See docs/decisions/0013-calibration.md.
    """
    edges = np.quantile(scored.scores, np.linspace(0, 1, BINS + 1)[1:-1])
    bins = np.searchsorted(edges, scored.scores, "right")
    errors, ones = scored.labels - scored.scores, np.ones(len(bins))
    products, _ = _pairs_apart(scored, weights, bins, errors)
    pairs, counts = _pairs_apart(scored, weights, bins, ones)
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.where(pairs > 0, products / pairs, 0.0)
    found = (squares * counts).sum(axis=1) / counts.sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(found, 0.0)))


def _pairs_apart(
    scored: ScoredEvents, weights: np.ndarray, bins: np.ndarray, amounts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of each resample and bin: the products of amounts, over pairs of different days, and their sum."""
    cells = bins * scored.n_days + scored.days
    by_day = np.bincount(cells, weights=amounts, minlength=BINS * scored.n_days).reshape(BINS, -1)
    sums = weights @ by_day.T
    if scored.n_days > 1:
        alike = weights**2 @ (by_day**2).T
    else:
        alike = weights**2 * np.bincount(bins, weights=amounts**2, minlength=BINS)
    return sums**2 - alike, sums


METRICS: Mapping[str, Metric] = {
    "log_loss": Metric("log loss", log_loss, "lower"),
    "information": Metric("information", information),
    "brier": Metric("Brier score", brier, "lower"),
    "auc": Metric("AUC", auc),
    "average_precision": Metric("average precision", average_precision),
    "calibration_error": Metric("calibration error", calibration_error, "lower"),
    "value": Metric("value per event", value),
}
