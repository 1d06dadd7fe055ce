from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from pipelines.data.expectations import Suite
from pipelines.data.schema_contract import conform, long_texts, off_calendar, stray_numbers

NEW_YORK = ZoneInfo("America/New_York")


def cutoff(day: date) -> datetime:
    return datetime.combine(day, time(), NEW_YORK).astimezone(UTC).replace(tzinfo=None)


def a_suite(instants: dict[str, tuple[int, int]]) -> Suite:
    columns = {"day": "date32", **dict.fromkeys(instants, "timestamp[us]")}
    return Suite("flights", "", (), columns, instants, "")


instant = datetime.fromisoformat


def instants(*values: datetime | None) -> pa.Array:
    return pa.array(values, pa.timestamp("us"))


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (pa.array([1, 2], pa.int64()), "int16"),
        (pa.array([1.0, 2.0]), "int32"),
        (pa.array(["1", None]), "int32"),
        (pa.array([None, None]), "string"),
        (pa.array(["a", "b"]).dictionary_encode(), "string"),
        (pa.array(["a", "b"], pa.large_string()), "string"),
        (pa.array(["2013-10-01", "2013-10-02"]), "date32"),
        (pa.array([math.nan, 1.0], pa.float32()), "float64"),
        (pa.array([instant("2013-10-01T00:00")], pa.timestamp("ns")), "timestamp[us]"),
        (pa.array([instant("2013-10-01T00:00")], pa.timestamp("ms")), "timestamp[us]"),
    ],
)
def test_a_type_that_says_the_same_is_cast(found: pa.Array, wanted: str) -> None:
    rows, results = conform(pa.table({"a": found}), {"a": wanted})

    assert not results
    assert rows.column("a").type == pa.type_for_alias(wanted)
    assert rows.column("a").null_count == found.null_count


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (pa.array([1.5, 2.0]), "int32"),
        (pa.array([70000]), "int16"),
        (pa.array(["7.0"]), "int32"),
        (pa.array(["many"]), "int32"),
        (pa.array([True]), "date32"),
        (pa.array([2**53 + 1], pa.int64()), "float64"),
        (pa.array([1e300]), "float32"),
        (pa.array([math.nan]), "int32"),
        (pa.array([1], pa.timestamp("ns")), "timestamp[us]"),
    ],
)
def test_a_cast_that_would_lose_something_is_critical(found: pa.Array, wanted: str) -> None:
    _, results = conform(pa.table({"a": found}), {"a": wanted})

    assert [(r.rule, r.severity, r.expected) for r in results] == [
        ("column(a)", "critical", wanted)
    ]
    assert str(found.type) in results[0].observed


def test_a_whole_number_in_words_is_that_number() -> None:
    rows, results = conform(pa.table({"a": ["0530", None, "-7"]}), {"a": "int32"})

    assert results == []
    assert rows["a"].to_pylist() == [530, None, -7]


def test_a_renamed_column_is_critical_and_the_new_name_is_suggested() -> None:
    rows = pa.table({"distance_km": [1], "origin": ["JFK"]})

    _, results = conform(rows, {"distance": "int32", "origin": "string"})

    missing, extra = results
    assert (missing.severity, extra.severity) == ("critical", "info")
    assert missing.observed == "missing; is it 'distance_km' now?"


def test_a_column_that_is_there_twice_is_critical() -> None:
    rows = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])

    _, results = conform(rows, {"a": "int64"})

    assert results[0].observed == "there more than once"


def test_order_is_ignored_and_an_extra_column_is_left_out() -> None:
    rows = pa.table({"extra": [1], "b": ["x"], "a": [1]})

    conformed, results = conform(rows, {"a": "int64", "b": "string"})

    assert conformed.column_names == ["a", "b"]
    assert [(r.rule, r.severity) for r in results] == [("column(extra)", "info")]


def test_nan_and_infinities_are_no_numbers_but_a_missing_value_may_be() -> None:
    rows = pa.table({"temp": [1.0, math.nan, None, math.inf, -math.inf, -0.0], "n": range(6)})

    (result,) = stray_numbers(rows)

    assert (result.rule, result.severity) == ("finite(temp)", "warning")
    assert result.bad_rows == (1, 3, 4)


def test_a_text_that_no_index_holds_is_named_and_one_that_no_value_has() -> None:
    texts = ["a", None, "x" * 600, "é" * 301, "x" * 65_536, "x" * 65_537]
    other = pa.array(texts, pa.large_string())
    rows = pa.table({"key": texts, "more": ["b"] * 6, "note": other, "n": range(6)})

    key, more, note = long_texts(rows, dict.fromkeys(("key", "more", "n"), "a part of the key"))

    assert (key.rule, key.severity, key.expected) == ("length(key)", "warning", "at most 600 bytes")
    assert key.bad_rows == (3, 4, 5)  # two texts of the key share what an index can hold
    assert more.bad_rows == ()
    assert (note.rule, note.bad_rows) == ("length(note)", (5,))


def test_rows_of_another_day_and_instants_outside_the_day_are_named() -> None:
    day = date(2013, 10, 1)
    rows = pa.table(
        {
            "day": pa.array([day, date(2013, 9, 30), None, day], pa.date32()),
            "scheduled_at": instants(
                instant("2013-10-01T04:00"),
                instant("2013-10-02T04:00"),
                None,
                instant("2013-10-01T03:59"),
            ),
        }
    )

    of_day, of_instant = off_calendar(rows, a_suite({"scheduled_at": (0, 0)}), day, cutoff)

    assert of_day.bad_rows == (1,)
    assert of_instant.bad_rows == (1, 3)
    assert "2013-10-01 04:00:00" in of_instant.expected


@pytest.mark.parametrize(("day", "hours"), [(date(2013, 3, 10), 23), (date(2013, 11, 3), 25)])
def test_a_day_on_which_the_clock_changes_has_all_its_hours_and_no_other(
    day: date, hours: int
) -> None:
    first = np.datetime64(cutoff(day), "us")
    every = first + np.arange(-1, hours + 1).astype("timedelta64[h]")
    rows = pa.table({"day": [day] * len(every), "observed_at": pa.array(every)})

    _, result = off_calendar(rows, a_suite({"observed_at": (0, 0)}), day, cutoff)

    assert result.bad_rows == (0, hours + 1)
