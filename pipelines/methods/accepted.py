"""The partitions that one night may read, and what was made from which of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from pipelines.core.contracts import Lake, Problem
from pipelines.core.errors import DataError
from pipelines.core.records import Partition
from pipelines.methods.resolve import Shape

Kept = Mapping[date, Partition]


@dataclass(frozen=True)
class Accepted:
    """Accepted partitions by table and day: events until the day, facts until the day before."""

    problem: Problem
    lake: Lake
    first: date  # the first day whose features are kept up to date
    day: date
    tables: Mapping[str, Kept]

    @property
    def events(self) -> Kept:
        return self.tables[self.problem.events]

    @cached_property
    def shape(self) -> Shape:
        """The columns of every table, as its newest partition has them."""
        newest = {table: kept[max(kept)] for table, kept in self.tables.items()}
        schemas = {table: self.lake.read([one]).schema for table, one in newest.items()}
        return Shape(self.problem.events, self.problem.key, schemas)

    def slow(self, table: str, day: date) -> list[Partition]:
        """A slow table as it was known on the day: the last partition that is not newer."""
        return between(self.tables[table], date.min, day)[-1:]

    def relied_upon(self) -> list[Partition]:
        """The facts in the day's windows: read on the nights that made their totals, not on this one."""
        found, yesterday = [], self.day - timedelta(days=1)
        for history in self.problem.features.history:
            first = self.day - timedelta(days=history.longest)
            found += between(self.tables[history.table], first, yesterday)
        return found

    def files(self, found: Sequence[Partition], kept: Kept) -> pa.Table | list[Path]:
        """The files of the partitions found; without any, an empty table of what is kept."""
        if found:
            return [self.lake.path(partition) for partition in found]
        return self.lake.read([next(iter(kept.values()))]).slice(0, 0)


def find_accepted(problem: Problem, lake: Lake, first: date, day: date) -> Accepted:
    """What is accepted of every table that the declared features read.

    The lake may hold facts of the day itself, when a night is run again: they are not for it.
    Raises DataError when a table has nothing that could be used.
    """
    declared, yesterday = problem.features, day - timedelta(days=1)
    reaches = [latest.reach_days for latest in declared.latest]
    back = timedelta(days=max([declared.longest_window, *reaches]))
    spans = {problem.events: (first, day)}
    for lookup in declared.lookups:
        spans[lookup.table] = (problem.first_day, day)
    for facts in [
        *(one.table for one in declared.history),
        *(one.table for one in declared.latest),
    ]:
        spans[facts] = (first - back, yesterday)
    tables = {table: find(lake, f"accepted/{table}", *span) for table, span in spans.items()}
    for table, kept in tables.items():
        if not kept or (table == problem.events and day not in kept):
            raise DataError(
                f"features {day}: accepted/{table} has nothing for it; "
                f"run `redeye ingest --day {day}` and `redeye validate --day {day}` first"
            )
    return Accepted(problem, lake, first, day, tables)


def find(lake: Lake, dataset: str, first: date, last: date) -> dict[date, Partition]:
    """Current partitions of a dataset by day, oldest first."""
    return {partition.day: partition for partition in lake.find(dataset, first, last)}


def between(kept: Kept, first: date, last: date) -> list[Partition]:
    """The partitions of these days, oldest first."""
    return [kept[day] for day in sorted(kept) if first <= day <= last]


def fingerprint(text: str, partitions: Sequence[Partition]) -> str:
    """SHA-256 over a text (a query, a declaration) and what it reads."""
    parts = [text, *(one.sha256 for one in partitions)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
