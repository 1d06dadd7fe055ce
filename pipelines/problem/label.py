"""What is predicted: whether a flight arrives late, as the US Department of Transportation counts."""

from __future__ import annotations

import numpy as np
import pandas as pd

LATE_MINUTES = 15.0  # 14 CFR 234.2: on time is less than 15 minutes after the scheduled arrival


def outcome(flights: pd.DataFrame) -> pd.DataFrame:
    """Per flight, `label`: 1.0 late, 0.0 on time, NaN none; and `excluded`: why there is none, or None.

    A flight without an arrival delay never arrived where it was to: `cancelled` if it did not
    depart either, else `diverted`. The index is that of the flights.
    """
    delay = flights["arr_delay"].astype("float64")
    label = delay.ge(LATE_MINUTES).astype("float64").where(delay.notna())
    reason = np.where(flights["dep_time"].isna(), "cancelled", "diverted").astype(object)
    excluded = pd.Series(reason, index=flights.index, dtype=object).where(delay.isna(), None)
    return pd.DataFrame({"label": label, "excluded": excluded}, index=flights.index)
