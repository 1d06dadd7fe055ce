"""The layout of the tables that the feed gives."""

from __future__ import annotations

import pyarrow as pa

INSTANT = pa.timestamp("us")  # UTC, without a zone
SCHEDULE = pa.schema(
    {
        "day": pa.date32(),
        "carrier": pa.string(),
        "flight": pa.int32(),
        "tailnum": pa.string(),
        "origin": pa.string(),
        "dest": pa.string(),
        "sched_dep_time": pa.int16(),  # hhmm on the clock there
        "sched_arr_time": pa.int16(),
        "distance": pa.int32(),  # miles
        "scheduled_at": INSTANT,
    }
)
OUTCOME = pa.schema(
    {
        "dep_time": pa.int16(),
        "dep_delay": pa.float64(),  # minutes
        "arr_time": pa.int16(),
        "arr_delay": pa.float64(),
        "air_time": pa.float64(),
        "known_at": INSTANT,
    }
)
WEATHER = pa.schema(
    {
        "day": pa.date32(),
        "origin": pa.string(),
        "observed_at": INSTANT,
        "temp": pa.float64(),  # °F
        "dewp": pa.float64(),
        "humid": pa.float64(),  # %
        "wind_dir": pa.float64(),  # degrees
        "wind_speed": pa.float64(),  # mph
        "wind_gust": pa.float64(),
        "precip": pa.float64(),  # inches
        "pressure": pa.float64(),  # millibars
        "visib": pa.float64(),  # miles
        "known_at": INSTANT,
    }
)
PLANES = pa.schema(
    {
        "tailnum": pa.string(),
        "year": pa.int16(),
        "type": pa.string(),
        "manufacturer": pa.string(),
        "model": pa.string(),
        "engines": pa.int16(),
        "seats": pa.int16(),
        "speed": pa.float64(),
        "engine": pa.string(),
    }
)
AIRPORTS = pa.schema(
    {
        "faa": pa.string(),
        "name": pa.string(),
        "lat": pa.float64(),
        "lon": pa.float64(),
        "alt": pa.int32(),  # feet
        "tz": pa.int16(),  # hours from UTC
        "dst": pa.string(),
        "tzone": pa.string(),
    }
)
AIRLINES = pa.schema({"carrier": pa.string(), "name": pa.string()})

DAILY = {"schedule": SCHEDULE, "flights": pa.unify_schemas([SCHEDULE, OUTCOME]), "weather": WEATHER}
DIMENSION = {"planes": PLANES, "airports": AIRPORTS, "airlines": AIRLINES}
