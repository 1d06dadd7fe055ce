"""ingest: land what the night needs and the lake does not have, and version all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pipelines.core.errors import DataError, MissingDay
from pipelines.core.records import Landed, Partition

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.core.config import IngestParams
    from pipelines.core.contracts import Lake, Problem, Source, Table, Versions

WRITERS = 8  # threads that write partitions: they mostly wait for the disk


def ingest(
    day: date,
    params: IngestParams,
    problem: Problem,
    source: Source,
    lake: Lake,
    versions: Versions,
    landed: Landed | None = None,
) -> Landed:
    """Land events up to the day, facts up to the day before, slow tables when they changed.

    A day that the lake has is not asked for again, but for the newest of each table: a correction
    of it becomes a revision, and the same rows change nothing. An older day that the source lacks
    is left out and told of; of the newest ones none may be missing. A night that changes nothing
    gives back the record that it `landed` before.
    """
    if day < problem.first_day:
        raise DataError(
            f"ingest {day}: {problem.name} begins on {problem.first_day}; ask for a later day"
        )
    landing = _Landing(problem, source, lake, day, _start(day, params, problem))
    with ThreadPoolExecutor(WRITERS) as writers:
        for table in problem.tables:
            landing.land(table, writers)
    arrived = landing.arrived()
    partitions = tuple(p for table in problem.tables for p in landing.there(table))
    if landed is not None and landed.partitions == partitions:
        return landed
    version, recorded = versions.record(day)
    rows = Counter({table.name: 0 for table in problem.tables})
    for partition in arrived:
        rows[partition.dataset.removeprefix("raw/")] += partition.rows
    return Landed(
        day=day,
        version=version,
        recorded=recorded,
        partitions=partitions,
        new=len(arrived),
        rows=dict(rows),
        missing=tuple(landing.missing),
    )


def _start(day: date, params: IngestParams, problem: Problem) -> date:
    """The first day of history, never before the source's first."""
    known = (day - problem.first_day).days
    return day - timedelta(days=min(params.history_days, known))


@dataclass
class _Landing:
    """One night's landing: what was there, what is being written, what was not to be had."""

    problem: Problem
    source: Source
    lake: Lake
    day: date
    start: date
    before: dict[tuple[str, date], str] = field(default_factory=dict)  # → checksum
    writes: list[Future[Partition]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def land(self, table: Table, writers: ThreadPoolExecutor) -> None:
        """Start the writing of every partition of a table that has to be."""
        there = self.there(table)
        self.before |= {(p.dataset, p.day): p.sha256 for p in there}
        wanted = self._slow(table, there) if table.kind == "slow" else self._daily(table, there)
        for day, rows in wanted:
            self.writes.append(writers.submit(self.lake.write, f"raw/{table.name}", day, rows))

    def there(self, table: Table) -> list[Partition]:
        """The partitions of a table that the night needs and the lake has."""
        first = self.problem.first_day if table.kind == "slow" else self.start
        return self.lake.find(f"raw/{table.name}", first, self._newest(table))

    def arrived(self) -> list[Partition]:
        """The partitions that are new, or have become another revision."""
        written = [write.result() for write in self.writes]
        return [p for p in written if self.before.get((p.dataset, p.day)) != p.sha256]

    def _newest(self, table: Table) -> date:
        """Outcomes are asked for only of days that are over when the night is made."""
        return self.day - timedelta(days=1) if table.kind == "facts" else self.day

    def _daily(self, table: Table, there: list[Partition]) -> Iterator[tuple[date, pa.Table]]:
        newest = self._newest(table)
        kept = {partition.day for partition in there} - {newest}
        for position in range((newest - self.start).days + 1):
            day = self.start + timedelta(days=position)
            if day in kept:
                continue
            try:
                yield day, self.source.read(table.name, day)
            except MissingDay:
                if day == newest:
                    raise
                self.missing.append(f"{table.name} {day}")

    def _slow(self, table: Table, there: list[Partition]) -> Iterator[tuple[date, pa.Table]]:
        """A slow table is known from its first landing on, as if it had been so all along."""
        rows = self.source.read(table.name, self.day)
        if not there:
            yield self.start, rows
        elif not self.lake.read(there[-1:]).equals(rows):
            yield self.day, rows
