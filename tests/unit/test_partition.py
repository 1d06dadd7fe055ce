from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from pipelines.core.errors import DataError
from pipelines.data.partitions import plain, split_days, wide

DAYS = [date(2013, 10, day) for day in (1, 2, 3)]


def test_each_day_gets_its_rows_and_a_day_without_any_an_empty_table() -> None:
    rows = pa.table({"day": [DAYS[0], DAYS[0], DAYS[2]], "n": [1, 2, 3]})

    tables = split_days(rows, DAYS)

    assert {day.day: one["n"].to_pylist() for day, one in tables.items()} == {
        1: [1, 2],
        2: [],
        3: [3],
    }


def test_a_days_table_is_one_chunk_however_the_rows_came() -> None:
    one = pa.table({"day": [DAYS[0]], "n": [1]})

    tables = split_days(pa.concat_tables([one, one, one]), DAYS[:1])

    assert tables[DAYS[0]]["n"].num_chunks == 1
    assert tables[DAYS[0]]["n"].to_pylist() == [1, 1, 1]


def test_numbers_are_doubles_truths_are_numbers_and_nan_is_missing() -> None:
    rows = pa.table(
        {
            "flight": pa.array([1], pa.int32()),
            "carrier": pa.array(["UA"]).dictionary_encode(),
            "weekend": [True],
            "seats": pa.array([55], pa.int16()),
            "temp": [float("nan")],
        }
    )

    made = plain(rows, keep=("flight",))

    assert [str(field.type) for field in made.schema] == ["int32", "string", *["double"] * 3]
    assert made.to_pylist() == [
        {"flight": 1, "carrier": "UA", "weekend": 1.0, "seats": 55.0, "temp": None}
    ]


def test_totals_have_one_type_and_one_zero_whichever_engine_computed_them() -> None:
    rows = pa.table(
        {
            "hour": pa.array([5], pa.int16()),
            "carrier": pa.array(["UA"], pa.large_string()),
            "least": [-0.0],
            "day": [DAYS[0]],
        }
    )

    made = wide(rows)

    assert [str(field.type) for field in made.schema] == [
        "int64",
        "string",
        "double",
        "date32[day]",
    ]
    assert str(made["least"][0]) == "0.0"
    assert str(plain(rows, keep=("day",))["least"][0]) == "0.0"


def test_a_whole_number_that_a_double_cannot_hold_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"'account' has whole numbers beyond 2\^53"):
        plain(pa.table({"account": [2**53 + 1]}), ())
