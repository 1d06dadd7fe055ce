"""What is predicted, and what acting on it is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd

DRIVER, TRAVELLER = 0.5, 1.0  # dollars that a minute of waiting costs each


def outcome(arrivals: pd.DataFrame) -> pd.DataFrame:
    """Per flight, `label`: minutes late, NaN none; and `excluded`: why there is none, or None."""
    arrived = arrivals["arr_delay"].notna()
    excluded = arrived.map({True: None, False: "never arrived"})
    return pd.DataFrame({"label": arrivals["arr_delay"].astype("float64"), "excluded": excluded})


def value(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Dollars saved by the driver who comes when the flight is expected, not when it is scheduled."""
    return _cost(labels) - _cost(labels - scores)


def _cost(minutes_late: np.ndarray) -> np.ndarray:
    return np.where(minutes_late > 0, DRIVER * minutes_late, -TRAVELLER * minutes_late)
