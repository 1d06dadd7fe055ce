"""A small problem through all nine stages, by the real command line on real stores and a real registry."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines import commands
from pipelines.adapters.mlflow.registry import MlflowRegistry
from pipelines.adapters.workers.pool import ProcessWorkers
from pipelines.app.services import Redeye
from pipelines.cli import main
from pipelines.core.config import Paths, read_params
from pipelines.core.errors import MissingDay
from pipelines.define.features import FeatureSet
from pipelines.define.problem import ModelSpec
from tests.integration import small_night
from tests.integration.learning import CODE, linear
from tests.integration.serving import MemoryNotifier
from tests.integration.small_night import REPOSITORY, Nights

FIRST = date(2013, 8, 1)
PER_DAY = 60
PROBLEM = replace(
    small_night.PROBLEM,
    first_day=FIRST,
    features=FeatureSet(columns={"said": "How likely it is said to be.", "line": "By its name."}),
    recipes=(ModelSpec("linear", linear),),
)
SETTINGS: dict[str, dict[str, Any]] = {
    "ingest": {"history_days": 59, "refetch_days": 2},
    "features": {"training_days": 59},
    "train": {"test_days": 14, "threads": 1},
    "evaluate": {"bootstrap_samples": 100, "max_feature_auc": 0.95, "max_day_correlation": 0.95},
    "promote": {"max_calibration_excess": 0.2, "max_overfit": 1.0},
}


@dataclass
class Rides:
    """Rides of each day, late the more often the more they say so; of a silent day one outcome is known."""

    silent: set[date] = field(default_factory=set)

    def read(self, table: str, day: date) -> pa.Table:
        if day < FIRST:
            raise MissingDay(f"{table}: nothing before {FIRST}; ask for a later day")
        chance = np.random.default_rng(day.toordinal())
        said, line = chance.random(PER_DAY).round(3), chance.choice(["red", "blue"], PER_DAY)
        rows = {
            "day": pa.array([day] * PER_DAY, pa.date32()),
            "ride": pa.array(range(PER_DAY), pa.int32()),
            "line": pa.array(line.tolist(), pa.string()),
            "said": pa.array(said, pa.float64()),
        }
        if table == "plan":
            return pa.table(rows)
        late = chance.random(PER_DAY) < 0.05 + 0.6 * said
        ended = datetime.combine(day, time(20), UTC).replace(tzinfo=None)
        told = pa.table(
            rows
            | {
                "delay": pa.array(np.where(late, 20.0, 0.0), pa.float64()),
                "known_at": pa.array([ended] * PER_DAY, pa.timestamp("us")),
            }
        )
        return told.slice(0, 1) if day in self.silent else told


WORKERS = ProcessWorkers(120, 8)  # one for all nights of a process: it imports once


@dataclass
class Whole(Nights):
    """A root at which commands are typed."""

    source: Rides = field(default_factory=Rides)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.places = Paths(
            REPOSITORY, self.root, self.url, f"sqlite:///{self.root}/var/mlflow.db", ""
        )
        given = read_params(REPOSITORY / "params.yaml")
        sections = {
            ("validate_" if name == "validate" else name): given.section(name).model_copy(
                update=SETTINGS.get(name, {})
            )
            for name in self.graph.names
        }
        self.services |= {
            "problem": lambda: PROBLEM,
            "registry": lambda: MlflowRegistry(self.places, PROBLEM),
            "workers": lambda: WORKERS,
            "notifier": MemoryNotifier,
            "code": lambda: CODE,
        }
        self.redeye = Redeye(
            self.places, given.model_copy(update=sections), self.graph, self.services
        )

    def type(self, line: str, monkeypatch: pytest.MonkeyPatch) -> int:
        """Give the command line these words; its exit code."""
        for module in ("nights", "stages", "champion", "inspect", "maintenance"):
            monkeypatch.setattr(
                getattr(commands, module), "open_redeye", lambda environ: self.redeye
            )
        program, *words = shlex.split(line)
        assert program == "redeye"
        return main(words, {})

    def record(self, day: date, stem: str) -> Path:
        """Where a stage's record of a day is."""
        return self.places.run(day) / f"{stem}.json"
