"""Rows of many days cut into one table a day, spelled one way, and kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.data.ports import Lake
from pipelines.core.errors import DataError
from pipelines.core.records import Partition

WRITERS = 8  # threads that write partitions


def split_days(rows: pa.Table, days: Sequence[date]) -> dict[date, pa.Table]:
    """The rows of each day, in their order; a day without rows has an empty table.

    `rows` are in order of their column `day`.
    """
    found = pc.value_counts(rows["day"]).to_pylist()
    starts, start = {}, 0
    for group in found:
        starts[group["values"]] = (start, group["counts"])
        start += group["counts"]
    # One chunk a table: the bytes of a Parquet file depend on how its rows are chunked.
    return {day: rows.slice(*starts.get(day, (0, 0))).combine_chunks() for day in days}


def differing(one: pa.Table, other: pa.Table) -> dict[str, int]:
    """The columns that are not the same in both tables, each with how many rows differ.

    Rows that only one of them has differ in all columns.
    """
    more, common = abs(one.num_rows - other.num_rows), min(one.num_rows, other.num_rows)
    counts = {
        name: more + common - _equal(one[name][:common], other[name][:common])
        for name in one.column_names
        if name in other.column_names
    }
    return {name: count for name, count in counts.items() if count}


def _equal(one: pa.ChunkedArray, other: pa.ChunkedArray) -> int:
    same = pc.fill_null(pc.equal(one, other), fill_value=False)
    absent = pc.and_(pc.is_null(one), pc.is_null(other))
    return int(pc.sum(pc.or_(same, absent)).as_py() or 0)


def wide(rows: pa.Table) -> pa.Table:
    """Whole numbers as int64 and text as strings, whichever engine computed them."""
    return pa.table({name: _wide(rows[name]) for name in rows.column_names})


def _wide(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    if pa.types.is_floating(column.type):
        return _one_zero(column.cast(pa.float64()))
    return column.cast(pa.string()) if _is_text(column.type) else column


def _one_zero(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    """0 in place of -0, which equals it: an engine that sorts may or may not keep the sign."""
    return pc.add(numbers, 0.0)


def write_partitions(
    lake: Lake, dataset: str, tables: Mapping[date, pa.Table], origins: Mapping[date, str]
) -> dict[date, Partition]:
    """Write a partition a day, side by side: each write mostly waits for the disk."""
    with ThreadPoolExecutor(WRITERS) as writers:
        writes = {
            day: writers.submit(lake.write, dataset, day, rows, origins[day])
            for day, rows in tables.items()
        }
        return {day: write.result() for day, write in writes.items()}


def plain(rows: pa.Table, keep: Collection[str]) -> pa.Table:
    """Every column that is not to be kept as it is: text as strings, all else as float64, NaN as null.

    Raises DataError for a whole number that a double cannot hold.
    """
    columns = {
        name: rows[name] if name in keep else _plain(name, rows[name]) for name in rows.column_names
    }
    return pa.table(columns)


def _plain(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    if _is_text(column.type):
        return column.cast(pa.string())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    try:
        numbers = _one_zero(column.cast(pa.float64()))
    except pa.ArrowInvalid as error:
        raise DataError(
            f"features: {name!r} has whole numbers beyond 2^53, which a double cannot hold; if they are "
            f"names, cast them to text in the declaration or the source ({error})"
        ) from error
    return pc.if_else(pc.is_nan(numbers), None, numbers)


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)
    )
