"""The golden batch: rows on which a model must answer as it did when it was trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.core.errors import DataError
from pipelines.core.records import Partition
from pipelines.training.model import Model

ROWS = 500  # scores that are kept of a batch: of rows evenly spread over it
# Relative. Scores are rounded to 24 bits; on another processor one may be rounded to the number beside
# it, 1.2e-7 away.
TOLERANCE = 1e-6


def golden_day(history: Sequence[Partition]) -> Partition:
    """The last day's features that have rows: real ones, known to training and to promotion alike."""
    filled = [partition for partition in history if partition.rows]
    if not filled:
        raise DataError("feature table: no earlier day has events; land more history")
    return filled[-1]


def golden_scores(model: Model, batch: pd.DataFrame) -> tuple[float, ...]:
    """The model's scores of rows spread evenly over the batch."""
    return tuple(_spread(model.checked_scores(batch)).tolist())


def furthest(scores: np.ndarray, golden: Sequence[float]) -> float:
    """The largest relative difference between scores of the batch and golden ones; infinite when there
    are not as many, or one of them is no number.
    """
    found, expected = _spread(scores), np.asarray(golden)
    if found.shape != expected.shape:
        return float("inf")
    apart = np.abs(found - expected)
    relative = np.divide(apart, np.abs(expected), out=apart.copy(), where=expected != 0)
    return float(np.nan_to_num(relative, nan=np.inf).max(initial=0.0))


def _spread(scores: np.ndarray) -> np.ndarray:
    places = np.linspace(0, len(scores) - 1, min(len(scores), ROWS)).round().astype("int64")
    return np.asarray(scores[places])
