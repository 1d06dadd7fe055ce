"""What was said against what came, in tenths of the events by score."""

from __future__ import annotations

import numpy as np

TENTHS = 10


def reliability(
    scores: np.ndarray, labels: np.ndarray, bins: int = TENTHS
) -> list[tuple[float, float, int]]:
    """Mean score, mean label and number of events, of bins of equally many events, lowest scores first."""
    order = np.argsort(scores, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [(float(scores[p].mean()), float(labels[p].mean()), len(p)) for p in parts]
