"""A small problem's nights, from source to settled outcomes, by the real runner on real stores.

Its rides are late more often the more they say so. Whatever kills a night is felt by the lake, the
records and the warehouse; models answer in this process, so that a night takes a fraction of a second.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from time import tzset
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import create_engine, inspect, text

from pipelines.adapters.database.audit import SqlBooks
from pipelines.adapters.database.warehouse import SqlWarehouse
from pipelines.adapters.engines.duckdb import DuckEngine
from pipelines.adapters.lake.lake import LocalLake
from pipelines.adapters.tuning.search import OptunaSearch
from pipelines.app.run_folder import nights_left
from pipelines.audit.invariants import Verification
from pipelines.audit.verify import Stores, verify
from pipelines.core.config import Paths, find_places, read_params
from pipelines.core.errors import MissingDay, RedeyeError
from pipelines.core.fault_injection import activate
from pipelines.core.graph import read_graph
from pipelines.core.records import LedgerEntry
from pipelines.data.expectations import Suite
from pipelines.data.ports import RuleResult
from pipelines.define.features import Column, FeatureSet, WindowedAggregation
from pipelines.define.problem import Problem, Table
from pipelines.runner import Night, run_chain
from pipelines.stages.tune import Tuner
from tests.integration.learning import outcome, worth
from tests.integration.serving import MemoryPages, MemoryRegistry, MemoryWorkers, judged

FIRST = date(2013, 3, 1)
DAY = date(2013, 3, 8)
STAGES = ("ingest", "validate", "features", "score", "settle")
SETTINGS: dict[str, dict[str, object]] = {
    "ingest": {"history_days": 7, "refetch_days": 2},
    "validate": {"max_quarantined_share": 0.5},
    "features": {"training_days": 7},
    "settle": {"lookback_days": 3},
}
REPOSITORY = find_places({}).repository
PARAMS, GRAPH = read_params(REPOSITORY / "params.yaml"), read_graph(REPOSITORY / "dvc.yaml")


def late(delay: Column) -> Column:
    """Ten minutes or more."""
    return delay >= 10


@dataclass
class Timetable:
    """Rides of each day, the same whenever they are asked for, unless the day was corrected."""

    corrected: dict[date, int] = field(default_factory=dict)
    right: set[date] = field(default_factory=set)  # the last ride of their plan is possible
    wrong: set[date] = field(default_factory=set)  # the last of their rides ended before it began

    def read(self, table: str, day: date) -> pa.Table:
        if day < FIRST:
            raise MissingDay(f"{table}: nothing before {FIRST}; ask for a later day")
        chance = np.random.default_rng(day.toordinal() + 1000 * self.corrected.get(day, 0))
        n = 6 + day.day % 3
        said, line = chance.random(n).round(3), chance.choice(["red", "blue"], n)
        rows = {
            "day": pa.array([day] * n, pa.date32()),
            "ride": pa.array(range(n), pa.int32()),
            "line": pa.array(line.tolist(), pa.string()),
            "said": pa.array(said, pa.float64()),
        }
        if table == "plan":
            last = 0.5 if day in self.right else 7.0  # which is impossible
            rows["said"] = pa.array([*said[:-1], last], pa.float64())
            return pa.table(rows)
        delay = np.where(chance.random(n) < said, 20.0, 0.0)
        delay[-1] = -1.0 if day in self.wrong else delay[-1]
        ended = datetime.combine(day, time(20), UTC).replace(tzinfo=None)
        return pa.table(
            rows
            | {
                "delay": pa.array(delay, pa.float64()),
                "known_at": pa.array([ended] * n, pa.timestamp("us")),
            }
        )


class Possible:
    """A validator for which nobody says more than 1, and nothing ends before it began."""

    def suite(self, name: str) -> Suite | None:
        return Suite(name, "", (), {}, {}, "possible") if name in ("plan", "rides") else None

    def judge(self, suite: str, frame: pd.DataFrame) -> list[RuleResult]:
        wrong = frame["delay"] < 0 if suite == "rides" else frame.get("said", pd.Series()) > 1
        bad = tuple(np.flatnonzero(wrong).tolist())
        return [RuleResult("at_most(said)", "warning", not bad, bad, f"{len(bad)} rows", "1")]

    def judge_each(self, suite: str, frames: Sequence[pd.DataFrame]) -> list[list[RuleResult]]:
        return [self.judge(suite, frame) for frame in frames]


@dataclass(frozen=True)
class FileVersions:
    """Versions of raw data by the checksum of all manifests, in a file."""

    root: Path

    def record(self, day: date) -> tuple[str, str]:
        manifests = sorted((self.root / "data" / "raw").rglob("manifest.json"))
        version = hashlib.sha256(b"".join(m.read_bytes() for m in manifests)).hexdigest()
        if version not in [one["version"] for one in self.log()]:
            with (self.root / "versions.txt").open("a") as file:
                file.write(version + "\n")
        return version, "a file"

    def log(self) -> list[dict[str, str]]:
        path = self.root / "versions.txt"
        return [{"version": v} for v in path.read_text().split()[::-1]] if path.exists() else []

    def checkout(self, version: str, to: Path) -> int:
        raise NotImplementedError


PROBLEM = Problem(
    name="rides",
    label="late",
    zone="America/New_York",
    first_day=FIRST,
    tables=(Table("plan", "events"), Table("rides", "facts")),
    events="plan",
    outcomes="rides",
    key=("ride",),
    source=Timetable,
    outcome=outcome,
    features=FeatureSet(
        columns={"said": "How likely it is said to be."},
        history=(WindowedAggregation("rides", late, by=(("line",),), days=(3,)),),
    ),
    recipes=(),
    value=worth,
)


@dataclass
class Nights:
    """A root, a warehouse, and the nights in them."""

    root: Path
    url: str = ""
    source: Timetable = field(default_factory=Timetable)
    registry: MemoryRegistry = field(default_factory=MemoryRegistry)

    def __post_init__(self) -> None:
        self.url = self.url or f"sqlite:///{self.root}/var/redeye.db"
        self.places = Paths(REPOSITORY, self.root, self.url, "", "")
        self.graph = GRAPH
        for version, times in (("1", 0.5), ("2", 1.0), ("3", 0.8)):
            self.registry.add(version, times=times, until=FIRST - timedelta(days=1))
        self.registry.aliases |= {"champion": "2", "previous-champion": "1"}

    def found(self) -> Nights:
        """Make version 2 champion in the ledger too."""
        warehouse = SqlWarehouse(self.url)
        for one in self.registry.registered():
            warehouse.bless(judged(one))
        for version, before in (("1", None), ("2", "1")):
            entry = LedgerEntry(version=version, before=before, actor="gate", reason="better")
            warehouse.append(entry)
        return self

    @cached_property
    def services(self) -> dict[str, Callable[[], Any]]:
        return {
            "problem": lambda: PROBLEM,
            "lake": lambda: LocalLake(self.root / "data"),
            "source": lambda: self.source,
            "versions": lambda: FileVersions(self.root),
            "engine": lambda: DuckEngine(1.0, self.root / "spill", threads=1),
            "validator": Possible,
            "registry": lambda: self.registry,
            "workers": lambda: MemoryWorkers(self.registry),
            "warehouse": lambda: SqlWarehouse(self.url),
            "books": lambda: SqlBooks(self.url),
            "tuner": self.tuner,
            "pages": MemoryPages,
        }

    def tuner(self) -> Tuner:
        search = OptunaSearch(self.root / "var" / "tuning")
        return Tuner(PARAMS.tune, search, SqlWarehouse(self.url), 0.0)

    def night(self, day: date) -> Night:
        sections = {
            name: PARAMS.section(name).model_copy(update=SETTINGS.get(name, {}))
            for name in self.graph.names
        }
        return Night(day, self.places.run(day), sections, self.services, self.graph)

    def run(self, day: date, stages: Sequence[str] = STAGES) -> None:
        """Run stages of a night; raises what the first one that failed raised."""
        failed = [error for error in run_chain(self.night(day), tuple(stages)).values() if error]
        if failed:
            raise failed[0]

    def insist(self, day: date, stages: Sequence[str] = STAGES) -> None:
        """Run them again as a scheduler does, if an error says that it may pass."""
        try:
            self.run(day, stages)
        except RedeyeError as error:
            if error.exit_code != 75:
                raise
            self.run(day, stages)

    @property
    def stores(self) -> Stores:
        made = {
            name: self.services[name]()
            for name in ("lake", "workers", "warehouse", "books", "versions")
        }
        left = nights_left(self.places, self.graph)
        return Stores(problem=PROBLEM, registry=_Remembering(self), nights=left, **made)

    def verify(self) -> Verification:
        return verify(self.stores)

    def broken(self) -> dict[str, str]:
        return {
            one.name: f"{one.breaches[0].where}: {one.breaches[0].what}"
            for one in self.verify().broken
        }

    def state(self) -> dict[str, Any]:
        """All that nights leave, but for times, tokens and what did not get a name."""
        return {"lake": self._lake(), "tables": self._tables(), "records": self._records()}

    def _lake(self) -> dict[str, Any]:
        data, kept = self.root / "data", {}
        for path in sorted(data.rglob("manifest.json")):
            revisions = json.loads(path.read_text())["revisions"]
            for one in revisions:
                content = (data / one["file"]).read_bytes() if one["file"] else b""
                assert not content or hashlib.sha256(content).hexdigest() == one["sha256"]
            kept[str(path.relative_to(data))] = revisions
        return kept

    def _tables(self) -> dict[str, list[Any]]:
        engine = create_engine(self.url)
        kept = {}
        with engine.connect() as connection:
            for table in sorted(set(inspect(engine).get_table_names()) - {"fence"}):
                found = connection.execute(text(f"SELECT * FROM {table}")).mappings()
                rows = {
                    json.dumps({k: _plain(v) for k, v in row.items() if k not in PASSING})
                    for row in found
                }
                kept[table] = sorted(rows)
        engine.dispose()
        return kept

    def _records(self) -> dict[str, Any]:
        kept = {}
        for path in sorted((self.root / "runs").rglob("*.json")):
            record = json.loads(path.read_text())
            kept[f"{path.parent.name}/{path.name}"] = {
                k: v
                for k, v in record.items()
                if k not in ("new", "rows", "republished", "missing")
            }
        return kept


def _plain(value: object) -> object:
    """A value as either database might spell it."""
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, bool):
        return int(value)
    return str(value).removesuffix(".000000") if isinstance(value, date | str) else value


PASSING = ("written_at", "token", "entry", "seconds")


class _Remembering:
    """The registry, with the data versions that its runs learned from."""

    def __init__(self, nights: Nights) -> None:
        self._nights = nights

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nights.registry, name)

    def run_params(self, run_id: str) -> dict[str, str]:
        versions = FileVersions(self._nights.root).log()
        return {"data_version": versions[-1]["version"] if versions else "", "git_commit": "abc"}


def live(root: Path, url: str, days: Sequence[date], stages: Sequence[str], fault: str) -> None:
    """Some nights in a process of its own, which may be killed."""
    activate(fault)
    try:
        for day in days:
            Nights(root, url).run(day, stages)
    except RedeyeError as error:
        sys.exit(error.exit_code)


def live_elsewhere(root: Path, url: str, days: Sequence[date], zone: str) -> None:
    """Some nights on a machine whose clock is in another zone."""
    os.environ["TZ"] = zone
    tzset()
    live(root, url, days, STAGES, "")


def live_on_a_full_disk(
    root: Path, url: str, days: Sequence[date], stages: Sequence[str], most_bytes: int
) -> None:
    """Some stages where no file may grow beyond so many bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    live(root, url, days, stages, "")
