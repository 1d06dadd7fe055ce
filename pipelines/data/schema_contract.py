"""The contract of a partition: its columns, its numbers and its calendar, checked before any rule.

A table's source may have got columns since; older partitions lack them.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Literal
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pipelines.data.ports import RuleResult
from pipelines.data.expectations import Suite
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pipelines.data.ports import Lake
from pipelines.core.errors import DataError
from pipelines.core.records import Partition

DAY = "day"
# Of a value; a longer one is no category, and would be copied into every page and model.
TEXT_BYTES = 2**16
# Of all texts of the key together. PostgreSQL indexes rows of 2,704 bytes, and an event's name, whose
# separators may double it, stands there with the run and the contender.
KEY_BYTES = 1200


def conform(
    rows: pa.Table, columns: Mapping[str, str], added: Collection[str] = ()
) -> tuple[pa.Table, list[RuleResult]]:
    """The rows in the contract's columns, order and types, and what was wrong.

    A column that is missing, or holds a value that would not survive the change of type there and
    back, is critical; the rows come back without it. An extra column is information: it stays in
    raw and is left out here. So is a missing one that was `added` since: it is empty.
    """
    names, arrays, results = [], [], []
    for name, alias in columns.items():
        wanted = pa.type_for_alias(alias)
        if name in added and name not in rows.column_names:
            names.append(name)
            arrays.append(pa.chunked_array([pa.nulls(rows.num_rows, wanted)]))
            results.append(_of_column(name, "info", "added since, read as missing values", alias))
            continue
        found = rows.column(name) if rows.column_names.count(name) == 1 else None
        kept = None if found is None else _cast(found, wanted)
        if kept is None:
            results.append(_broken(name, alias, rows))
        else:
            names.append(name)
            arrays.append(kept)
    extra = [name for name in rows.column_names if name not in columns]
    results.extend(
        _of_column(name, "info", "an extra column, left out", "the contract's columns")
        for name in extra
    )
    return pa.table(arrays, names=names), results


def lacking(rows: pa.Table, needs: Mapping[str, str]) -> list[RuleResult]:
    """Columns without which the table means nothing, whatever its suite asks for."""
    return [
        _of_column(name, "critical", "missing, or left out by meta.columns", what)
        for name, what in needs.items()
        if name not in rows.column_names
    ]


def stray_numbers(rows: pa.Table) -> list[RuleResult]:
    """NaN and infinities, column by column: a number is there or missing, and NaN passes any range."""
    columns = [field.name for field in rows.schema if pa.types.is_floating(field.type)]
    return [
        _by_row(
            f"finite({name})",
            _values(pc.invert(pc.is_finite(rows.column(name)))),
            "NaN or infinite",
            "a finite number, or missing",
        )
        for name in columns
    ]


def long_texts(rows: pa.Table, key: Collection[str]) -> list[RuleResult]:
    """Texts that no database could index, in columns of the key, or that are no values at all."""
    kinds = {field.name: field.type for field in rows.schema}
    texts = [n for n, of in kinds.items() if pa.types.is_string(of) or pa.types.is_large_string(of)]
    shared = max(sum(name in key for name in texts), 1)
    results = []
    for name in texts:
        most = KEY_BYTES // shared if name in key else TEXT_BYTES
        wrong = _values(pc.greater(pc.binary_length(rows.column(name)), most))
        limit = f"at most {most:,} bytes"
        results.append(_by_row(f"length({name})", wrong, "a longer text", limit))
    return results


def off_calendar(
    rows: pa.Table, suite: Suite, day: date, cutoff: Callable[[date], datetime]
) -> list[RuleResult]:
    """Rows of another day than their partition's, and instants outside the days the suite allows.

    `cutoff` gives the instant at which a day begins. Missing values are other rules' business.
    """
    results = []
    if DAY in suite.columns:
        wrong = _values(pc.not_equal(rows.column(DAY), pa.scalar(day)))
        results.append(_by_row(f"calendar({DAY})", wrong, "another day", f"{day}"))
    for name, (first, last) in suite.instants.items():
        start = cutoff(day + timedelta(days=first))
        end = cutoff(day + timedelta(days=last + 1))
        column = rows.column(name)
        out = pc.or_(
            pc.less(column, pa.scalar(start, column.type)),
            pc.greater_equal(column, pa.scalar(end, column.type)),
        )
        expected = f"from {start} to before {end} UTC"
        results.append(_by_row(f"calendar({name})", _values(out), "outside these days", expected))
    return results


def _by_row(rule: str, wrong: np.ndarray, observed: str, expected: str) -> RuleResult:
    bad = tuple(np.flatnonzero(wrong).tolist())
    seen = observed if bad else ""
    return RuleResult(rule, "warning", not bad, bad, seen, expected)


def _values(mask: pa.ChunkedArray) -> np.ndarray:
    values: np.ndarray = pc.fill_null(mask, fill_value=False).to_numpy()
    return values


def _cast(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray | None:
    """The column as the wanted type, or None if that would change what it says."""
    if column.type == wanted:
        return column
    try:
        plain = column.cast(column.type.value_type) if _encoded(column.type) else column
        kept = plain.cast(wanted)
        # A column without any value has the type null, to which nothing can be cast back; and a whole
        # number in words, 0007, is that number.
        named = pa.types.is_string(plain.type) and pa.types.is_integer(wanted)
        if named or pa.types.is_null(plain.type) or _alike(plain, kept.cast(plain.type)):
            return kept
    except pa.ArrowException:
        pass
    return None


def _encoded(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind))


def _alike(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    if pa.types.is_floating(one.type):
        # NaN equals nothing, itself included; it is reported where numbers are looked at.
        one, other = (pc.if_else(pc.is_nan(each), None, each) for each in (one, other))
    return bool(one.equals(other))


def _broken(name: str, alias: str, rows: pa.Table) -> RuleResult:
    times = rows.column_names.count(name)
    near = difflib.get_close_matches(name, rows.column_names, n=1)
    if times == 1:
        observed = f"{rows.schema.field(name).type} that cannot be cast without loss"
    elif times:
        observed = "there more than once"
    else:
        observed = f"missing; is it {near[0]!r} now?" if near else "missing"
    return _of_column(name, "critical", observed, alias)


def _of_column(
    name: str, severity: Literal["critical", "info"], observed: str, expected: str
) -> RuleResult:
    return RuleResult(
        rule=f"column({name})",
        severity=severity,
        passed=False,
        bad_rows=(),
        observed=observed,
        expected=expected,
    )


@dataclass(frozen=True)
class Additions:
    """Which columns were added to a table after a partition, as the other partitions show."""

    lake: Lake
    raws: Sequence[Partition]  # the table's, oldest first

    def since(self, raw: Partition, column: str) -> bool:
        """Whether the column came only with later days, or later nights, than the partition.

        The newest partition, and one among others that have the column, has lost it.
        """
        having = [one for one, schema in self._schemas if column in schema.names]
        if not having or raw.day >= self.raws[-1].day:
            return False
        earlier_night = (raw.night or date.min) < min(one.night or date.min for one in having)
        return earlier_night or raw.day < min(one.day for one in having)

    @cached_property
    def _schemas(self) -> list[tuple[Partition, pa.Schema]]:
        found = []
        for raw in self.raws:
            try:
                found.append((raw, self.lake.schema(raw)))
            except DataError:  # damaged: that is told where its rows are read
                continue
        return found
