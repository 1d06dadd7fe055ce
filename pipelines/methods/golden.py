"""The golden batch: rows on which a model must answer as it did when it was trained, bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.core.errors import DataError
from pipelines.core.records import Partition
from pipelines.methods.model import Model


def golden_day(history: Sequence[Partition]) -> Partition:
    """The last day's features that have rows: real ones, known to training and to promotion alike."""
    filled = [partition for partition in history if partition.rows]
    if not filled:
        raise DataError("feature table: no earlier day has events; land more history")
    return filled[-1]


def golden_scores(model: Model, batch: pd.DataFrame) -> str:
    """SHA-256 of the model's scores of the batch."""
    return scores_sha256(model.scores(batch))


def scores_sha256(scores: np.ndarray) -> str:
    """SHA-256 over scores, bit by bit."""
    return hashlib.sha256(scores.astype(np.dtype("<f8")).tobytes()).hexdigest()
