"""Feature tables of a night: what each is made from, and those of them that have to be computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa

from pipelines.core.errors import DataError
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import Partition
from pipelines.data.partitions import plain, split_days, write_partitions
from pipelines.features import day_tables
from pipelines.features.daily import Totals
from pipelines.features.inputs import Accepted, Reads, batch_days, fingerprint, merged
from pipelines.features.ports import Engine
from pipelines.features.query import features_query

Judge = Callable[[date, pa.Table], None]


class FeatureTables:
    """Feature tables of a night: what each is made from, and how."""

    def __init__(self, accepted: Accepted, engine: Engine) -> None:
        self._accepted, self._declared = accepted, accepted.problem.features
        self._engine = engine
        self._query = features_query(self._declared, accepted.shape)
        self._totals = {one.name: Totals(accepted, one) for one in self._declared.history}
        texts = [engine.code, self._query.sql(), *(one.text for one in self._totals.values())]
        self.text = fingerprint("\n".join(texts), [])
        self.reads = {day: accepted.reads(day) for day in accepted.days}
        accepted.lake.check(list(_partitions(self.reads[accepted.day])))
        self.origins = {
            day: fingerprint(self.text, _partitions(reads)) for day, reads in self.reads.items()
        }

    def keep(self, dataset: str, judge: Judge) -> dict[date, Partition]:
        """The table of each day, computed where the lake has none that would come out just so.

        Raises DataError when rows are not one for each event.
        """
        lake, days = self._accepted.lake, list(self.origins)
        found = lake.find(dataset, days[0], days[-1])
        same = (one for one in found if one.origin == self.origins.get(one.day))
        kept = {one.day: one for one in same if lake.has(one)}
        wanted = {day: reads for day, reads in self.reads.items() if day not in kept}
        for piece in batch_days(wanted):
            tables = self._compute(piece)
            for day, rows in tables.items():
                judge(day, rows)
            fault_point("features.before_write")
            kept |= write_partitions(lake, dataset, tables, self.origins)
        return kept

    def _compute(self, piece: Sequence[date]) -> dict[date, pa.Table]:
        problem = self._accepted.problem
        rows = self._engine.run(self._query, self._inputs(piece))
        tables = split_days(plain(rows, (*problem.key, "day", "cutoff")), piece)
        for day, table in tables.items():
            (events,) = filter(None, self.reads[day][problem.events].values())
            if table.num_rows != events.rows:
                raise DataError(
                    f"features {day}: {events.rows} events gave {table.num_rows} rows; a dimension table has "
                    f"a key twice, or events are not of their partition's day: add a rule to its suite"
                )
        return tables

    def _inputs(self, piece: Sequence[date]) -> dict[str, pa.Table | list[Path]]:
        """What the query reads for a piece of days, and the small tables that say which days."""
        accepted, declared, cutoff = self._accepted, self._declared, self._accepted.problem.cutoff
        inputs: dict[str, pa.Table | list[Path]] = {
            day_tables.DAYS: day_tables.scored_days(
                piece, cutoff, declared.windows, accepted.shape.maturity
            )
        }
        if any(window.half_life for window in declared.windows):
            inputs[day_tables.AGES] = day_tables.ages(declared.windows)
        read = merged(self.reads[day] for day in piece)
        for latest in declared.latest:
            delay = accepted.shape.delay(latest.table)
            reached = day_tables.reached_days(piece, cutoff, latest, delay)
            inputs[day_tables.reach_table(latest.table)] = reached
        for history in declared.history:
            name = day_tables.HISTORY + history.name
            inputs[name] = self._totals[history.name].of(read.pop(name), self._engine)
        return inputs | {table: accepted.files(table, found) for table, found in read.items()}


def _partitions(reads: Reads) -> Iterator[Partition]:
    for kept in reads.values():
        yield from filter(None, kept.values())
