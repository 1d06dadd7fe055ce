"""What the serving stages need, small and in one folder: a lake, a warehouse, and a registry in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.adapters.database.warehouse import SqlWarehouse
from pipelines.adapters.lake.lake import LocalLake
from pipelines.audit.tags import tags_of
from pipelines.core.config import MonitorParams, ScoreParams, SettleParams
from pipelines.core.errors import GateRefused, RegistryAway, TemporaryError
from pipelines.core.records import (
    Blessing,
    BlessingEntry,
    FeatureTable,
    IngestResult,
    LedgerEntry,
    ModelVersion,
    Partition,
    Publication,
    Report,
    Settlement,
    Validation,
    Verdict,
)
from pipelines.data.expectations import Suite
from pipelines.data.ports import RuleResult
from pipelines.define.problem import Problem
from pipelines.stages.monitor import monitor
from pipelines.stages.score import score
from pipelines.stages.settle import settle
from pipelines.training.model import Model
from pipelines.training.ports import Fitted, ModelFile, Outcome, ScoringRequest, ScoringResult
from tests.integration.flights import PROBLEM

DAY = date(2013, 10, 1)
SCHEDULE = ["champion", "previous-champion", "canary", "baseline"]
FLIGHTS = pa.schema(
    {
        "day": pa.date32(),
        "carrier": pa.string(),
        "flight": pa.int32(),
        "origin": pa.string(),
        "sched_dep_time": pa.int16(),
        "dep_time": pa.int16(),
        "arr_delay": pa.float64(),
        "known_at": pa.timestamp("us"),
    }
)


@dataclass(frozen=True)
class Always:
    """An estimator that says the same of every event, or what the feature `said` says, so many times."""

    level: float | None = None
    times: float = 1.0

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        said = (
            frame["said"].to_numpy() * self.times
            if self.level is None
            else np.full(len(frame), self.level)
        )
        return np.column_stack([1 - said, said])


def judged(version: ModelVersion, *, passed: bool = True, infra: bool = True) -> BlessingEntry:
    """What promote keeps of a version."""
    return BlessingEntry(
        store=version.store,
        model=version.model,
        version=version.version,
        sha256=version.sha256,
        verdict="passed" if passed and infra else "refused",
        quality=Blessing(passed=passed, reason="as the test says"),
        infra=Blessing(passed=infra, reason="as the test says"),
        evidence={},
        actor="gate",
    )


@dataclass
class MemoryRegistry:
    """Versions and aliases as a registry keeps them; `down` while it does not answer."""

    versions: dict[str, ModelVersion] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    down: bool = False
    last: ModelVersion | None = None
    warehouse: Callable[[], SqlWarehouse] | None = None  # where blessings stand

    def judge(self, version: ModelVersion, *, passed: bool = True) -> None:
        """Bless a version in the warehouse, as promote does, or refuse it, and show it."""
        entry = judged(version, passed=passed)
        if self.warehouse is not None:
            self.warehouse().bless(entry)
        self.show(version.version, tags_of(entry))

    def add(
        self,
        version: str,
        level: float | None = None,
        *,
        times: float = 1.0,
        blessed: bool = True,
        until: date = DAY,
        meanings: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """A registered version whose model always says `level`."""
        until = until - timedelta(days=2) if until == DAY else until
        added = ModelVersion(
            version=version,
            candidate="always",
            run_id="night",
            sha256=f"{version:0>64}",
            trained_until=until,
            features=("said",),
            meanings=dict(meanings or {}),
        )
        self.versions[version] = added
        self.judge(added, passed=blessed)
        self.models[version] = Model(
            "always", "skops", {"said": "number"}, {}, until, Always(level, times)
        )
        return added

    def night(
        self, day: date, fingerprint: str, facts: Mapping[str, str], inputs: Mapping[str, str]
    ) -> str:
        raise NotImplementedError

    def log(
        self,
        run_id: str,
        metrics: Mapping[str, float],
        files: Mapping[str, bytes],
        *,
        complete: bool = False,
    ) -> None:
        raise NotImplementedError

    def register(self, run_id: str, fitted: Fitted) -> ModelVersion:
        raise NotImplementedError

    def fetch_held_out(self, version: ModelVersion) -> ModelFile:
        raise NotImplementedError

    def run_params(self, run_id: str) -> Mapping[str, str] | None:
        return {"data_version": "data-1", "git_commit": "abc"} if run_id == "night" else None

    def version(self, name: str) -> ModelVersion | None:
        self._answer()
        return self.versions.get(self.aliases.get(name, name))

    def point(self, alias: str, version: str) -> None:
        self._answer()
        self.aliases[alias] = version

    def registered(self) -> list[ModelVersion]:
        self._answer()
        return list(self.versions.values())

    def show(self, version: str, tags: Mapping[str, str]) -> None:
        shown = {**self.versions[version].shown, **tags}
        self.versions[version] = self.versions[version].model_copy(update={"shown": shown})

    def describe(self, version: str, text: str) -> None:
        raise NotImplementedError

    def annotate(self, version: str, what: str) -> None:
        self.told[version] = what

    def cache_champion(self, champion: ModelVersion) -> None:
        self.last = champion

    def cached_champion(self) -> ModelVersion | None:
        return self.last

    def fetch(self, version: ModelVersion) -> ModelFile:
        if version != self.last:  # of which there is a copy
            self._answer()
        if version.version not in self.models:
            raise GateRefused(f"model version {version.version}: its file is damaged")
        return ModelFile(Path(version.version), "skops", version.sha256)

    def _answer(self) -> None:
        if self.down:
            raise RegistryAway("MLflow did not answer")


@dataclass
class MemoryWorkers:
    """Answers in this process; `fate` is what happens to a contender instead, by its name."""

    registry: MemoryRegistry
    fate: dict[str, Outcome] = field(default_factory=dict)
    last: tuple[str, ...] = ()  # who answers after all others

    def prewarm(self) -> None:
        pass

    @contextmanager
    def ask(
        self, questions: Sequence[ScoringRequest]
    ) -> Iterator[Iterator[tuple[ScoringRequest, ScoringResult]]]:
        yield self._replies(questions)

    def _replies(
        self, questions: Sequence[ScoringRequest]
    ) -> Iterator[tuple[ScoringRequest, ScoringResult]]:
        for question in sorted(questions, key=lambda one: one.name in self.last):
            fate = self.fate.get(question.name)
            if fate:
                yield question, ScoringResult(fate, f"it was {fate}", 1.5, None)
                continue
            model = self.registry.models[str(question.model.path)]
            table = question.table
            if isinstance(table, Path):
                table = pq.read_table(table, partitioning=None).to_pandas()
            scores = None if table is None else model.scores(table)
            yield question, ScoringResult("answered", "", 0.5, scores, features=tuple(model.schema))


@dataclass
class MemoryPages:
    """Pages by name."""

    written: dict[str, str | bytes] = field(default_factory=dict)

    def write(self, name: str, content: str | bytes) -> None:
        self.written[name] = content


@dataclass
class MemoryNotifier:
    """Messages that were sent; `down` while none can be."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    down: bool = False

    def tell(self, title: str, text: str) -> str:
        if self.down:
            raise TemporaryError("webhook at chat.example.com: answered 500")
        self.sent.append((title, text))
        return "webhook"


@dataclass(frozen=True)
class Judge:
    """A validator for which scores below `floor` are wrong."""

    floor: float = 0.0
    written: bool = True

    def suite(self, name: str) -> Suite | None:
        return Suite(name, "", (), {}, {}, "") if self.written else None

    def judge(self, suite: str, frame: pd.DataFrame) -> list[RuleResult]:
        bad = tuple(np.flatnonzero(frame["score"] < self.floor).tolist())
        return [RuleResult("floor(score)", "critical", not bad, bad, f"{len(bad)} rows", "none")]

    def judge_each(self, suite: str, frames: Sequence[pd.DataFrame]) -> list[list[RuleResult]]:
        return [self.judge(suite, frame) for frame in frames]


@dataclass
class Serving:
    """One folder's services, and the stages with them."""

    root: Path
    registry: MemoryRegistry = field(default_factory=MemoryRegistry)
    judge: Judge = field(default_factory=Judge)
    notifier: MemoryNotifier = field(default_factory=MemoryNotifier)
    url: str = ""  # of the warehouse; empty: SQLite in the folder
    problem: Problem = PROBLEM

    def __post_init__(self) -> None:
        self.workers = MemoryWorkers(self.registry)
        self.registry.warehouse = lambda: self.warehouse

    @property
    def lake(self) -> LocalLake:
        return LocalLake(self.root / "data")

    @property
    def warehouse(self) -> SqlWarehouse:
        return SqlWarehouse(self.url or f"sqlite:///{self.root}/redeye.db")

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.root / "redeye.db")) as connection:
            return connection.execute(query).fetchall()

    def serve(self, version: str) -> None:
        """Make a version champion as the gate does: in the registry and in the ledger."""
        before = self.registry.aliases.get("champion")
        if before:
            self.registry.point("previous-champion", before)
        self.registry.point("champion", version)
        self.warehouse.append(
            LedgerEntry(version=version, before=before, actor="gate", reason="better")
        )

    def features(self, day: date = DAY, said: Sequence[float] = (0.2, 0.4, 0.6)) -> FeatureTable:
        """Keep a feature table of the day: one event for each number."""
        table = pa.table(
            {
                "carrier": ["UA"] * len(said),
                "flight": pa.array(range(len(said), 0, -1), pa.int32()),
                "origin": ["EWR"] * len(said),
                "sched_dep_time": pa.array([515] * len(said), pa.int16()),
                "day": pa.array([day] * len(said), pa.date32()),
                "cutoff": pa.array([PROBLEM.cutoff(day)] * len(said), pa.timestamp("us")),
                "said": pa.array(said, pa.float64()),
            }
        )
        self.lake.write("features", day, table)
        history = self.lake.find("features", day - timedelta(days=364), day - timedelta(days=1))
        return FeatureTable(
            day=day,
            names=("said",),
            partition=self.lake.find("features", day, day)[0],
            history=tuple(history),
            fingerprint="f",
        )

    def flew(self, day: date, delays: Sequence[float | None], hour: int = 12) -> Partition:
        """Accept the outcomes of a day: delays in minutes at arrival, None for a cancelled flight."""
        rows = {
            "day": [day] * len(delays),
            "carrier": ["UA"] * len(delays),
            "flight": list(range(1, len(delays) + 1)),
            "origin": ["EWR"] * len(delays),
            "sched_dep_time": [515] * len(delays),
            "dep_time": [None if delay is None else 515 for delay in delays],
            "arr_delay": list(delays),
            "known_at": [datetime.combine(day, datetime.min.time()) + timedelta(hours=hour)]
            * len(delays),
        }
        return self.lake.write("accepted/flights", day, pa.table(rows, schema=FLIGHTS))

    def score(
        self,
        day: date = DAY,
        table: FeatureTable | None = None,
        model: str = "current",
        schedule: Sequence[str] = SCHEDULE,
        republish: bool = True,
        rollout: float = 0.0,
        landed: IngestResult | None = None,
        verdict: Verdict | None = None,
    ) -> Publication:
        params = ScoreParams(
            model=model,
            fallback_order=list(schedule),
            republish=republish,
            challenger_share=rollout,
            deadline_seconds=60.0,
            memory_limit_gb=8.0,
        )
        return score(
            day,
            params,
            self.problem,
            table or self.features(day),
            landed,
            verdict,
            self.lake,
            self.registry,
            self.warehouse,
            self.judge,
            self.workers,
        )

    def settle(self, day: date) -> Settlement:
        return settle(day, SettleParams(lookback_days=7), self.problem, self.lake, self.warehouse)

    def monitor(
        self,
        day: date = DAY,
        publication: Publication | None = None,
        settlement: Settlement | None = None,
        table: FeatureTable | None = None,
        validation: Validation | None = None,
        running: str | None = None,
    ) -> tuple[Report, str]:
        """The record, and report.html."""
        pages = MemoryPages()
        report = monitor(
            day=day,
            params=MonitorParams(
                lookback_days=28,
                psi_threshold=0.25,
                psi_days=7,
                max_skill_loss=0.5,
                max_champion_age_days=60,
                alerts_per_week=5,
            ),
            problem=self.problem,
            landed=None,
            validation=validation,
            feature_table=table,
            candidates=None,
            evaluation=None,
            verdict=None,
            publication=publication,
            settlement=settlement,
            lake=self.lake,
            registry=self.registry,
            warehouse=self.warehouse,
            notifier=self.notifier,
            code={"git_commit": "abc", "lock_sha256": "def"},
            pages=pages,
            running=running,
        )
        page = pages.written["report.html"]
        assert isinstance(page, str)
        return report, page
