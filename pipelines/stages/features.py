"""features: what was knowable of each event at the cutoff; kept, for training and scoring alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from pipelines.core.config import FeatureParams
from pipelines.core.contracts import Engine, Lake, Problem, Validator
from pipelines.core.errors import DataError
from pipelines.core.faults import reach
from pipelines.core.records import FeatureTable, Partition, Validation
from pipelines.methods import calendar
from pipelines.methods.accepted import Accepted, Kept, between, find, find_accepted, fingerprint
from pipelines.methods.compile import features_query
from pipelines.methods.declare import History
from pipelines.methods.partition import plain, split_days, wide
from pipelines.methods.totals import totals_query

DATASET = "features"
PIECE_DAYS = 56  # so many days are computed at once: memory stays bounded, however long the history


def features(
    day: date,
    params: FeatureParams,
    problem: Problem,
    validation: Validation,
    lake: Lake,
    engine: Engine,
    validator: Validator,
) -> FeatureTable:
    """The table of the day, and of every earlier day with events that training may read.

    What was made by the same declaration from the same partitions stays as it is; the rest is
    computed: usually one day, on the first night a year. Raises DataError when a table is missing,
    when facts that the day's windows reach were changed since they were summed up, or when the day's
    features break their suite; nothing of the day is kept then.
    """
    if not validation.passed:
        raise DataError(
            f"features {day}: {validation.reason}; run validate again once it is mended"
        )
    first = max(problem.first_day, day - timedelta(days=params.history_days))
    accepted = find_accepted(problem, lake, first, day)
    lake.check(accepted.relied_upon())
    totals = {one.name: _totals(accepted, one, engine) for one in problem.features.history}
    tables = _Tables(accepted, totals)
    kept = tables.kept()
    for piece in tables.pieces([known for known in accepted.events if known not in kept]):
        for known, rows in tables.compute(piece, engine).items():
            if known == day:
                _judge(validator, day, rows)
            reach("features.before_write")
            kept[known] = lake.write(DATASET, known, rows, tables.origins[known])
    earlier = between(kept, first, day - timedelta(days=1))
    return FeatureTable(
        day=day,
        names=problem.features.names,
        partition=kept[day],
        history=tuple(earlier),
        fingerprint=fingerprint(tables.text, [*earlier, kept[day]]),
    )


def _totals(accepted: Accepted, history: History, engine: Engine) -> Kept:
    """Daily totals of a history: a partition for each one of its facts."""
    facts, dataset = accepted.tables[history.table], f"history/{history.name}"
    cutoff, longest = accepted.problem.cutoff, timedelta(days=history.longest)
    query = totals_query(accepted.problem.features, history, accepted.shape)
    first, yesterday = accepted.first - longest, accepted.day - timedelta(days=1)
    # Where no window reaches any facts, the last ones still tell what totals look like.
    found = between(facts, first, yesterday) or between(facts, date.min, yesterday)[-1:]
    text = f"{query.sql()}\nknown within {longest.days} days"
    origins = {one.day: fingerprint(text, [one]) for one in found}
    kept = dict(find(accepted.lake, dataset, min(origins), max(origins)))
    stale = [day for day in origins if not _stands(accepted.lake, kept.get(day), origins[day])]
    for piece in calendar.runs_of(stale, PIECE_DAYS):
        tables = {
            history.table: accepted.files([facts[day] for day in piece], facts),
            calendar.PARTITIONS: calendar.partition_days(piece, cutoff, longest.days),
            calendar.LOCAL_DAYS: calendar.local_days(piece[0], piece[-1] + longest, cutoff),
        }
        for day, rows in split_days(wide(engine.run(query, tables)), piece).items():
            kept[day] = accepted.lake.write(dataset, day, rows, origins[day])
    return kept


def _stands(lake: Lake, kept: Partition | None, origin: str | None) -> bool:
    """Whether a partition is what would be made again, and its file was not taken away."""
    return kept is not None and kept.origin == origin and lake.has(kept)


class _Tables:
    """The feature tables of a night: what each is made from, and how."""

    def __init__(self, accepted: Accepted, totals: Mapping[str, Kept]) -> None:
        self._accepted, self._totals = accepted, totals
        self._declared = accepted.problem.features
        self._query = features_query(self._declared, accepted.shape)
        self.text = self._query.sql()
        days = list(accepted.events)
        self.origins = {day: fingerprint(self.text, self._made_from(day)) for day in days}

    def kept(self) -> dict[date, Partition]:
        """Tables in the lake that would be computed just so again."""
        days = list(self.origins)
        found = find(self._accepted.lake, DATASET, days[0], days[-1])
        lake, origins = self._accepted.lake, self.origins
        return {d: one for d, one in found.items() if _stands(lake, one, origins.get(d))}

    def pieces(self, days: Sequence[date]) -> Iterator[list[date]]:
        """Days to compute at once: not too many, and slow tables the same for all of them."""
        slow = [lookup.table for lookup in self._declared.lookups]
        for run in calendar.runs_of(days, PIECE_DAYS):
            for _, piece in groupby(run, lambda day: [self._accepted.slow(t, day) for t in slow]):
                yield list(piece)

    def compute(self, piece: Sequence[date], engine: Engine) -> dict[date, pa.Table]:
        """The rows of each day; raises DataError when they are not one for each event."""
        problem = self._accepted.problem
        rows = plain(engine.run(self._query, self._inputs(piece)), (*problem.key, "day", "cutoff"))
        tables = split_days(rows, piece)
        for day, table in tables.items():
            events = self._accepted.events[day].rows
            if table.num_rows != events:
                raise DataError(
                    f"features {day}: {events} events gave {table.num_rows} rows; a slow table has "
                    f"a key twice, or events are not of their partition's day: add a rule to its suite"
                )
        return tables

    def _made_from(self, day: date) -> list[Partition]:
        """Every partition that the features of a day depend on."""
        accepted, yesterday = self._accepted, day - timedelta(days=1)
        found = [accepted.events[day]]
        for lookup in self._declared.lookups:
            found += accepted.slow(lookup.table, day)
        for history in self._declared.history:
            first = day - timedelta(days=history.longest)
            found += between(self._totals[history.name], first, yesterday)
        for latest in self._declared.latest:
            first = day - timedelta(days=latest.reach_days)
            found += between(accepted.tables[latest.table], first, yesterday)
        return found

    def _inputs(self, piece: Sequence[date]) -> dict[str, pa.Table | list[Path]]:
        """What the query reads for a piece of days: no file that none of its windows needs."""
        accepted, declared, tables = self._accepted, self._declared, self._accepted.tables
        cutoff, yesterday = accepted.problem.cutoff, piece[-1] - timedelta(days=1)
        inputs: dict[str, pa.Table | list[Path]] = {
            accepted.problem.events: accepted.files([accepted.events[day] for day in piece], {}),
            calendar.DAYS: calendar.scored_days(piece, cutoff, declared.windows),
        }
        if any(window.half_life for window in declared.windows):
            inputs[calendar.AGES] = calendar.ages(declared.windows)
        for lookup in declared.lookups:
            found = accepted.slow(lookup.table, piece[0])
            inputs[lookup.table] = accepted.files(found, tables[lookup.table])
        for history in declared.history:
            kept, first = self._totals[history.name], piece[0] - timedelta(days=history.longest)
            found = between(kept, first, yesterday)
            inputs[calendar.HISTORY + history.name] = accepted.files(found, kept)
        for latest in declared.latest:
            kept, first = tables[latest.table], piece[0] - timedelta(days=latest.reach_days)
            inputs[latest.table] = accepted.files(between(kept, first, yesterday), kept)
            reached = calendar.reached_days(piece, cutoff, latest)
            inputs[calendar.reach_table(latest.table)] = reached
        return inputs


def _judge(validator: Validator, day: date, rows: pa.Table) -> None:
    """The day's own table only: those of earlier nights were judged in theirs."""
    results = validator.judge(DATASET, rows.to_pandas())
    broken = [one for one in results if one.severity == "critical" and not one.passed]
    if broken:
        raise DataError(
            f"features {day}: {broken[0].rule} expects {broken[0].expected} and found "
            f"{broken[0].observed} ({len(broken)} critical rules broken); mend the data or "
            f"expectations/{DATASET}.json, and run features again"
        )
