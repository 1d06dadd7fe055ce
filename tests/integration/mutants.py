"""Engines, days and partitions that let the future in: each as somebody might once write it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from sqlglot import exp

from pipelines.adapters.engines.duckdb import DuckEngine
from pipelines.adapters.lake.lake import LocalLake
from pipelines.define.problem import Problem
from pipelines.features import day_tables as calendar
from pipelines.features import inputs as accepted
from pipelines.features.inputs import Accepted

Change = Callable[[exp.Expr], exp.Expr]


@dataclass(frozen=True)
class Rewriting:
    """An engine that rewrites each query before it runs it."""

    engine: DuckEngine
    change: Change
    code: str = "rewritten"

    def run(self, query: exp.Query, tables: Mapping[str, pa.Table | Sequence[Path]]) -> pa.Table:
        return self.engine.run(query.transform(self.change), tables)


def forgetting(column: str) -> Change:
    """Nothing asks whether the column is before anything."""

    def forget(node: exp.Expr) -> exp.Expr:
        is_limit = isinstance(node, exp.LT) and node.this.name == column
        return exp.true() if is_limit else node

    return forget


def taking(column: str, for_column: str, of: str) -> Change:
    """In queries over one table, a column is taken for another."""

    def take(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Column) or node.name != for_column or node.table != "f":
            return node
        select = node.find_ancestor(exp.Select)
        tables = {table.name for table in select.find_all(exp.Table)} if select else set()
        return exp.column(column, table="f") if of in tables else node

    return take


def hindsight(day: date) -> Change:
    """Earlier days' features count what is known today."""

    def look_back(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.LT) or node.this.name != "known_on":
            return node
        asked, today = exp.column("day", table="a"), exp.cast(exp.Literal.string(str(day)), "DATE")
        return exp.paren(
            exp.or_(exp.and_(node.copy(), asked.eq(today)), asked.copy() < today.copy())
        )

    return look_back


def crowding(node: exp.Expr) -> exp.Expr:
    """Crowds are counted over all days at once."""
    counts = isinstance(node, exp.Count) and isinstance(node.this, exp.Star)
    select = node.parent_select if counts else None
    grouped = select.args.get("group") if select else None
    if grouped is None or [table.name for table in select.find_all(exp.Table)] != ["base"]:
        return node
    shared = [one.copy() for one in grouped.expressions if one.name != "day"]
    return exp.Window(this=exp.Sum(this=node.copy()), partition_by=shared)


def with_cutoff(problem: Problem, cutoff: Callable[[Problem, date], datetime]) -> Problem:
    """The problem with another idea of when a day begins."""

    class Mistaken(Problem):
        def cutoff(self, day: date) -> datetime:
            return cutoff(problem, day)

    return Mistaken(**{field.name: getattr(problem, field.name) for field in fields(problem)})


def an_hour_late(problem: Problem, day: date) -> datetime:
    return problem.cutoff(day) + timedelta(hours=1)


def a_day_late(problem: Problem, day: date) -> datetime:
    return problem.cutoff(day + timedelta(days=1))


def further_west(problem: Problem, day: date) -> datetime:
    midnight = datetime.combine(day, datetime.min.time(), ZoneInfo("America/Los_Angeles"))
    return midnight.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)


def in_utc(problem: Problem, day: date) -> datetime:
    return datetime.combine(day, datetime.min.time())


def read_further(monkeypatch: pytest.MonkeyPatch, n_days: int = 3) -> None:
    """Partitions of days to come are found and read like those of days gone."""
    revisions, since, newest = LocalLake.revisions, Accepted._since, Accepted._newest
    reached, later = calendar.reached_days, timedelta(days=n_days)

    def find_more(lake: LocalLake, dataset: str, first: date, last: date) -> Any:
        return revisions(
            lake, dataset, first, last + (later if "accepted" in dataset else timedelta())
        )

    def since_more(found: Accepted, table: str, first: date, last: date, night: date) -> Any:
        more = last if table == found.problem.events else last + later
        return since(found, table, first, more, night)

    def reach_more(days: Any, cutoff: Any, latest: Any, delay: int) -> pa.Table:
        made = reached(days, cutoff, latest, delay)
        place = made.schema.get_field_index("partition")
        moved = [one + later for one in made["partition"].to_pylist()]
        ahead = made.set_column(place, "partition", pa.array(moved, pa.date32()))
        return pa.concat_tables([made, ahead])

    monkeypatch.setattr(LocalLake, "revisions", find_more)
    monkeypatch.setattr(Accepted, "_since", since_more)
    monkeypatch.setattr(
        Accepted, "_newest", lambda found, table, day: newest(found, table, day + later)
    )
    monkeypatch.setattr(calendar, "reached_days", reach_more)


def believe_corrections(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was corrected later is taken for what was known."""
    monkeypatch.setattr(accepted, "as_of", lambda revisions, night: revisions[-1])
