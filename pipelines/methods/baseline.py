"""The answer that needs no model and cannot fail: how often it happened before."""

from __future__ import annotations

import numpy as np


def historical_rate(labels: np.ndarray) -> float:
    """Share of positives among the known outcomes, NaN left out, strictly between 0 and 1.

    Laplace's rule of succession: without any outcome it is 0.5, and never a certainty.
    """
    known = labels[~np.isnan(labels)]
    return float((known.sum() + 1) / (len(known) + 2))
