"""Rows in a file that a person edits: Parquet or CSV."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from pipelines.core.errors import DataError, UsageError


def read_rows(path: Path, schema: pa.Schema) -> pa.Table:
    """The rows of a file, in the types of the schema where it has them; raises DataError or UsageError."""
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path, partitioning=None)
        types = {field.name: field.type for field in schema}
        return csv.read_csv(path, convert_options=csv.ConvertOptions(column_types=types))
    except FileNotFoundError as error:
        raise UsageError(f"{path}: is not there; name a file of rows") from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read ({error}); write Parquet, or CSV") from error


def write_rows(rows: pa.Table, path: Path) -> None:
    """Write rows to a new file; raises UsageError when there is one."""
    if path.exists():
        raise UsageError(f"{path}: is there already, and would be lost; name a new file")
    if path.suffix == ".parquet":
        pq.write_table(rows, path)
    else:
        csv.write_csv(rows, path)
