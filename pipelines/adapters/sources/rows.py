"""Rows as a source hands them over, whatever it kept them in."""

from __future__ import annotations

from datetime import date

import pyarrow as pa


def of_day(rows: pa.Table, day: date) -> pa.Table:
    """The rows with their `day`, put first where the source keeps it in a name and not in a column."""
    if "day" in rows.column_names:
        return rows
    return rows.add_column(0, "day", pa.repeat(pa.scalar(day, pa.date32()), rows.num_rows))
