"""What is known at midnight of the eight periods of an airport's day."""

from __future__ import annotations

from pipelines.define.features import Column, FeatureSet, LatestAsOf, WindowedAggregation


def afternoon(hour: Column) -> Column:
    """Whether the period begins at noon or later, when showers grow: 1 or 0."""
    return hour >= 12


def wet(inches: Column) -> Column:
    """Whether anything fell; null where nobody measured."""
    return inches > 0


FEATURES = FeatureSet(
    columns={
        "airport": "The airport, by its code.",
        "hour": "Hour at which the period begins, on the clock there.",
    },
    rows=(afternoon,),
    history=(
        WindowedAggregation("rainfall", wet, by=(("airport",), ("airport", "hour")), days=(3, 28)),
    ),
    latest=(
        LatestAsOf(
            "weather",
            by=("airport",),
            columns=("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure"),
            max_age_hours=6,
        ),
    ),
)
