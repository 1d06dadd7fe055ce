"""What is predicted, and what acting on it is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd

COST, LOSS = 1.0, 5.0  # of covering what must stay dry, and of finding it wet


def outcome(rainfall: pd.DataFrame) -> pd.DataFrame:
    """Per period, `label`: 1.0 rain, 0.0 none, NaN unknown; and `excluded`: why there is none, or None."""
    measured = rainfall["inches"].notna()
    label = rainfall["inches"].gt(0).astype("float64").where(measured)
    return pd.DataFrame(
        {"label": label, "excluded": measured.map({True: None, False: "gauge off"})}
    )


def value(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Gained against never covering anything, which pays from COST / LOSS on (Murphy 1977)."""
    return np.where(scores >= COST / LOSS, np.where(labels == 1.0, LOSS, 0.0) - COST, 0.0)
