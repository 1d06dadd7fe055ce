"""Rows that were put aside, repaired by a person, on their way back in.

What landed stays as it landed. The repaired rows are kept beside it, with their places in it, from the
night of the release on; whoever judges that partition judges it with them, so that what is accepted is
what would have been accepted had they landed so. A correction by the source supersedes them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.data.ports import Lake
from pipelines.core.errors import DataError, UsageError
from pipelines.core.records import Partition

POSITION = "position"
TOLD = ("rule", "reason")


@dataclass(frozen=True)
class QuarantinedRows:
    """The rows of a partition that are in quarantine, and where in what landed they stood."""

    raw: Partition
    rows: pa.Table
    positions: np.ndarray


def released(table: str) -> str:
    """The dataset of a table's repaired rows; below raw, so that it is versioned with it."""
    return f"raw/{table}.released"


def find_aside(lake: Lake, table: str, day: date) -> QuarantinedRows:
    """What is in quarantine of a day; raises UsageError when there is nothing."""
    found = lake.find(f"quarantine/{table}", day, day)
    raws = lake.find(f"raw/{table}", day, day)
    if not found or not raws or not found[0].rows:
        raise UsageError(
            f"release {table} {day}: nothing is in quarantine; "
            f"data/quarantine/{table} has a folder for each day that has something"
        )
    landed, aside = with_repaired(lake, raws[0], _current(lake, table, raws[0])), lake.read(found)
    return QuarantinedRows(raws[0], aside, _positions(landed, aside.drop_columns(list(TOLD))))


def release(lake: Lake, table: str, aside: QuarantinedRows, rows: pa.Table, night: date) -> Partition:
    """Keep repaired rows in place of those put aside, in their order; known from the night on.

    Raises DataError unless there is one for each, with the columns that landed.
    """
    landed = lake.read([aside.raw])
    repaired = _as_landed(rows, landed.schema, f"release {table} {aside.raw.day}")
    if repaired.num_rows != aside.rows.num_rows:
        raise DataError(
            f"release {table} {aside.raw.day}: {repaired.num_rows} rows for {aside.rows.num_rows} that "
            f"are in quarantine; give one for each, in their order"
        )
    earlier = _current(lake, table, aside.raw)
    merged = _merged(lake, earlier, repaired.append_column(POSITION, pa.array(aside.positions)))
    if not lake.revisions(released(table), aside.raw.day, aside.raw.day):
        lake.write(released(table), aside.raw.day, None, night=aside.raw.night)
    return lake.write(released(table), aside.raw.day, merged, aside.raw.sha256, night)


def with_repaired(lake: Lake, raw: Partition, repaired: Partition | None) -> pa.Table:
    """The rows of a raw partition, those that were repaired in the places of the others."""
    landed = lake.read([raw])
    if repaired is None:
        return landed
    rows = lake.read([repaired])
    places = np.arange(landed.num_rows)
    places[rows[POSITION].to_numpy()] = landed.num_rows + np.arange(rows.num_rows)
    both = pa.concat_tables([landed, rows.drop_columns([POSITION])])
    return both.take(places).combine_chunks()


def _current(lake: Lake, table: str, raw: Partition) -> Partition | None:
    found = lake.find(released(table), raw.day, raw.day)
    return found[0] if found and found[0].origin == raw.sha256 else None


def _merged(lake: Lake, earlier: Partition | None, rows: pa.Table) -> pa.Table:
    """What was released before stays, unless the same place is repaired again."""
    if earlier is None:
        return rows
    before, again = lake.read([earlier]), set(rows[POSITION].to_pylist())
    stays = pa.array([place not in again for place in before[POSITION].to_pylist()])
    return pa.concat_tables([before.filter(stays), rows])


def _as_landed(rows: pa.Table, schema: pa.Schema, where: str) -> pa.Table:
    missing = [name for name in schema.names if name not in rows.column_names]
    if missing:
        raise DataError(f"{where}: no column {missing[0]!r}; give the columns that landed")
    try:
        return rows.select(schema.names).cast(schema)
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"{where}: {error}; give the types that landed") from error


def _positions(landed: pa.Table, aside: pa.Table) -> np.ndarray:
    """Where in what landed each row stood. Of equal rows the last: the first one of them is good."""
    wanted = Counter(_hashes(aside.select(landed.column_names)))
    places = []
    for place, row in reversed(list(enumerate(_hashes(landed)))):
        if wanted[row]:
            wanted[row] -= 1
            places.append(place)
    return np.array(places[::-1], dtype="int64")


def _hashes(rows: pa.Table) -> list[int]:
    frame = rows.to_pandas()
    return [int(one) for one in pd.util.hash_pandas_object(frame.astype(str), index=False)]
