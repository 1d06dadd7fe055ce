"""Small worlds of flights, with everything that goes wrong in large ones, in a lake of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.adapters.engines.duckdb import DuckEngine
from pipelines.adapters.lake.lake import LocalLake
from pipelines.core.config import FeatureParams
from pipelines.core.records import FeatureTable, Validation
from pipelines.data.expectations import Suite
from pipelines.data.ports import RuleResult
from pipelines.define.problem import Problem
from pipelines.features.ports import Engine
from pipelines.problem.tables import DAILY, DIMENSION
from pipelines.stages.features import features
from tests.integration.flights import PROBLEM

ZONE = "America/New_York"
MEASURES = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure"]
SCHEMAS = {**DAILY, **DIMENSION}
Tables = dict[str, dict[date, pd.DataFrame]]  # table → day of the partition → rows
Partitions = dict[str, dict[date, pa.Table]]  # the same, as the lake keeps them


@dataclass(frozen=True)
class Judge:
    """A validator that says what it is told to say."""

    results: tuple[RuleResult, ...] = ()

    def suite(self, name: str) -> Suite | None:
        return None

    def judge(self, suite: str, frame: pd.DataFrame) -> list[RuleResult]:
        return list(self.results)

    def judge_each(self, suite: str, frames: Sequence[pd.DataFrame]) -> list[list[RuleResult]]:
        return [self.judge(suite, frame) for frame in frames]


@dataclass(frozen=True)
class World:
    """A lake, and the problem that is asked in it."""

    root: Path
    problem: Problem

    @property
    def lake(self) -> LocalLake:
        return LocalLake(self.root / "data")

    def land(self, tables: Tables | Partitions, night: date | None = None) -> None:
        for table, partitions in tables.items():
            for day, rows in partitions.items():
                arrow = rows if isinstance(rows, pa.Table) else as_arrow(table, rows)
                self.lake.write(f"accepted/{table}", day, arrow, night=night)

    def night(
        self, day: date, judge: Judge = Judge(), engine: Engine | None = None, back: int = 364
    ) -> FeatureTable:
        return features(
            day,
            FeatureParams(engine="duckdb", memory_limit_gb=1.0, training_days=back),
            self.problem,
            Validation(day=day, passed=True, reason="", checks=(), findings=()),
            self.lake,
            engine or DuckEngine(1.0, self.root / "spill"),
            judge,
        )

    def table(self, day: date) -> pd.DataFrame:
        return self.lake.read(self.lake.find("features", day, day)).to_pandas()

    def files(self, dataset: str = "") -> dict[str, bytes]:
        data = self.root / "data"
        return {
            str(path.relative_to(data)): path.read_bytes()
            for path in sorted((data / dataset).rglob("*.parquet"))
        }


def a_world(root: Path, tables: Tables) -> World:
    first = min(day for day in tables["schedule"])
    world = World(root, replace(PROBLEM, first_day=first))
    world.land(tables)
    return world


def as_arrow(table: str, frame: pd.DataFrame) -> pa.Table:
    schema = SCHEMAS[table]
    return pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False)


def midnight(day: date) -> pd.Timestamp:
    """00:00 in New York, as UTC without a zone; pandas' own arithmetic, not Redeye's."""
    return pd.Timestamp(day).tz_localize(ZONE).tz_convert("UTC").tz_localize(None)


def flights(first: date, n_days: int, seed: int = 1, a_day: int = 12) -> Tables:
    """A schedule until the last day and what happened until the day before; odd in every way."""
    rng = np.random.default_rng(seed)
    days = [first + timedelta(days=n) for n in range(n_days)]
    tables: Tables = {"schedule": {}, "flights": {}, "weather": {}, "planes": {first: planes(2004)}}
    for day in days:
        schedule = _schedule(day, a_day, rng)
        tables["schedule"][day] = schedule
        tables["flights"][day] = _ended(schedule, rng)
        tables["weather"][day] = _weather(day, rng)
    # A day without flights at all, one without outcomes, two without weather, a day of no rows.
    del tables["schedule"][days[4]], tables["flights"][days[4]]
    del tables["weather"][days[-3]], tables["weather"][days[-4]]
    tables["flights"][days[6]] = tables["flights"][days[6]].head(0)
    for table in ("flights", "weather"):
        del tables[table][days[-1]]
    return tables


def planes(built: int) -> pd.DataFrame:
    rows = pd.DataFrame({"tailnum": ["N1", "N2", "N3"], "year": [built, None, built + 5]})
    rows = rows.assign(seats=[55, 182, 20], engines=[2, 2, 1])
    return rows.reindex(columns=DIMENSION["planes"].names).astype({"tailnum": "str"})


def _schedule(day: date, n: int, rng: np.random.Generator) -> pd.DataFrame:
    minute = rng.choice([1, 45, 330, 365, 370, 719, 720, 1080, 1410, 1439], size=n)
    arrival = (minute + rng.integers(40, 400, size=n)) % 1440
    rows = pd.DataFrame(
        {
            "day": day,
            "carrier": rng.choice(["UA", "B6", "EV"], size=n),
            "flight": np.arange(n) % 7 + 1,  # the same numbers every day, some twice a day
            "tailnum": rng.choice(["N1", "N2", "N3", "N9", ""], size=n),
            "origin": rng.choice(["EWR", "JFK", "LGA"], size=n, p=[0.6, 0.3, 0.1]),
            "dest": rng.choice(["BOS", "SJU", "LAX", "MIA"], size=n),
            "sched_dep_time": minute // 60 * 100 + minute % 60,
            "sched_arr_time": arrival // 60 * 100 + arrival % 60,
            "distance": rng.integers(100, 2500, size=n),
        }
    )
    local = pd.to_datetime(rows["day"]) + pd.to_timedelta(minute, unit="m")
    zoned = local.dt.tz_localize(ZONE, nonexistent="shift_forward", ambiguous=False)
    rows["scheduled_at"] = zoned.dt.tz_convert("UTC").dt.tz_localize(None)
    rows["tailnum"] = rows["tailnum"].replace("", None)
    return rows.drop_duplicates(["carrier", "flight", "origin", "sched_dep_time"])


def _ended(schedule: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    n = len(schedule)
    delay = rng.integers(-30, 90, size=n).astype(float)
    delay[rng.random(n) < 0.15] = np.nan
    # Most arrive within hours, some days later, some are said to be known before they left.
    after = rng.choice(
        [-900, 30, 90, 240, 600, 1500, 3000, 5000], size=n, p=[0.05, *[0.17] * 5, 0.06, 0.04]
    )
    known_at = schedule["scheduled_at"] + pd.to_timedelta(after, unit="m")
    exactly = rng.random(n) < 0.1  # known at the very stroke of midnight
    midnights = midnight(schedule["day"].iloc[0] + timedelta(days=1))
    return schedule.assign(
        dep_time=schedule["sched_dep_time"].where(~np.isnan(delay)),
        dep_delay=delay,
        arr_time=schedule["sched_arr_time"].where(~np.isnan(delay)),
        arr_delay=delay,
        air_time=60.0,
        known_at=known_at.mask(exactly, midnights),
    )


def _weather(day: date, rng: np.random.Generator) -> pd.DataFrame:
    hours = pd.date_range(midnight(day), midnight(day + timedelta(days=1)), freq="3h")
    rows = pd.DataFrame([(day, origin, at) for origin in ("EWR", "JFK") for at in hours])
    rows.columns = pd.Index(["day", "origin", "observed_at"])
    rows = rows[rng.random(len(rows)) < 0.6]  # the last of the day is observed at the cutoff itself
    late = pd.to_timedelta(rng.choice([-90, 0, 45, 400], size=len(rows)), unit="m")
    values = {name: rng.normal(size=len(rows)).round(2) for name in [*MEASURES, "visib"]}
    rows = rows.assign(known_at=rows["observed_at"] + late, **values)
    rows.loc[rng.random(len(rows)) < 0.4, "wind_gust"] = np.nan
    return rows


def replaced(tables: Tables, changes: Mapping[tuple[str, date], pd.DataFrame]) -> Tables:
    """The same tables with some partitions changed or added."""
    changed = {table: dict(partitions) for table, partitions in tables.items()}
    for (table, day), frame in changes.items():
        changed[table][day] = frame
    return changed


def days_of(table: FeatureTable) -> Sequence[date]:
    return [one.day for one in (*table.history, table.partition)]
