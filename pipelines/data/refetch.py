"""A table's history, landed again: what its source says of it now counts for all nights."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.data.ports import Lake
from pipelines.define.problem import Problem, Source, Table
from pipelines.core.errors import MissingDay, UsageError
from pipelines.core.text import nearest_name


@dataclass(frozen=True)
class Refetched:
    """Days that were asked for, those that became another revision, those the source no longer has."""

    asked: int
    changed: tuple[date, ...]
    missing: tuple[date, ...]


@dataclass(frozen=True)
class Span:
    """Days of a table to fetch on a night; without a first or a last one, all that the lake has."""

    night: date
    table: str
    first: date | None = None
    last: date | None = None


def refetch(span: Span, problem: Problem, source: Source, lake: Lake) -> Refetched:
    """Land days of a table again as revisions for all nights: each row's `known_at` says who knew it.

    Earlier revisions stay readable. A day that the source no longer has stays as it is. Raises UsageError
    for a table that has no days, and when there are none in the span.
    """
    table = _table(span, problem)
    days = _days(span, table, problem, lake)
    dataset = f"raw/{table.name}"
    changed, missing = [], []
    for day in days:
        before = lake.revisions(dataset, day, day).get(day, ())
        try:
            rows = source.read(table.name, day)
        except MissingDay:
            missing += [day] if before else []
            continue
        landed = lake.write(dataset, day, rows, night=span.night, for_all=True)
        changed += [day] if landed not in before else []
    return Refetched(len(days), tuple(changed), tuple(missing))


def _table(span: Span, problem: Problem) -> Table:
    tables = {table.name: table for table in problem.tables}
    if span.table not in tables:
        raise UsageError(
            f"ingest: {span.table!r} is no table of problem {problem.name!r}; "
            f"{nearest_name(span.table, tables)}"
        )
    if tables[span.table].kind == "dimension":
        raise UsageError(
            f"ingest: {span.table!r} is a dimension table, whose source has no past to fetch; leave out "
            f"--refetch: what changed in it counts from this night on"
        )
    return tables[span.table]


def _days(span: Span, table: Table, problem: Problem, lake: Lake) -> list[date]:
    """Days that are over for facts, and for events up to the night's own."""
    newest = span.night - timedelta(days=1) if table.kind == "facts" else span.night
    there = lake.revisions(f"raw/{table.name}", problem.first_day, newest)
    first = max(span.first or min(there, default=span.night), problem.first_day)
    last = min(span.last or newest, newest)
    if first > last:
        raise UsageError(
            f"ingest {span.night}: no day of {table.name} to fetch from {first} to {last}; give --from and "
            f"--to within {problem.first_day} to {newest}"
        )
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
