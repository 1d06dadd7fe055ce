"""The same declaration on Spark: the same features and totals, to the byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from small_world import World, a_world, flights

from pipelines.adapters.sparkengine import SparkEngine
from pipelines.methods.declare import Column, History, Window
from pipelines.problem.features import FEATURES

SPRING, AUTUMN = date(2013, 3, 10), date(2013, 11, 3)

pytestmark = pytest.mark.slow


def delay(arr_delay: Column) -> Column:
    """Minutes late."""
    return arr_delay


def much(arr_delay: Column) -> Column:
    """Whether it is an hour late."""
    return arr_delay >= 60


def plane(tailnum: Column) -> Column:
    """Its plane."""
    return tailnum


KEYS: tuple[tuple[str, ...], ...] = (("carrier",), ("origin", "hour"), ())
WINDOWS = (3, 14, Window(14, half_life=5))
RICH = replace(
    FEATURES,
    history=(
        History(
            "flights",
            delay,
            by=KEYS,
            days=WINDOWS,
            measures=("sum", "mean", "min", "max", "distinct", "last", "days_since"),
            at="scheduled_at",
        ),
        History("flights", much, by=KEYS, days=WINDOWS, measures=("rate", "mean"), smooth=20),
        History("flights", plane, by=KEYS, days=(7,), measures=("last", "distinct")),
    ),
)


def test_a_world_has_the_same_features_on_spark(tmp_path: Path, spark: SparkEngine) -> None:
    tables = flights(AUTUMN - timedelta(days=33), 36)
    on_duckdb, on_spark = (a_world(tmp_path / name, tables) for name in ("duckdb", "spark"))

    on_duckdb.night(AUTUMN + timedelta(days=2))
    on_spark.night(AUTUMN + timedelta(days=2), engine=spark)

    assert len(on_spark.files("features")) == len(tables["schedule"])
    assert_same(on_spark, on_duckdb)


def test_a_night_on_spark_continues_what_duckdb_began(tmp_path: Path, spark: SparkEngine) -> None:
    tables = flights(SPRING - timedelta(days=33), 36, seed=3)
    on_duckdb, on_both = (a_world(tmp_path / name, tables) for name in ("duckdb", "both"))
    nights = [SPRING + timedelta(days=n) for n in (1, 2)]

    for night in nights:
        on_duckdb.night(night)
    on_both.night(nights[0])
    begun = set(on_both.files())
    on_both.night(nights[1], engine=spark)

    assert begun < set(on_both.files())
    assert_same(on_both, on_duckdb)


def test_everything_that_can_be_declared_is_the_same_on_spark(
    tmp_path: Path, spark: SparkEngine
) -> None:
    tables = flights(AUTUMN - timedelta(days=24), 27, seed=5)
    worlds = [a_world(tmp_path / name, tables) for name in ("duckdb", "spark")]
    on_duckdb, on_spark = (
        replace(world, problem=replace(world.problem, features=RICH)) for world in worlds
    )

    on_duckdb.night(AUTUMN + timedelta(days=2))
    on_spark.night(AUTUMN + timedelta(days=2), engine=spark)

    assert_same(on_spark, on_duckdb)


def assert_same(one: World, other: World) -> None:
    for dataset in ("features", "history"):
        found, expected = one.files(dataset), other.files(dataset)
        assert [path for path in expected if found.get(path) != expected[path]] == []
