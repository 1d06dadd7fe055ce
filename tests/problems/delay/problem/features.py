"""What is known of a flight at midnight before it leaves."""

from __future__ import annotations

from pipelines.define.expressions import iso_weekday
from pipelines.define.features import Column, FeatureSet, PeerCount, WindowedAggregation


def weekday(day: Column) -> Column:
    """Day of the week: 1 Monday to 7 Sunday."""
    return iso_weekday(day)


def hour(sched_dep_time: Column) -> Column:
    """Hour of the scheduled departure, on New York's clock."""
    return sched_dep_time // 100


def minutes_late(arr_delay: Column) -> Column:
    """Minutes from scheduled to real arrival, below 0 when early; null for a flight that never arrived."""
    return arr_delay


FEATURES = FeatureSet(
    columns={
        "carrier": "The airline, by its code.",
        "dest": "The airport of arrival.",
        "distance": "Miles to it.",
    },
    rows=(weekday, hour),
    crowds=(PeerCount("departures_that_hour", ("hour",), "Flights leaving in the same hour."),),
    history=(
        WindowedAggregation(
            "arrivals",
            minutes_late,
            by=(("carrier",), ("dest",), ("carrier", "flight"), ("hour",)),
            days=(7, 28),
            functions=("mean", "count"),
        ),
    ),
)
