"""The partitions that features may read: of each table what was known, of each day what it needs."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from pipelines.core.errors import DataError
from pipelines.core.records import Partition
from pipelines.data.partitions import as_of
from pipelines.data.ports import Lake
from pipelines.define.problem import Problem
from pipelines.features.day_tables import HISTORY, runs_of
from pipelines.features.scope import TableSchemas

Revisions = Mapping[date, tuple[Partition, ...]]  # every revision of a table's partitions
Found = dict[date, Partition | None]  # None: one that has not come yet
Reads = dict[str, Found]  # input of the query → day → partition
# So many days and rows are computed at once: memory stays bounded, however long the history.
PIECE_DAYS, PIECE_ROWS = 56, 500_000
DIMENSION = date.min  # where the one partition of a dimension table stands among the days


@dataclass(frozen=True)
class Accepted:
    """Every accepted revision that a night's features may read, by table and day."""

    problem: Problem
    lake: Lake
    first: date  # the first day whose features are kept up to date
    day: date
    tables: Mapping[str, Revisions]
    now: bool = False  # as known now, and not as known for each day's own night

    @cached_property
    def days(self) -> list[date]:
        """Days with events that the night knew of: features are computed for each."""
        events = self.tables[self.problem.events]
        found = (day for day in sorted(events) if as_of(events[day], self._night(self.day)))
        return [day for day in found if day == self.day or not self.now]

    @cached_property
    def _sorted(self) -> Mapping[str, list[date]]:
        return {table: sorted(revisions) for table, revisions in self.tables.items()}

    @cached_property
    def _alone(self) -> dict[str, dict[date, Partition]]:
        """Partitions that never changed, as nearly all: each night knows them alike."""
        return {
            table: {day: one[0] for day, one in kept.items() if len(one) == 1 and one[0].file}
            for table, kept in self.tables.items()
        }

    @cached_property
    def shape(self) -> TableSchemas:
        """The columns of every table, as its newest partition has them."""
        newest = {table: self._newest(table, self.day) for table in self.tables}
        schemas = {table: self.lake.schema(one) for table, (one,) in newest.items()}
        problem = self.problem
        days = problem.label_maturity_days
        return TableSchemas(problem.events, problem.key, schemas, problem.outcomes, days)

    def reads(self, day: date) -> Reads:
        """What the features of a day are made from; of a history, the facts behind its totals.

        No partition that none of its windows reaches, and each at the revision known for the day.
        """
        declared = self.problem.features
        found = {self.problem.events: self._since(self.problem.events, day, day, day)}
        for lookup in declared.lookups:
            found[lookup.table] = dict(
                zip([DIMENSION], self._newest(lookup.table, day), strict=False)
            )
        for history in declared.history:
            found[HISTORY + history.name] = self._before(history.table, day, history.longest)
        for latest in declared.latest:
            found[latest.table] = self._before(latest.table, day, latest.reach_days)
        return found

    def files(self, table: str, found: Iterable[Partition]) -> pa.Table | list[Path]:
        """The files of partitions of a table; without any, an empty table like its newest one."""
        paths = [self.lake.path(partition) for partition in found]
        return paths or self.shape.schema(table).empty_table()

    def _before(self, table: str, day: date, n_days: int) -> Found:
        problem, last = self.problem, day - timedelta(days=1)
        if table == problem.outcomes:
            last = problem.last_mature_day(day)
        return self._since(table, last - timedelta(days=n_days - 1), last, day)

    def _since(self, table: str, first: date, last: date, night: date) -> Found:
        revisions, known, days = self.tables[table], self._night(night), self._sorted[table]
        reached = days[bisect_left(days, first) : bisect_right(days, last)]
        alone = self._alone[table]
        return {day: alone.get(day) or as_of(revisions[day], known) for day in reached}

    def has(self, table: str) -> bool:
        """Whether the night knows anything of a table; of the events, those of its own day."""
        if table == self.problem.events:
            return self.day in self.days
        return bool(self._newest(table, self.day))

    def _newest(self, table: str, night: date) -> list[Partition]:
        """The newest partition that is not newer than the night, and was known for it."""
        revisions, known = self.tables[table], self._night(night)
        days = self._sorted[table]
        newest_first = reversed(days[: bisect_right(days, night)])
        found = (as_of(revisions[day], known) for day in newest_first)
        return [partition for partition in found if partition is not None][:1]

    def _night(self, night: date) -> date | None:
        return None if self.now else night


def find_accepted(
    problem: Problem, lake: Lake, first: date, day: date, *, now: bool = False
) -> Accepted:
    """What is accepted of every table that the declared features read.

    The lake may hold facts of the day itself, when a night is run again: they are not for it.
    Raises DataError when a table has nothing that could be used.
    """
    declared, yesterday = problem.features, day - timedelta(days=1)
    reaches = [latest.reach_days for latest in declared.latest]
    longest = max([declared.longest_window, *reaches])
    back = timedelta(days=longest + problem.label_maturity_days)
    spans = {problem.events: (first, day)}
    for lookup in declared.lookups:
        spans[lookup.table] = (problem.first_day, day)
    for facts in [
        *(one.table for one in declared.history),
        *(one.table for one in declared.latest),
    ]:
        spans[facts] = (first - back, yesterday)
    tables = {table: lake.revisions(f"accepted/{table}", *span) for table, span in spans.items()}
    accepted = Accepted(problem, lake, first, day, tables, now)
    for table in tables:
        if not accepted.has(table):
            raise DataError(
                f"features {day}: accepted/{table} has nothing for it; "
                f"run `redeye ingest --day {day}` and `redeye validate --day {day}` first"
            )
    return accepted


def fingerprint(text: str, partitions: Iterable[Partition]) -> str:
    """SHA-256 over a text (a query, a declaration) and what it reads."""
    parts = [text, *(one.sha256 for one in partitions)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def merged(reads: Iterable[Reads]) -> dict[str, list[Partition]]:
    """What days that go together read of each input, oldest first."""
    found: Reads = {}
    for tables in reads:
        for name, kept in tables.items():
            found.setdefault(name, {}).update(kept)
    return {name: [one for _, one in sorted(kept.items()) if one] for name, kept in found.items()}


def batch_days(reads: Mapping[date, Reads]) -> list[list[date]]:
    """Days, oldest first, in pieces that are computed at once.

    The days of a piece agree on the revision of whatever they share, and on what has not come yet.
    """
    pieces: list[list[date]] = []
    shared: dict[tuple[str, date], Partition | None] = {}
    for day, tables in reads.items():
        own = {(name, p): one for name, kept in tables.items() for p, one in kept.items()}
        at_odds = any(shared.get(place, one) != one for place, one in own.items())
        if not pieces or at_odds or _too_large([*pieces[-1], day], shared | own):
            pieces.append([])
            shared = {}
        pieces[-1].append(day)
        shared |= own
    return pieces


def _too_large(days: list[date], read: Mapping[tuple[str, date], Partition | None]) -> bool:
    n_days = (days[-1] - days[0]).days + 1
    return n_days > PIECE_DAYS or sum(one.rows for one in read.values() if one) > PIECE_ROWS


def layers(partitions: Iterable[Partition]) -> Iterator[dict[date, Partition]]:
    """Partitions by day, in pieces that are computed at once, each day in it once."""
    left = sorted(partitions, key=lambda one: (one.day, one.revision))
    while left:
        layer: dict[date, Partition] = {}
        for one in left:
            layer.setdefault(one.day, one)
        left = [one for one in left if layer[one.day] is not one]
        for piece in runs_of(list(layer), PIECE_DAYS):
            yield {day: layer[day] for day in piece}
