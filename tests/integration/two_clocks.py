"""A little history in which things arrive late and are corrected, night after night."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from small_world import Judge, Tables, World, as_arrow, flights, midnight, planes

from pipelines.core.config import IngestParams, ValidateParams
from pipelines.core.errors import MissingDay
from pipelines.core.records import FeatureTable, IngestResult, Validation
from pipelines.define.problem import Problem
from pipelines.stages.ingest import ingest
from pipelines.stages.validate import validate
from tests.integration.flights import PROBLEM

FIRST = date(2013, 9, 25)
NIGHTS = [FIRST + timedelta(days=34 + n) for n in range(9)]  # over the end of daylight saving time
TABLES = ("schedule", "flights", "weather", "planes")
FLIGHTS: Problem = replace(
    PROBLEM, first_day=FIRST, tables=tuple(t for t in PROBLEM.tables if t.name in TABLES)
)


def ago(night: date, days: int) -> date:
    return night - timedelta(days=days)


@dataclass(frozen=True)
class News:
    """From this night on, the source has other rows of a partition, or has it at all."""

    night: date
    table: str
    day: date
    rows: pd.DataFrame


@dataclass(frozen=True)
class ChangingSource:
    """What the source says on a night."""

    today: date
    tables: Tables
    news: Sequence[News]

    def read(self, table: str, day: date) -> pa.Table:
        known = dict(self.tables[table]) | {
            one.day: one.rows for one in self.news if one.table == table and one.night <= self.today
        }
        if table == "planes":
            day = max(one for one in known if one <= day)
        if day not in known:
            raise MissingDay(f"{table} of {day} is not there")
        return as_arrow(table, known[day])


@dataclass
class Nobody:
    """Versions, a warehouse and pages, as far as ingest and validate know them."""

    pages: dict[str, str] = field(default_factory=dict)

    def record(self, day: date) -> tuple[str, str]:
        return f"version of {day}", "nowhere"

    def quarantine(self, day: date, table: str, counts: Mapping[str, int]) -> None:
        raise AssertionError("nothing is bad here")

    def write(self, name: str, content: str | bytes) -> None:
        self.pages[name] = str(content)


@dataclass(frozen=True)
class WindowedAggregation:
    """A world that is told the news of each night on that night."""

    world: World
    tables: Tables
    news: Sequence[News] = ()

    def land(self, day: date, *, today: date | None = None) -> tuple[IngestResult, Validation]:
        """Ingest and validate of a night, run when the source is as on the night `today`."""
        nobody: Any = Nobody()
        problem, lake = self.world.problem, self.world.lake
        source = ChangingSource(today or day, self.tables, self.news)
        params = IngestParams(history_days=364, refetch_days=7)
        landed = ingest(day, params, problem, source, lake, nobody)
        limits = ValidateParams(max_quarantined_share=0.5)
        return landed, validate(day, limits, problem, landed, lake, Judge(), nobody, nobody)

    def night(self, day: date, *, today: date | None = None) -> FeatureTable:
        self.land(day, today=today)
        return self.world.night(day)

    def forget(self) -> None:
        """Take away all that can be computed again."""
        for dataset in ("features", "history", ".manifests"):
            shutil.rmtree(self.world.root / "data" / dataset, ignore_errors=True)


def a_history(root: Path, tables: Tables, news: Sequence[News] = ()) -> WindowedAggregation:
    return WindowedAggregation(World(root, FLIGHTS), tables, news)


def complete(seed: int = 1) -> Tables:
    """A world with every partition up to the last night, except for a day without flights."""
    tables = flights(FIRST, (NIGHTS[-1] - FIRST).days + 6, seed)
    return {
        name: {d: rows for d, rows in kept.items() if d <= NIGHTS[-1]}
        for name, kept in tables.items()
    }


def of_all_kinds(tables: Tables) -> tuple[Tables, list[News]]:
    """A source that corrects, completes and delivers late; what it has at first, and what it will say."""
    late, n = FIRST + timedelta(days=15), NIGHTS
    before = {name: dict(kept) for name, kept in tables.items()}
    missing = before["flights"].pop(late)
    cut = before["flights"][ago(n[4], 1)]
    before["flights"][ago(n[4], 1)] = cut.head(len(cut) // 2)
    return before, [
        News(n[2], "flights", ago(n[2], 5), delayed(tables["flights"][ago(n[2], 5)])),
        News(n[3], "flights", late, missing),
        News(n[4], "planes", n[4], planes(1990)),
        News(n[5], "flights", ago(n[4], 1), cut),
        News(n[6], "weather", ago(n[6], 2), warmer(tables["weather"][ago(n[6], 2)])),
        News(n[7], "flights", ago(n[2], 2), delayed(tables["flights"][ago(n[2], 2)])),
        News(n[8], "flights", ago(n[7], 2), tables["flights"][ago(n[7], 2)].head(3)),
    ]


def delayed(rows: pd.DataFrame) -> pd.DataFrame:
    """The same flights, all late, which was known as early as anything."""
    return rows.assign(arr_delay=200.0, known_at=midnight(rows["day"].iloc[0]))


def warmer(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(temp=rows["temp"] + 10)
