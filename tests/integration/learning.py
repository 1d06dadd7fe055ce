"""A small world to learn from: rides of four months, whose lateness leans on the wind, and a real registry."""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.adapters.database.warehouse import SqlWarehouse
from pipelines.adapters.lake.lake import LocalLake
from pipelines.adapters.mlflow.registry import MlflowRegistry
from pipelines.adapters.tuning.search import OptunaSearch
from pipelines.adapters.workers.pool import ProcessWorkers
from pipelines.core.config import EvaluateParams, Paths, PromoteParams, TrainParams, TuneParams
from pipelines.core.records import Candidates, Evaluation, FeatureTable, IngestResult, Verdict
from pipelines.define.features import FeatureSet
from pipelines.define.problem import ModelSpec, Problem, Table
from pipelines.stages.evaluate import evaluate
from pipelines.stages.promote import promote
from pipelines.stages.train import train
from pipelines.stages.tune import Tuner
from pipelines.training.examples import Examples
from pipelines.training.model import Model, fit
from pipelines.training.model_file import unpack
from pipelines.training.ports import ModelFile

FIRST = date(2013, 1, 1)
DAY = date(2013, 4, 1)
PER_DAY = 60
TUNE = TuneParams(every_days=0, trials=6, minutes=10, trial_minutes=5, folds=2, parallel=1)
NAMES = ("wind", "hour", "line")
CODE = {"git_commit": "abc123", "lock_sha256": "def456", "source_sha256": "789abc"}


def outcome(rides: pd.DataFrame) -> pd.DataFrame:
    """Late from ten minutes on."""
    label = rides["delay"].ge(10).astype("float64").where(rides["delay"].notna())
    return pd.DataFrame(
        {"label": label, "excluded": label.isna().map({True: "cancelled", False: None})}
    )


def worth(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """A coin for every late ride that was announced, half a coin lost for every other."""
    return np.where(scores > 1 / 3, np.where(labels == 1.0, 1.0, -0.5), 0.0)


def linear(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """One-hot categories and numbers as they are."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    categories = [name for name, kind in schema.items() if kind == "category"]
    encoded = ColumnTransformer(
        [("lines", OneHotEncoder(handle_unknown="ignore"), categories)], remainder="passthrough"
    )
    return make_pipeline(encoded, LogisticRegression(random_state=seed))


def trees(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """A few shallow trees."""
    from xgboost import XGBClassifier

    return XGBClassifier(
        n_estimators=40,
        max_depth=3,
        learning_rate=0.15,
        enable_categorical=True,
        random_state=seed,
        n_jobs=1,
    )


PROBLEM = Problem(
    name="rides",
    label="late",
    zone="America/New_York",
    first_day=FIRST,
    tables=(Table("plan", "events"), Table("rides", "facts")),
    events="plan",
    outcomes="rides",
    key=("ride",),
    source="sqlite://",
    outcome=outcome,
    features=FeatureSet(
        columns={"wind": "Its speed.", "hour": "On the clock.", "line": "By its name."}
    ),
    recipes=(ModelSpec("linear", linear), ModelSpec("trees", trees)),
    value=worth,
)


def delay(rides: pd.DataFrame) -> pd.DataFrame:
    """The delay itself, in minutes."""
    reason = rides["delay"].isna().map({True: "cancelled", False: None})
    return pd.DataFrame({"label": rides["delay"], "excluded": reason})


def nearness(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """A coin for every ride whose delay was known to within ten minutes."""
    return np.where(np.abs(labels - scores) < 10, 1.0, 0.0)


def linear_number(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """One-hot categories and numbers as they are."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    return make_pipeline(linear(schema, seed, threads)[0], Ridge())


def trees_number(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """A few shallow trees."""
    from xgboost import XGBRegressor

    return XGBRegressor(
        n_estimators=40,
        max_depth=3,
        learning_rate=0.15,
        enable_categorical=True,
        random_state=seed,
        n_jobs=1,
    )


REGRESSION = replace(
    PROBLEM,
    label="delay",
    task="regression",
    outcome=delay,
    recipes=(ModelSpec("linear", linear_number), ModelSpec("trees", trees_number)),
    value=nearness,
)


def rides(day: date, *, crooked: bool = False) -> pd.DataFrame:
    """A day's rides; the log odds of being late are linear in the wind, or, crooked, leap with it."""
    generator = np.random.default_rng(day.toordinal())
    wind, hour = generator.normal(0, 1, PER_DAY), generator.integers(5, 24, PER_DAY)
    line = generator.choice(["red", "green", "blue"], PER_DAY)
    lean = np.where(np.abs(wind) > 1, 3.0, -1.0) if crooked else 1.3 * wind
    chance = 1 / (1 + np.exp(-(lean + 0.05 * (hour - 14) - 1 + generator.normal(0, 0.2))))
    late = generator.random(PER_DAY) < chance
    night = datetime.combine(day, time(), UTC).replace(tzinfo=None)
    ended = [night + timedelta(hours=int(h) + 5) for h in hour]
    delay = np.where(late, 20.0, 0.0)
    delay[0] = np.nan
    columns = {
        "day": day,
        "ride": np.arange(PER_DAY),
        "wind": wind,
        "hour": hour.astype(float),
        "line": line,
        "late_by": np.nan_to_num(delay)
        + generator.normal(0, 1, PER_DAY),  # a leak, unless nobody asks for it
    }
    return pd.DataFrame(columns | {"delay": delay, "known_at": ended})


FLOORS: dict[str, dict[str, Any]] = {
    "binary": {"max_calibration_excess": 0.05, "min_auc": 0.55},
    "regression": {"max_bias_excess": 2.0},
}


WORKERS = ProcessWorkers(600, 8)  # one for all tests of a process: it imports once


def fitted(name: str) -> Model:
    """A recipe fitted on the rides of a day."""
    made = rides(DAY).iloc[1:]
    days = np.full(len(made), np.datetime64(DAY))
    labels = (made["delay"] >= 10).to_numpy("float64")
    known_at = made["known_at"].to_numpy("datetime64[us]")
    schema: Any = {"wind": "number", "line": "category"}
    examples = Examples(schema, made[list(schema)], labels, days, known_at)
    (recipe,) = (one for one in PROBLEM.recipes if one.name == name)
    return fit(recipe, examples, seed=1, threads=1)


def load(file: ModelFile) -> Model:
    """The model of a file, in this process: it is our own."""
    return unpack(file.form, file.path.read_bytes())


@cache
def empty_store() -> Path:
    """An MLflow store without anything in it, made once: its migrations take seconds."""
    from mlflow import MlflowClient

    folder = tempfile.mkdtemp(prefix="redeye-store-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    store = Path(folder) / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{store}").search_experiments()
    return store


def copy_root(root: Path, to: Path) -> None:
    """Copy a root with its registry, whose addresses are those of the copy then."""
    shutil.copytree(root, to, dirs_exist_ok=True)
    with closing(sqlite3.connect(to / "var" / "mlflow.db")) as store, store:
        tables = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for _, column, *_ in store.execute(f'PRAGMA table_info("{table}")').fetchall():
                store.execute(
                    f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) '
                    f'WHERE "{column}" LIKE ?',
                    (f"{root}/", f"{to}/", f"%{root}/%"),
                )


def land(lake: LocalLake, day: date, made: pd.DataFrame, names: tuple[str, ...]) -> None:
    """A day's rides as features and as outcomes."""
    for dataset, columns in (
        ("features", ["day", "ride", *names]),
        ("accepted/rides", ["day", "ride", "delay", "known_at"]),
    ):
        table = pa.Table.from_pandas(made[columns], preserve_index=False)
        table = table.set_column(0, "day", table["day"].cast(pa.date32()))
        if "known_at" in table.column_names:
            place = table.column_names.index("known_at")
            table = table.set_column(place, "known_at", table["known_at"].cast(pa.timestamp("us")))
        lake.write(dataset, day, table)


@cache
def landed_days(names: tuple[str, ...], *, crooked: bool) -> Path:
    """The lake of a world that is about to have its first night, made once and copied."""
    folder = Path(tempfile.mkdtemp(prefix="redeye-landed-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for n in range((DAY - FIRST).days + 4):
        day = FIRST + timedelta(days=n)
        land(LocalLake(folder), day, rides(day, crooked=crooked), names)
    return folder


@dataclass
class PagesInMemory:
    """Pages by name."""

    written: dict[str, str | bytes] = field(default_factory=dict)

    def write(self, name: str, content: str | bytes) -> None:
        self.written[name] = content


@dataclass
class World:
    """Everything that the stages of learning ask for, in one folder."""

    root: Path
    problem: Problem = PROBLEM
    crooked: bool = False
    names: tuple[str, ...] = NAMES
    code: Mapping[str, str] = field(default_factory=lambda: CODE)

    def __post_init__(self) -> None:
        uri = f"sqlite:///{self.root}/var/mlflow.db"
        store = self.root / "var" / "mlflow.db"
        if not store.exists():
            store.parent.mkdir(parents=True)
            shutil.copy(empty_store(), store)
        self.places = Paths(self.root, self.root, f"sqlite:///{self.root}/redeye.db", uri, "")
        self.lake = LocalLake(self.root / "data")
        self.registry = MlflowRegistry(self.places, self.problem)
        self.warehouse = SqlWarehouse(self.places.database_url)
        self.pages = PagesInMemory()
        self.tuner = Tuner(TUNE, OptunaSearch(self.root / "var" / "tuning"), self.warehouse, 0.0)
        if not self.lake.find("features", FIRST, FIRST):
            landed = landed_days(self.names, crooked=self.crooked)
            shutil.copytree(landed, self.root / "data", dirs_exist_ok=True)

    def copy(self, root: Path) -> World:
        """The same world in a root of its own, with all that its nights left so far."""
        copy_root(self.root, root)
        return World(root, self.problem, self.crooked, self.names)

    def land(self, day: date, **changes: Any) -> None:
        land(self.lake, day, rides(day, crooked=self.crooked).assign(**changes), self.names)

    def feature_table(self, day: date = DAY) -> FeatureTable:
        *history, partition = self.lake.find("features", FIRST, day)
        return FeatureTable(
            day=day,
            names=self.names,
            partition=partition,
            history=tuple(history),
            fingerprint="features",
        )

    def params(self, **changes: Any) -> TrainParams:
        return TrainParams(
            **{
                "seed": 1,
                "test_days": 14,
                "embargo_days": 1,
                "recalibration_days": 28,
                "max_categories": 100,
                "threads": 1,
                "device": "cpu",
                "learning_curve_days": 0,
            }
            | changes
        )

    def train(
        self, day: date = DAY, earlier: Candidates | None = None, **changes: Any
    ) -> Candidates:
        landed = IngestResult(
            day=day, version="data-1", recorded="nowhere", partitions=(), new=0, rows={}
        )
        return train(
            day,
            self.params(**changes),
            self.problem,
            self.feature_table(day),
            landed,
            self.lake,
            self.registry,
            self.code,
            earlier,
            self.tuner,
        )

    def evaluate(self, candidates: Candidates) -> Evaluation:
        return evaluate(
            candidates.day,
            EvaluateParams(
                bootstrap_samples=200, seed=28, max_feature_auc=0.9, max_day_correlation=0.9
            ),  # the wind is honest, and tells much
            self.problem,
            candidates,
            self.feature_table(candidates.day),
            self.lake,
            self.registry,
            self.warehouse,
            self.pages,
            WORKERS,
        )

    def promote(self, candidates: Candidates, evaluation: Evaluation, **changes: Any) -> Verdict:
        settings = {
            "policy": "ask",
            "alpha": 0.05,
            "min_lift": 0.0,
            "max_regression": 0.05,
            "max_slice_regression": 0.02,
            "min_slice_events": 200,
            "min_slice_days": 7,
            "on_harm": "alert",
            "max_overfit": 0.1,
            "max_refit_distance": 1.0,
            "max_model_mb": 10.0,
        }
        settings |= FLOORS[self.problem.task] | changes
        params = PromoteParams.model_validate(settings)
        table = self.feature_table(candidates.day)
        return promote(
            params,
            candidates,
            evaluation,
            table,
            self.lake,
            self.registry,
            self.warehouse,
            WORKERS,
            self.pages,
        )

    def night(self, day: date = DAY, **changes: Any) -> Verdict:
        candidates = self.train(day)
        return self.promote(candidates, self.evaluate(candidates), **changes)
