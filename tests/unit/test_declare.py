from __future__ import annotations

import pytest
from sqlglot import exp

from pipelines.core.errors import ConfigError
from pipelines.methods.declare import Column, Crowd, FeatureSet, History, Latest, Lookup
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
    lookups=(Lookup("planes", by=("tailnum",), take={"built": "year"}),),
    crowds=(Crowd("crowd", ("origin", "hour"), "How many."),),
    history=(History("flights", late, by=(("carrier",), ("origin", "hour")), days=(7, 28)),),
    latest=(Latest("weather", by=("origin",), columns=("temp",), max_age_hours=6),),
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
    lines = tuple(History("flights", late, by=((key,),), days=(7,)) for key in ("carrier", "dest"))

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
