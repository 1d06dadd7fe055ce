"""A database such as an airline's own: one table of flights, filled in as they arrive."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from pipelines.problem.source import ReplaySource

COLUMNS = ["day", "carrier", "flight", "tailnum", "dest", "sched_dep_time", "sched_arr_time"]


def laguardia(file: Path, first: date, last: date) -> str:
    """The flights from LaGuardia of these days, in a new SQLite file; its URL."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    flights = pd.concat([ReplaySource().read("flights", day).to_pandas() for day in days])
    leaving = flights.loc[
        flights["origin"] == "LGA", [*COLUMNS, "distance", "arr_delay", "known_at"]
    ]
    url = f"sqlite:///{file}"
    leaving.to_sql("flights", sa.create_engine(url), index=False)
    return url
