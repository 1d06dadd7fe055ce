"""Daily totals of facts: found by what they were made from, computed where they are not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from pipelines.core.records import Partition
from pipelines.data.partitions import split_days, wide, write_partitions
from pipelines.define.aggregations import WindowedAggregation
from pipelines.features.daily_aggregates import totals_query
from pipelines.features.day_tables import LOCAL_DAYS, PARTITIONS, local_days, partition_days
from pipelines.features.inputs import Accepted, fingerprint, layers
from pipelines.features.ports import Engine


class Totals:
    """Daily totals of one history, a partition for each of its facts, whichever revision.

    Old and new totals of a corrected day stay side by side: each night asks for those it knew.
    """

    def __init__(self, accepted: Accepted, history: WindowedAggregation) -> None:
        self._accepted, self._history = accepted, history
        self._longest = history.longest + accepted.shape.delay(history.table)
        self._query = totals_query(accepted.problem.features, history, accepted.shape)
        self.text = f"{self._query.sql()}\nknown within {self._longest} days"

    def of(self, facts: Iterable[Partition], engine: Engine) -> pa.Table | list[Path]:
        """The files of the facts' totals; without any facts, an empty table."""
        origins = {
            (one.day, one.sha256): fingerprint(f"{engine.code}\n{self.text}", [one])
            for one in facts
        }
        if not origins:
            return self._run({}, engine)
        lake, dataset = self._accepted.lake, f"history/{self._history.name}"
        wanted = {(day, origin) for (day, _), origin in origins.items()}
        kept = {
            (day, one.origin): one
            for day, revisions in lake.revisions(dataset, *_ends(origins)).items()
            for one in revisions
            if (day, one.origin) in wanted and lake.has(one)
        }
        missing = [one for one in facts if (one.day, origins[one.day, one.sha256]) not in kept]
        for piece in layers(missing):
            tables = split_days(self._run(piece, engine), list(piece))
            made_from = {day: origins[day, one.sha256] for day, one in piece.items()}
            for day, one in write_partitions(lake, dataset, tables, made_from).items():
                kept[day, one.origin] = one
        return [lake.path(kept[day, origin]) for (day, _), origin in origins.items()]

    def _run(self, facts: Mapping[date, Partition], engine: Engine) -> pa.Table:
        cutoff, days = self._accepted.problem.cutoff, list(facts) or [self._accepted.day]
        last = days[-1] + timedelta(days=self._longest)
        tables = {
            self._history.table: self._accepted.files(self._history.table, facts.values()),
            PARTITIONS: partition_days(days, cutoff, self._longest),
            LOCAL_DAYS: local_days(days[0], last, cutoff),
        }
        return wide(engine.run(self._query, tables))


def _ends(places: Iterable[tuple[date, str]]) -> tuple[date, date]:
    days = [day for day, _ in places]
    return min(days), max(days)
