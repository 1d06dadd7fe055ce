"""How good answers will prove, told before anybody knows what comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

TINY = 1e-15
FEW = 500  # settled events say too little about what scores are worth
BINS = 10


@dataclass(frozen=True)
class LabelledScores:
    """What a contender has said, and what came, of the same events."""

    scores: np.ndarray
    labels: np.ndarray


Worth = Callable[[np.ndarray, np.ndarray], np.ndarray]
Estimate = Callable[[np.ndarray, LabelledScores, Worth], Mapping[str, float]]


def estimate_probabilities(
    scores: np.ndarray, settled: LabelledScores, worth: Worth
) -> Mapping[str, float]:
    """The metrics to be expected of probabilities, from the probabilities themselves.

    Confidence-based performance estimation (Guillory et al. 2021, Predicting with confidence on
    unseen distributions; Garg et al. 2022, Leveraging unlabeled data to predict out-of-distribution
    performance; CBPE in NannyML's documentation): an event with chance c is c of one that comes true
    and 1 − c of one that does not. Chances are the scores, calibrated on what came lately. It sees
    inputs that get harder or easier; a world in which the same inputs end otherwise it cannot see.
    """
    said = np.clip(scores, TINY, 1 - TINY)
    chance = _chances(scores, settled)
    loss = -(chance * np.log(said) + (1 - chance) * np.log1p(-said))
    squared = chance * (1 - scores) ** 2 + (1 - chance) * scores**2
    came, stayed = np.ones(len(scores)), np.zeros(len(scores))
    worths = chance * worth(came, scores) + (1 - chance) * worth(stayed, scores)
    return {
        "rate_observed": float(chance.mean()),
        "log_loss": float(loss.mean()),
        "brier": float(squared.mean()),
        "auc": expected_auc(scores, chance),
        "value": float(worths.mean()),
    }


def estimate_numbers(
    scores: np.ndarray,
    settled: LabelledScores,
    worth: Worth,  # noqa: ARG001  what a number is worth depends on what comes
) -> Mapping[str, float]:
    """The errors to be expected of numbers: those that such scores had lately.

    A number says nothing about its own error. As in NannyML's direct loss estimation, it is learned
    from settled events, here as the mean over ten bins of equally many scores; so it knows that large
    scores err more, and not that the world has changed. Nothing with few settled events.
    """
    if len(settled.scores) < FEW:
        return {}
    edges = np.unique(np.quantile(settled.scores, np.linspace(0, 1, BINS + 1)[1:-1]))
    then, now = np.searchsorted(edges, settled.scores), np.searchsorted(edges, scores)
    error = settled.scores - settled.labels
    counts = np.maximum(np.bincount(then, minlength=len(edges) + 1), 1)

    def expect(amounts: np.ndarray) -> float:
        means = np.bincount(then, weights=amounts, minlength=len(edges) + 1) / counts
        return float(means[now].mean())

    return {
        "mean_observed": float(scores.mean()) - expect(error),
        "rmse": float(np.sqrt(expect(error**2))),
        "mae": expect(np.abs(error)),
        "bias": expect(error),
    }


def expected_auc(scores: np.ndarray, chance: np.ndarray) -> float:
    """Expected wins of a positive over a negative by expected pairs, ties half; NaN without pairs."""
    values, places = np.unique(scores, return_inverse=True)
    positives = np.bincount(places, weights=chance, minlength=len(values))
    negatives = np.bincount(places, weights=1 - chance, minlength=len(values))
    below = np.cumsum(negatives) - negatives
    itself = float((chance * (1 - chance)).sum())  # an event is no pair with itself
    wins = float((positives * (below + negatives / 2)).sum()) - itself / 2
    pairs = float(chance.sum() * (1 - chance).sum()) - itself
    return wins / pairs if pairs > 0 else float("nan")


def _chances(scores: np.ndarray, settled: LabelledScores) -> np.ndarray:
    """What share of events with such scores came true lately (isotonic regression, Zadrozny & Elkan 2002)."""
    if len(settled.scores) < FEW:
        return scores
    from scipy.optimize import isotonic_regression

    order = np.argsort(settled.scores, kind="stable")
    values, places = np.unique(settled.scores[order], return_inverse=True)
    counts = np.bincount(places)
    means = np.bincount(places, weights=settled.labels[order]) / counts
    fitted = isotonic_regression(means, weights=counts).x
    return np.asarray(np.interp(scores, values, fitted))
