from __future__ import annotations

from dataclasses import replace

import pytest
from sqlglot import exp

from pipelines.core.errors import ConfigError
from pipelines.define.features import (
    Column,
    DimensionJoin,
    FeatureSet,
    LatestAsOf,
    PeerCount,
    Window,
    WindowedAggregation,
)
from pipelines.problem.features import FEATURES


def hour(sched_dep_time: Column) -> Column:
    """Hour of the day."""
    return sched_dep_time // 100


def silent(sched_dep_time: Column) -> Column:
    return sched_dep_time // 100


def late(arr_delay: Column) -> Column:
    """Whether it was late."""
    return arr_delay >= 15


DECLARED = FeatureSet(
    columns={"carrier": "The airline."},
    rows=(hour,),
    lookups=(DimensionJoin("planes", by=("tailnum",), take={"built": "year"}),),
    crowds=(PeerCount("crowd", ("origin", "hour"), "How many."),),
    history=(
        WindowedAggregation("flights", late, by=(("carrier",), ("origin", "hour")), days=(7, 28)),
    ),
    latest=(LatestAsOf("weather", by=("origin",), columns=("temp",), max_age_hours=6),),
)


def test_names_stand_in_declared_order() -> None:
    assert DECLARED.names == (
        "carrier",
        "hour",
        "crowd",
        "late_rate_7d_by_carrier",
        "flights_count_7d_by_carrier",
        "late_rate_28d_by_carrier",
        "flights_count_28d_by_carrier",
        "late_rate_7d_by_origin_hour",
        "flights_count_7d_by_origin_hour",
        "late_rate_28d_by_origin_hour",
        "flights_count_28d_by_origin_hour",
        "weather_temp",
    )


def test_every_feature_has_an_entry_in_the_data_dictionary() -> None:
    assert tuple(FEATURES.dictionary) == FEATURES.names
    assert DECLARED.dictionary["hour"] == "Hour of the day."
    assert DECLARED.dictionary["late_rate_7d_by_origin_hour"] == (
        "Share of late among flights of the same origin and hour in the 7 days before the cutoff."
    )
    assert all(meaning.endswith(".") for meaning in FEATURES.dictionary.values())


def test_a_name_that_is_declared_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="'hour' is declared twice"):
        FeatureSet(columns={"hour": "A column of that name."}, rows=(hour,))


def test_two_histories_of_one_name_are_refused() -> None:
    lines = tuple(
        WindowedAggregation("flights", late, by=((key,),), days=(7,)) for key in ("carrier", "dest")
    )

    with pytest.raises(ConfigError, match="history 'late' is declared twice"):
        FeatureSet(columns={}, history=lines)


def test_a_row_feature_without_a_meaning_is_refused() -> None:
    with pytest.raises(ConfigError, match="'silent' has no docstring"):
        FeatureSet(columns={}, rows=(silent,))


def test_the_longest_window_says_how_far_back_a_night_reads() -> None:
    assert DECLARED.longest_window == 28
    assert FeatureSet(columns={}).longest_window == 0


def test_a_row_feature_is_a_plain_function_that_anybody_may_call() -> None:
    assert hour(exp.column("sched_dep_time")).sql("duckdb") == "sched_dep_time // 100"


def delay(arr_delay: Column) -> Column:
    """Minutes late."""
    return arr_delay


def test_one_line_is_a_family_of_features_and_each_says_what_it_is() -> None:
    history = WindowedAggregation(
        "flights",
        delay,
        by=(("origin", "dest"), ()),
        days=(28, Window(56, half_life=7)),
        functions=("mean", "max", "days_since"),
        prior_weight=20,
    )

    assert {one.name: one.about for one in history.features()} == {
        "delay_smoothed_mean_28d_by_origin_dest": "Mean delay of flights of the same origin and dest "
        "in the 28 days before the cutoff, drawn toward that of the same origin as if by 20 more.",
        "delay_max_28d_by_origin_dest": "Largest delay of flights of the same origin and dest "
        "in the 28 days before the cutoff.",
        "flights_days_since_28d_by_origin_dest": "Days since the last of flights of the same origin "
        "and dest in the 28 days before the cutoff.",
        "delay_smoothed_mean_56d_half_7d_by_origin_dest": "Mean delay of flights of the same origin "
        "and dest in the 56 days before the cutoff, counting half for each 7 days of age, drawn "
        "toward that of the same origin as if by 20 more.",
        "delay_mean_28d": "Mean delay of flights in the 28 days before the cutoff.",
        "delay_max_28d": "Largest delay of flights in the 28 days before the cutoff.",
        "flights_days_since_28d": "Days since the last of flights in the 28 days before the cutoff.",
        "delay_mean_56d_half_7d": "Mean delay of flights in the 56 days before the cutoff, "
        "counting half for each 7 days of age.",
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"days": (0,)}, "give whole days, 1 or more"),
        ({"days": (-7,)}, "give whole days, 1 or more"),
        ({"days": (7.5,)}, "give whole days, 1 or more"),
        ({"days": (Window(7), 0)}, "give whole days, 1 or more"),
        ({"days": ()}, "'late' needs keys, days and functions"),
        ({"by": ()}, "'late' needs keys, days and functions"),
        ({"by": ("origin",)}, r"has the key 'origin'; write \('origin',\)"),
        ({"functions": ("raet",)}, "asks for the 'raet'; did you mean 'rate'"),
        ({"functions": ("max",), "days": (Window(7, half_life=2),)}, "has nothing to weigh"),
        (
            {"functions": ("max",), "prior_weight": 5},
            "has a prior_weight, which is only for mean, rate",
        ),
        ({"prior_weight": -1}, "has prior_weight=-1"),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_is_declared(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(DECLARED.history[0], **changes)


def test_a_half_life_is_of_whole_days() -> None:
    with pytest.raises(ConfigError, match="give whole days, 1 or more"):
        Window(28, half_life=0)


def test_the_latest_row_must_be_allowed_some_age() -> None:
    with pytest.raises(ConfigError, match="may be 0 hours old; give more than 0"):
        LatestAsOf("weather", by=("origin",), columns=("temp",), max_age_hours=0)
