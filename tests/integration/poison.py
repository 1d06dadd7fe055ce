"""Future poison: what a night must not know is made garbage, in the tables of any problem.

A night may know the events of its day and of earlier ones, dimension tables that are not newer, and
facts of earlier partitions that were known before the cutoff. All else is replaced here, a column
at a time, by other values of the same column, so that a query that reads it gives another answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.define.problem import Problem

Partitions = Mapping[str, Mapping[date, pa.Table]]  # table → day of the partition → rows
MORE, LATER = "more rows", "later partitions"
INSTANT = pa.timestamp("us")


@dataclass(frozen=True)
class Poison:
    """One way to change what a night must not know."""

    table: str
    what: str  # a column, or MORE or LATER

    def __str__(self) -> str:
        return f"{self.table}: {self.what}"


def poisons(problem: Problem, columns: Mapping[str, list[str]]) -> Iterator[Poison]:
    """Every column of every table of facts; rows that come on top; and for all tables, later partitions."""
    for table, names in columns.items():
        if problem.table(table).kind == "facts":
            yield from (Poison(table, name) for name in names)
            yield Poison(table, MORE)
        yield Poison(table, LATER)


def groups(problem: Problem, columns: Mapping[str, list[str]]) -> dict[str, list[Poison]]:
    """The poisons that may be given together without one hiding what another would show: a later time of
    knowing hides garbage from a query that is wrong by minutes only.
    """
    found: dict[str, list[Poison]] = {}
    for poison in poisons(problem, columns):
        times = {"known_at", *_observed(problem, poison.table)}
        single = poison.what in {MORE, LATER, *times}
        what = poison.what if single else "values"
        found.setdefault(f"{poison.table}: {what}", []).append(poison)
    return found


def poisoned_by_all(
    problem: Problem, partitions: Partitions, day: date, together: Iterable[Poison]
) -> Partitions:
    """The same partitions with several poisons."""
    for poison in together:
        partitions = poisoned(problem, partitions, day, poison)
    return partitions


def poisoned(
    problem: Problem, partitions: Partitions, day: date, poison: Poison
) -> dict[str, dict[date, pa.Table]]:
    """The same partitions with this poison for the night of the day."""
    rows: dict[date, pa.Table] = dict(partitions[poison.table])
    if poison.what == LATER:
        changed = rows | _later(problem, poison.table, rows, day)
    elif poison.what == MORE:
        last = max(known for known in rows if known < day)
        changed = rows | {last: _with_more(problem, poison.table, rows[last], day)}
    else:
        values = _values(rows, poison.what)
        changed = {
            known: _garbled(problem, poison, table, day, values)
            for known, table in rows.items()
            if known < day
        }
    return {name: dict(known) for name, known in partitions.items()} | {poison.table: changed}


def corrected(problem: Problem, partitions: Partitions, table: str) -> dict[date, pa.Table]:
    """Every partition of the table as a later correction could make it: all is garbage but the keys,
    the days and the times, and one row in seven is gone; events stay as many as they were.
    """
    rows, kept = partitions[table], _kept(problem, table) | set(problem.key)
    made = {}
    for day, honest in rows.items():
        made[day] = honest
        for name in set(honest.column_names) - kept:
            made[day] = _with(made[day], name, _moved(honest[name], _values(rows, name)))
        if problem.table(table).kind == "facts":
            made[day] = made[day].filter(pa.array(np.arange(len(honest)) % 7 > 0))
    return made


def poisoned_rows(problem: Problem, table: str, rows: pa.Table, day: date) -> int:
    """How many rows of a partition the night must not know."""
    return int(np.count_nonzero(_unknown(problem, table, rows, day)))


def _unknown(problem: Problem, table: str, rows: pa.Table, day: date) -> np.ndarray:
    """Rows known at or after the cutoff, and observations of after it, whenever they were known."""
    cutoff = pa.scalar(problem.cutoff(day), INSTANT)
    unknown = pc.fill_null(pc.greater_equal(rows["known_at"], cutoff), True)
    for at in _observed(problem, table):
        unknown = pc.or_(unknown, pc.fill_null(pc.greater_equal(rows[at], cutoff), True))
    return unknown.to_numpy()


def _observed(problem: Problem, table: str) -> set[str]:
    """Times of observation, of a table that is asked for its latest row only."""
    if any(history.table == table for history in problem.features.history):
        return set()
    return {latest.at for latest in problem.features.latest if latest.table == table}


def _garbled(
    problem: Problem, poison: Poison, rows: pa.Table, day: date, values: pa.Array
) -> pa.Table:
    """The unknown rows with other values in the column; times of knowing stay after the cutoff."""
    unknown, column = pa.array(_unknown(problem, poison.table, rows, day)), rows[poison.what]
    garbage = _moved(column, values)
    if poison.what in {"known_at", *_observed(problem, poison.table)}:
        later = pc.add(column, pa.scalar(timedelta(hours=3), pa.duration("us")))
        cutoff = pa.scalar(problem.cutoff(day), INSTANT)
        is_late = pc.fill_null(pc.greater_equal(column, cutoff), False)
        garbage = pc.if_else(is_late, later.cast(column.type), column)
    return _with(rows, poison.what, pc.if_else(unknown, garbage, column))


def _later(
    problem: Problem, table: str, rows: Mapping[date, pa.Table], day: date
) -> dict[date, pa.Table]:
    """Partitions of days whose night is yet to come, said to be known for long."""
    kind = problem.table(table).kind
    first = day if kind == "facts" else day + timedelta(days=1)
    kept, garbage = _kept(problem, table), rows[max(known for known in rows if known <= day)]
    for name in garbage.column_names:
        if name not in kept:
            garbage = _with(garbage, name, _moved(garbage[name], _values(rows, name)))
    made = {}
    for n in range(3):
        partition = first + timedelta(days=n)
        made[partition] = garbage
        if "day" in garbage.column_names:
            day_of = pa.array([partition] * len(garbage), pa.date32())
            made[partition] = _with(garbage, "day", day_of)
    return made


def _kept(problem: Problem, table: str) -> set[str]:
    """Columns without which garbage would not be read, or a row of a dimension table be what it was."""
    looked_up = {key for one in problem.features.lookups if one.table == table for key in one.by}
    return {"day", "known_at", *_observed(problem, table), *looked_up}


def _with_more(problem: Problem, table: str, rows: pa.Table, day: date) -> pa.Table:
    """Every row once more, observed and known at the very cutoff; and once more as another event, for
    of one that is told twice only what was known first counts.
    """
    more, cutoff = rows, pa.array([problem.cutoff(day)] * len(rows), INSTANT)
    for name in ("known_at", *_observed(problem, table)):
        more = _with(more, name, cutoff)
    numbers = [n for n in problem.key if n in rows.column_names and _is_whole(rows[n])]
    others = [_with(more, name, pc.add(more[name], 1)) for name in numbers[-1:]]
    return pa.concat_tables([rows, more, *others])


def _is_whole(column: pa.ChunkedArray) -> bool:
    return pa.types.is_integer(column.type)


def _values(rows: Mapping[date, pa.Table], column: str) -> pa.Array:
    """Every value of a column in any partition, in order."""
    found = pc.unique(pa.chunked_array([c for t in rows.values() for c in t[column].chunks]))
    found = found.drop_null()
    return found.take(pc.array_sort_indices(found))


def _moved(column: pa.ChunkedArray, values: pa.Array) -> pa.ChunkedArray:
    """Each value replaced by one half way round the circle of all values; of one alone, by null."""
    if len(values) < 2:
        return pa.chunked_array([pa.nulls(len(column), column.type)])
    place = pc.index_in(column, value_set=values).fill_null(0).to_numpy()
    return pa.chunked_array([values.take(pa.array((place + len(values) // 2) % len(values)))])


def _with(rows: pa.Table, name: str, column: pa.Array | pa.ChunkedArray) -> pa.Table:
    place = rows.schema.get_field_index(name)
    return rows.set_column(place, rows.field(name), column.cast(rows.field(name).type))
