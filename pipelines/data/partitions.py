"""Partitions: rows cut into one table a day, named by their content, and read as of a night.

Two clocks decide what a night may read: a fact's own `known_at`, and the night from which a revision
counts in the lake.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
import pyarrow as pa
import pyarrow.compute as pc
from pipelines.data.ports import Lake
from pipelines.core.errors import DataError
from pipelines.core.records import Partition
from collections.abc import Sequence
import hashlib
import numpy as np
import pandas as pd

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


def as_of(revisions: Sequence[Partition], night: date | None) -> Partition | None:
    """The last revision that had landed by the night; None when it was not to be had.

    `revisions` are of one partition, oldest first. What the first night that asked for it ended with
    counts for all nights before its own: the history that it loads is known by its `known_at`. Events
    of the night's own day are what it is asked, not what it knows: if they came late, they count from
    when they came. A revision `for_all` nights, of a history that was fetched anew, counts as if it had
    been the first. Without a night, the newest.
    """
    found = revisions[0]  # nearly always the only one
    if len(revisions) > 1:
        until = date.max if night is None else max(night, _night(revisions[0]))
        found = [one for one in revisions if one.for_all or _night(one) <= until][-1]
    if not found.file and found.day == night:
        found = next((one for one in revisions if one.there), found)
    return found if found.file else None


def _night(revision: Partition) -> date:
    return revision.night or date.min


def checksum(predictions: pd.DataFrame) -> str:
    """SHA-256 over `event_key` and `score`, bit by bit, in key order; -0.0 is 0.0, as it is to SQLite."""
    ordered = predictions
    if not predictions["event_key"].is_monotonic_increasing:
        ordered = predictions.sort_values("event_key", kind="stable")
    digest = hashlib.sha256("\n".join(ordered["event_key"].tolist()).encode())
    digest.update(b"\0")  # where the keys end
    digest.update((ordered["score"].to_numpy(dtype=np.dtype("<f8")) + 0.0).tobytes())
    return digest.hexdigest()


def run_name(*parts: str) -> str:
    """A short name for work that is determined by these parts: 20 hexadecimal digits, 80 bits."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]
