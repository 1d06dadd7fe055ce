"""What is predicted, and what acting on it is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd

CALL, RETURN = 10.0, 60.0  # rupees that a call costs, and a return that it prevents


def outcome(ends: pd.DataFrame) -> pd.DataFrame:
    """Per order, `label`: 1 came back, 0 kept; and `excluded`: none is."""
    return pd.DataFrame({"label": ends["came_back"].astype("float64"), "excluded": None})


def value(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Rupees saved by calling whoever will probably send it back."""
    return np.where(scores > CALL / RETURN, labels * RETURN - CALL, 0.0)
