"""What acting on a score is worth: warn the travellers of a flight that will probably be late.

The figures are an example, in US dollars a flight; put in your own. They fix the threshold: a
warning pays when score × SAVED > (1 − score) × WASTED.
"""

from __future__ import annotations

import numpy as np

SAVED = 300.0  # a warned flight that is late: connections rebooked, crews and gates moved in time
WASTED = 100.0  # a warned flight that is on time: calls, standby crew, goodwill
THRESHOLD = WASTED / (SAVED + WASTED)  # warn from this score on: 0.25


def value(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Dollars gained per flight against warning nobody; labels are 1.0 (late) or 0.0, aligned with scores."""
    worth = np.where(labels == 1.0, SAVED, -WASTED)
    return np.where(scores >= THRESHOLD, worth, 0.0)
