"""What is known of a flight at midnight before it leaves: declared here, compiled and run elsewhere.

Month and day of the year are left out on purpose: one year of flights cannot teach a season, and
models that see the date do worse on the days that follow.
"""

from __future__ import annotations

from pipelines.define.expressions import iso_weekday, minutes, year
from pipelines.define.features import (
    Column,
    DimensionJoin,
    FeatureSet,
    LatestAsOf,
    PeerCount,
    WindowedAggregation,
)
from pipelines.problem.label import LATE_MINUTES


def weekday(day: Column) -> Column:
    """Day of the week: 1 Monday to 7 Sunday."""
    return iso_weekday(day)


def weekend(weekday: Column) -> Column:
    """Whether the flight leaves on a Saturday or Sunday: 1 or 0."""
    return weekday >= 6


def hour(sched_dep_time: Column) -> Column:
    """Hour of the scheduled departure on the clock of the origin, 0 to 23."""
    return sched_dep_time // 100


def arrival_hour(sched_arr_time: Column) -> Column:
    """Hour of the scheduled arrival on the clock of the destination, 0 to 24."""
    return sched_arr_time // 100


def clock_minutes(sched_dep_time: Column, sched_arr_time: Column) -> Column:
    """Minutes from scheduled departure to arrival, each read off its own airport's clock."""
    return (minutes(sched_arr_time) - minutes(sched_dep_time) + 1440) % 1440


def plane_age(day: Column, built: Column) -> Column:
    """Years since the plane was built."""
    return year(day) - built


def late(arr_delay: Column) -> Column:
    """Whether a flight arrived 15 minutes late or more; null for cancelled and diverted ones."""
    return arr_delay >= LATE_MINUTES


FEATURES = FeatureSet(
    columns={
        "carrier": "The airline, by its code.",
        "origin": "The airport of departure.",
        "dest": "The airport of arrival.",
        "distance": "Miles between the two.",
        "seats": "Seats of the plane.",
        "engines": "Engines of the plane.",
    },
    rows=(weekday, weekend, hour, arrival_hour, clock_minutes, plane_age),
    lookups=(
        DimensionJoin(
            "planes",
            by=("tailnum",),
            take={"built": "year", "seats": "seats", "engines": "engines"},
        ),
    ),
    crowds=(
        PeerCount(
            "departures_that_hour",
            ("origin", "hour"),
            "Flights leaving the origin in the same hour.",
        ),
        PeerCount(
            "arrivals_that_hour",
            ("dest", "arrival_hour"),
            "Flights arriving there in the same hour.",
        ),
    ),
    history=(
        WindowedAggregation(
            "flights",
            late,
            by=(
                ("carrier",),
                ("origin",),
                ("dest",),
                ("origin", "dest"),
                ("tailnum",),
                ("carrier", "flight"),
                ("origin", "hour"),
            ),
            days=(7, 28),
        ),
    ),
    latest=(
        LatestAsOf(
            "weather",
            by=("origin",),
            columns=("temp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"),
            max_age_hours=6,
        ),
    ),
)
