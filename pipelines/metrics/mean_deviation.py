"""How far the mean of scores is from the mean of what came, in limits: an effect, whatever the rows."""

from __future__ import annotations

import numpy as np

LOG_ODDS = 0.3  # odds that are wrong by a third
DEVIATIONS = 0.2  # a small effect (Cohen 1988, Statistical Power Analysis, section 2.2)


def odds_apart(scores: np.ndarray, labels: np.ndarray) -> float:
    """Of probabilities: the difference of the log odds of both means.

    Calibration in the large (Van Calster et al. 2019, Calibration: the Achilles heel of predictive
    analytics); in odds, so that a rare event that comes twice as often counts like a frequent one.
    Half an event is added on either side, so that a day on which everything comes true has odds.
    """
    n = len(labels)
    odds = [np.log((total + 0.5) / (n - total + 0.5)) for total in (scores.sum(), labels.sum())]
    return float(abs(odds[0] - odds[1]) / LOG_ODDS)


def deviations_apart(scores: np.ndarray, labels: np.ndarray) -> float:
    """Of numbers: the difference of both means in standard deviations of whichever spreads more."""
    spread = max(float(labels.std()), float(scores.std()))
    gap = abs(float(scores.mean() - labels.mean()))
    return gap / (DEVIATIONS * spread) if spread > 0 else 0.0
