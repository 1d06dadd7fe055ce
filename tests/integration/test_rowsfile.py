"""Rows that a person edits come back as they were, and a spreadsheet runs none of them."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.adapters.sources.rowsfile import read_rows, write_rows

TEXTS = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", '=HYPERLINK("http://x","y")'),
    *("'=1", "''-1", "'plain", "plain", "a=b", "", "'", "０", "-"),
]


@pytest.fixture
def rows() -> pa.Table:
    numbers = [-1.5, *([2.0] * (len(TEXTS) - 1))]
    return pa.table({"=name": pa.array(TEXTS), "delay": numbers})


def test_no_text_of_a_csv_begins_a_formula_and_numbers_stay_numbers(
    rows: pa.Table, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"

    write_rows(rows, path)

    with path.open(newline="") as file:
        names, *lines = csv.reader(file)
    assert names == ["'=name", "delay"]
    assert not [text for text, _ in lines if text[:1] in tuple("=+-@\t\r\n")]
    assert [float(number) for _, number in lines] == rows["delay"].to_pylist()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_every_text_comes_back_as_it_was(rows: pa.Table, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{suffix}"

    write_rows(rows, path)

    assert read_rows(path, rows.schema).to_pydict() == rows.to_pydict()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_missing_value_and_an_empty_text_come_back_as_they_were(
    tmp_path: Path, ending: str
) -> None:
    rows = pa.table(
        {
            "name": pa.array(["a", None, "", "NULL", "nan"], pa.string()),
            "number": pa.array([1.0, None, 2.0, None, 3.0], pa.float64()),
            "yes": pa.array([True, None, False, None, True], pa.bool_()),
        }
    )

    write_rows(rows, tmp_path / f"rows.{ending}")

    assert read_rows(tmp_path / f"rows.{ending}", rows.schema) == rows
