"""Rows in a file that a person edits: Parquet or CSV.

A spreadsheet runs a text that begins with = + - @ as a formula, so in a CSV an apostrophe stands before
it. Reading takes that apostrophe away again; numbers stay numbers. An empty field is a missing value, and
"" in quotation marks an empty text.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from pipelines.core.atomic_files import open_regular
from pipelines.core.errors import DataError, UsageError

# Text that looks like one with its apostrophe gets another, so that every text comes back as it was.
FORMULA = r"^('*[=+\-@\t\r\n])"
ESCAPED = r"^'('*[=+\-@\t\r\n])"


def read_rows(path: Path, schema: pa.Schema) -> pa.Table:
    """The rows of a file, in the types of the schema where it has them; raises DataError or UsageError."""
    try:
        open_regular(path).close()
        if path.suffix == ".parquet":
            return pq.read_table(path, partitioning=None)
        types = {_escape(field.name): field.type for field in schema}
        rows = csv.read_csv(
            path,
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except FileNotFoundError as error:
        raise UsageError(f"{path}: is not there; name a file of rows") from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read ({error}); write Parquet, or CSV") from error
    return _replaced(rows, ESCAPED, r"\1")


def write_rows(rows: pa.Table, path: Path) -> None:
    """Write rows to a new file; raises UsageError when there is one."""
    if path.exists():
        raise UsageError(f"{path}: is there already, and would be lost; name a new file")
    if path.suffix == ".parquet":
        pq.write_table(rows, path)
    else:
        csv.write_csv(_replaced(rows, FORMULA, r"'\1"), path)


def _escape(text: str) -> str:
    return str(pc.replace_substring_regex(text, FORMULA, r"'\1").as_py())


def _replaced(rows: pa.Table, pattern: str, by: str) -> pa.Table:
    """The rows with a pattern replaced in every text and column name."""
    columns = [
        pc.replace_substring_regex(column, pattern, by) if _is_text(column.type) else column
        for column in rows.columns
    ]
    names = pc.replace_substring_regex(pa.array(rows.column_names, pa.string()), pattern, by)
    return pa.table(columns, names=names.to_pylist())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
