"""The same declaration on Spark: the same features and totals, to the byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from small_world import World, a_world, flights
from test_features_random import AMOUNTS, FLAGS, WORDS, crowded, landed

from pipelines.adapters.engines.spark import SparkEngine
from pipelines.define.features import Window

SPRING, AUTUMN = date(2013, 3, 10), date(2013, 11, 3)

pytestmark = pytest.mark.slow


KEYS, SPANS = ((("a", "b"), ()), (2, Window(8, half_life=3)))
NARROW = [
    replace(one, by=KEYS, days=SPANS if one.prior_weight else SPANS[:1])
    for one in (AMOUNTS, FLAGS, WORDS)
]


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
    small = crowded("Pacific/Apia", *NARROW)
    on_duckdb, on_spark = (
        landed(small, tmp_path / name, small.asked) for name in ("duckdb", "spark")
    )

    on_duckdb.night(small.asked[-1])
    on_spark.night(small.asked[-1], engine=spark)

    assert len(on_spark.files("features")) == len(small.asked)
    assert_same(on_spark, on_duckdb)


def assert_same(one: World, other: World) -> None:
    for dataset in ("features", "history"):
        found, expected = one.files(dataset), other.files(dataset)
        assert [path for path in expected if found.get(path) != expected[path]] == []
