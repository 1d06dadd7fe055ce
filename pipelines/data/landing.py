"""One night's landing: which partitions of raw data are asked for, and what becomes of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pipelines.core.errors import MissingDay
from pipelines.core.records import Partition
from pipelines.data.effective_settings import refetch_days

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.core.config import IngestParams
    from pipelines.data.ports import Lake
    from pipelines.define.problem import Problem, Source, Table

WRITERS = 8  # threads that write partitions: they mostly wait for the disk


@dataclass
class Landing:
    """One night's landing: what was there, what is being written, what was not to be had."""

    problem: Problem
    source: Source
    lake: Lake
    day: date
    params: IngestParams
    before: dict[tuple[str, date], Partition] = field(default_factory=dict)
    writes: list[Future[Partition]] = field(default_factory=list)
    absent: list[tuple[Table, date]] = field(default_factory=list)

    def land_all(self) -> None:
        """Land every table of the problem, and then remember what was not to be had."""
        with ThreadPoolExecutor(WRITERS) as writers:
            for table in self.problem.tables:
                self._land(table, writers)
        self._keep_absences()

    def _land(self, table: Table, writers: ThreadPoolExecutor) -> None:
        """Start the writing of every partition of a table that has to be."""
        there = self.lake.find(f"raw/{table.name}", self._first(table), self._newest(table))
        self.before |= {(p.dataset, p.day): p for p in there}
        wanted = self._dimension(table) if table.kind == "dimension" else self._daily(table, there)
        for day, rows in wanted:
            self.writes.append(writers.submit(self._write, table, day, rows))

    def _keep_absences(self) -> None:
        """Remember what was not to be had, now that the night has all that it must have.

        A night that fails says nothing of the past: its source may have been the wrong one, and what the
        right one brings would count only from then on.
        """
        for table, day in self.absent:
            self._write(table, day, None)

    @property
    def missing(self) -> list[str]:
        return [f"{table.name} {day}" for table, day in self.absent]

    def there(self, table: Table) -> list[Partition]:
        """The partitions of a table that the night needs, as they are known for it."""
        dataset, last = f"raw/{table.name}", self._newest(table)
        return self.lake.find(dataset, self._first(table), last, self.day)

    def arrived(self) -> list[Partition]:
        """The partitions that are new, or have become another revision."""
        written = [write.result() for write in self.writes]
        before = {name: partition.sha256 for name, partition in self.before.items()}
        return [p for p in written if before.get((p.dataset, p.day)) != p.sha256]

    @property
    def _start(self) -> date:
        """The first day of history, never before the source's first."""
        known = (self.day - self.problem.first_day).days
        return self.day - timedelta(days=min(self.params.history_days, known))

    def _first(self, table: Table) -> date:
        return self.problem.first_day if table.kind == "dimension" else self._start

    def _newest(self, table: Table) -> date:
        """Outcomes are asked for only of days that are over when the night is made."""
        return self.day - timedelta(days=1) if table.kind == "facts" else self.day

    def _daily(self, table: Table, there: list[Partition]) -> Iterator[tuple[date, pa.Table]]:
        newest, kept = self._newest(table), {partition.day: partition for partition in there}
        again = refetch_days(self.params, self.problem) if table.kind == "facts" else 1
        for position in range((newest - self._start).days + 1):
            day = self._start + timedelta(days=position)
            if (newest - day).days >= again and not self._wanted(table, kept.get(day)):
                continue
            try:
                yield day, self.source.read(table.name, day)
            except MissingDay:
                if day not in kept:
                    self.absent.append((table, day))
                if day == newest:
                    raise

    def _wanted(self, table: Table, kept: Partition | None) -> bool:
        """Whether an older day is asked for: it is not there, or landed before it was complete."""
        return kept is None or (table.kind == "facts" and self._early(kept))

    def _early(self, kept: Partition) -> bool:
        return kept.night is not None and kept.night < self.problem.complete(kept.day)

    def _dimension(self, table: Table) -> Iterator[tuple[date, pa.Table]]:
        """A dimension table is known from its first landing on, as if it had been so all along.

        What a later night landed is no news of this one's, if this one is run again.
        """
        rows = self.source.read(table.name, self.day)
        there = self.lake.find(f"raw/{table.name}", self.problem.first_day, date.max)
        earlier = [partition for partition in there if partition.day <= self.day]
        if not earlier:
            yield self._start, rows
        elif not any(self.lake.read([one]).equals(rows) for one in (earlier[-1], there[-1])):
            yield self.day, rows

    def _write(self, table: Table, day: date, rows: pa.Table | None) -> Partition:
        """Facts asked for when their outcomes were complete are a revision of their own, even of the
        same rows: its night says that nobody has to ask again. After an incomplete one it counts from
        when they were complete, whichever night lands it: what was known by then, `known_at` tells.
        """
        dataset, maturity = f"raw/{table.name}", self.problem.label_maturity_days
        kept, complete = self.before.get((dataset, day)), self.problem.complete(day)
        origin, night = kept.origin if kept else "", self.day
        if table.kind == "facts" and maturity and rows is not None and self.day >= complete:
            origin = f"complete after {maturity} days"
            night = complete if kept and self._early(kept) else self.day
        return self.lake.write(dataset, day, rows, origin, night)


def count_rows(problem: Problem, arrived: list[Partition]) -> dict[str, int]:
    """Rows of partitions of raw data by table, of every table of the problem."""
    rows = Counter({table.name: 0 for table in problem.tables})
    for partition in arrived:
        rows[partition.dataset.removeprefix("raw/")] += partition.rows
    return dict(rows)
