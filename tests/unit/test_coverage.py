"""A feature that is there on one side only is refused, and what is honestly rare or young is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.adapters.lake.lake import LocalLake
from pipelines.core.errors import ConfigError, DataError
from pipelines.core.records import FeatureTable, Partition
from pipelines.define.features import Column, FeatureSet, WindowedAggregation
from pipelines.define.problem import Problem
from pipelines.features.coverage import check_test, check_tonight
from pipelines.problem import PROBLEM

FIRST = date(2020, 1, 1)
ROWS = 40
Values = Callable[[int], list[Any]]  # number of the day → a value for each row


def late(arr_delay: Column) -> Column:
    """Whether it was late."""
    return arr_delay > 0


COUNT, RATE = "flights_count_28d_by_carrier", "late_rate_28d_by_carrier"
FEATURES = FeatureSet(
    columns={"temp": "Its temperature.", "code": "A letter."},
    history=(WindowedAggregation("flights", late, by=(("carrier",),), days=(28,)),),
)
TOY: Problem = replace(PROBLEM, first_day=FIRST, features=FEATURES)


def spread(n: int) -> list[Any]:
    return [float(row % 7 + 1) for row in range(ROWS)]


def always(value: Any, rows: int = ROWS) -> Values:
    return lambda n: [value] * rows


def until(n_days: int, early: Values, later: Values) -> Values:
    return lambda n: early(n) if n < n_days else later(n)


def a_table(root: Path, days: int, **values: Values) -> tuple[FeatureTable, LocalLake]:
    """Kept tables of so many days, the last of them tonight's."""
    lake = LocalLake(root)
    made: dict[str, Values] = {"temp": spread, "code": lambda n: ["a"] * ROWS}
    made |= {COUNT: spread, RATE: spread} | values
    kinds = {"code": pa.string()}
    kept: list[Partition] = []
    for n in range(days):
        columns = {
            name: pa.array(of(n), kinds.get(name, pa.float64())) for name, of in made.items()
        }
        shortest = min(map(len, columns.values()))
        columns = {name: one.slice(0, shortest) for name, one in columns.items()}
        kept.append(lake.write("features", FIRST + timedelta(days=n), pa.table(columns)))
    *history, tonight = kept
    table = FeatureTable(
        day=tonight.day,
        names=FEATURES.names,
        partition=tonight,
        history=tuple(history),
        fingerprint="",
    )
    return table, lake


def test_a_history_that_is_empty_in_training_and_right_tonight_is_refused(tmp_path: Path) -> None:
    table, lake = a_table(
        tmp_path,
        60,
        **{COUNT: until(59, always(0.0), spread), RATE: until(59, always(None), spread)},
    )

    with pytest.raises(DataError) as refusal:
        check_tonight(TOY, table, lake)

    told = str(refusal.value)
    assert (
        f"{RATE!r} has values tonight and none on the last 28 kept days (the last 28 kept days: "
        f"not null 0%, zero 0%; tonight: not null 100%, zero 0%); likewise {COUNT!r}; run" in told
    )
    assert "run `redeye validate --day 2020-02-29`" in told
    assert "`intermittent`" in told
    assert refusal.value.exit_code == 3


@pytest.mark.parametrize("name", [RATE, "temp", "code"])
def test_a_feature_that_is_null_on_one_side_is_refused(tmp_path: Path, name: str) -> None:
    there = always("a") if name == "code" else spread
    for case, values in (
        ("training", until(59, always(None), there)),
        ("tonight", until(59, there, always(None))),
    ):
        table, lake = a_table(tmp_path / case, 60, **{name: values})
        with pytest.raises(DataError, match=f"'{name}' has values"):
            check_tonight(TOY, table, lake)


def test_tonights_zeros_are_nothing_where_values_differ_within_a_day(tmp_path: Path) -> None:
    table, lake = a_table(tmp_path, 60, temp=until(59, spread, always(0.0)))

    with pytest.raises(
        DataError, match="'temp' has values on the last 28 kept days and none tonight"
    ):
        check_tonight(TOY, table, lake)


def honest() -> dict[str, tuple[int, dict[str, Values]]]:
    fewer = 19
    rare: Values = lambda n: [1.0 if n % 3 == 0 and row == 0 else None for row in range(ROWS)]  # noqa: E731
    return {
        "young": (14, {COUNT: until(13, always(0.0), spread)}),
        "small": (60, {COUNT: until(59, always(0.0), always(3.0, fewer))}),
        "rare": (60, {"temp": until(59, rare, always(None))}),
        "the first snow": (60, {"temp": until(59, always(0.0), spread)}),
        "constant within the day": (60, {"temp": until(59, lambda n: [1.0] * ROWS, always(0.0))}),
        "no events tonight": (60, {COUNT: until(59, spread, always(0.0, 0))}),
        "a third of rows": (60, {COUNT: until(59, always(0.0), lambda n: [1.0] * 13 + [0.0] * 27)}),
        "as it was": (60, {}),
    }


@pytest.mark.parametrize("case", honest())
def test_what_may_be_honest_passes(tmp_path: Path, case: str) -> None:
    days, values = honest()[case]
    table, lake = a_table(tmp_path, days, **values)

    check_tonight(TOY, table, lake)


def test_days_before_which_no_outcome_can_be_known_are_not_compared(tmp_path: Path) -> None:
    """Labels that take 30 days: the first history there is comes on the 31st."""
    slow = replace(TOY, label_maturity_days=30)
    table, lake = a_table(tmp_path, 32, **{COUNT: until(31, always(0.0), spread)})

    check_tonight(slow, table, lake)


def test_a_feature_declared_intermittent_may_be_on_one_side(tmp_path: Path) -> None:
    table, lake = a_table(tmp_path, 60, temp=until(59, always(None), spread))

    check_tonight(replace(TOY, features=replace(FEATURES, intermittent=("temp",))), table, lake)


@pytest.mark.parametrize(
    ("names", "told"), [(("tmp",), "did you mean 'temp'"), ("temp", r"write \('temp',\)")]
)
def test_an_intermittent_name_that_is_no_feature_is_refused(names: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        replace(FEATURES, intermittent=names)


def test_training_days_are_compared_with_test_days_and_with_tonight(tmp_path: Path) -> None:
    first, last = FIRST + timedelta(days=40), FIRST + timedelta(days=58)
    cases = {
        "on the test days": until(40, always(None), spread),
        "tonight": until(59, spread, always(None)),
    }
    for other, values in cases.items():
        table, lake = a_table(tmp_path / other, 60, **{RATE: values})
        with pytest.raises(DataError, match=rf"{other}: not null"):
            check_test(TOY, table, lake, first, last)
    table, lake = a_table(tmp_path / "both", 60)
    check_test(TOY, table, lake, first, last)
