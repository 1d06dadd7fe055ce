"""Settings: params.yaml as typed records, and places from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from pipelines.core.atomic_files import read_yaml
from pipelines.core.dates import clock_time, parse_day, parse_zone
from pipelines.core.errors import ConfigError, UsageError
from pipelines.core.records import Tuned
from pipelines.core.refused_settings import explain

# Bounds are wide: they keep out what cannot be meant, before it fails somewhere else without a sentence.
MOST_DAYS = 36_500
EXPERIMENT = "REDEYE_EXPERIMENT"
# Of experiments in a database on a server; in one database production's tables stay in their own.
EXPERIMENTS_SCHEMA = "redeye_experiments"
Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[int, Field(ge=1, le=MOST_DAYS)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Gigabytes = Annotated[float, Field(ge=0.1, le=100_000)]
Limit = Annotated[float, Field(gt=0, le=1_000_000)]  # in the unit of what it limits


def _read_by(read: Callable[[object], object]) -> BeforeValidator:
    """What `read` makes of a value; its sentence, if it refuses it."""

    def reading(value: object) -> object:
        try:
            return read(value)
        except UsageError as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(reading)


def _as_day(value: object) -> date:
    if isinstance(value, date):
        raise UsageError(f'put it in quotes ("{value}"): DVC\'s templates know no dates')
    return parse_day(value)


Clock = Annotated[time, _read_by(clock_time)]


class Section(BaseModel):
    """One section of params.yaml; refuses keys it does not know and numbers that are none."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ScheduleParams(Section):
    zone: Annotated[str, _read_by(parse_zone)]
    night: Clock
    watch: Clock
    catch_up_nights: Annotated[int, Field(ge=0, le=31)]

    @field_validator("watch")
    @classmethod
    def _after_the_night(cls, watch: time, told: ValidationInfo) -> time:
        if (night := told.data.get("night")) and watch <= night:
            raise ValueError(f"must be later than schedule.night, which is {night:%H:%M}")
        return watch


class IngestParams(Section):
    history_days: Days
    refetch_days: Days


class ValidateParams(Section):
    max_quarantined_share: Share


class FeatureParams(Section):
    engine: Literal["duckdb", "spark"]
    memory_limit_gb: Gigabytes
    training_days: Days


class TrainParams(Section):
    seed: Seed
    test_days: Days
    embargo_days: Annotated[int, Field(ge=0, le=MOST_DAYS)]
    recalibration_days: Annotated[int, Field(ge=0, le=MOST_DAYS)]
    max_categories: Annotated[int, Field(ge=2, le=10_000_000)]
    threads: Annotated[int, Field(ge=0, le=1024)]
    device: Literal["cpu", "cuda"]
    learning_curve_days: Annotated[int, Field(ge=0, le=MOST_DAYS)]
    # Candidates with settings that a search found; given, they are in place of what the database has.
    tuned: list[Tuned] = Field(default_factory=list)


class TuneParams(Section):
    every_days: Annotated[int, Field(ge=0, le=MOST_DAYS)]
    trials: Annotated[int, Field(ge=2, le=100_000)]
    minutes: Limit
    trial_minutes: Limit
    folds: Annotated[int, Field(ge=2, le=50)]
    parallel: Annotated[int, Field(ge=1, le=256)]


class EvaluateParams(Section):
    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)]
    seed: Seed
    max_feature_auc: Annotated[float, Field(gt=0.5, le=1)]
    max_day_correlation: Annotated[float, Field(gt=0, le=1)]


class PromoteParams(Section):
    policy: Literal["ask", "auto"]
    alpha: Annotated[float, Field(gt=0, le=0.5)]
    min_lift: Annotated[float, Field(ge=0, lt=1)]
    max_regression: Annotated[float, Field(ge=0, lt=1)]
    max_slice_regression: Annotated[float, Field(ge=0, le=1_000_000)]
    min_slice_events: Annotated[int, Field(ge=1, le=100_000_000)]
    min_slice_days: Annotated[int, Field(ge=2, le=MOST_DAYS)]
    on_harm: Literal["alert", "rollback"]
    max_overfit: Limit
    max_refit_distance: Limit
    max_model_mb: Limit
    max_calibration_excess: Share | None = (
        None  # over the baseline's; these two of a binary problem
    )
    min_auc: Share | None = None
    max_bias_excess: Limit | None = None  # of a regression, likewise


class ScoreParams(Section):
    deadline_seconds: Annotated[float, Field(gt=0, le=86_400)]
    memory_limit_gb: Gigabytes
    challenger_share: Share
    model: Annotated[str, Field(pattern=r"^(current|as-of|[1-9][0-9]{0,8})$")]
    fallback_order: Annotated[
        list[Literal["champion", "previous-champion", "canary", "baseline"]], Field(min_length=1)
    ]
    republish: bool


class SettleParams(Section):
    lookback_days: Days


class MonitorParams(Section):
    lookback_days: Annotated[int, Field(ge=2, le=MOST_DAYS)]
    psi_threshold: Limit
    psi_days: Days
    max_skill_loss: Annotated[float, Field(gt=0, le=1)]
    max_champion_age_days: Days
    alerts_per_week: Annotated[int, Field(ge=0, le=1000)]


class Params(Section):
    """The whole of params.yaml."""

    day: Annotated[date, _read_by(_as_day)]
    problem: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$", max_length=200)]
    schedule: ScheduleParams
    ingest: IngestParams
    validate_: Annotated[ValidateParams, Field(alias="validate")]
    features: FeatureParams
    train: TrainParams
    tune: TuneParams
    evaluate: EvaluateParams
    promote: PromoteParams
    score: ScoreParams
    settle: SettleParams
    monitor: MonitorParams

    def section(self, stage: str) -> Section:
        """The section of one stage."""
        section: Section = self.validate_ if stage == "validate" else getattr(self, stage)
        return section


def read_params(path: Path) -> Params:
    """The settings in `path`; raises ConfigError that names the key, what is wrong, and the nearest one."""
    try:
        return Params.model_validate(read_yaml(path))
    except ValidationError as error:
        # An unknown key explains the missing one beside it.
        problem = max(error.errors(), key=lambda found: found["type"] == "extra_forbidden")
        key = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise ConfigError(f"{path.name}: {key}: {explain(problem, Params)}") from error


@dataclass(frozen=True)
class Paths:
    """Where things are: the code, the state, and the services."""

    repository: Path  # params.yaml, dvc.yaml, expectations/ and the code
    root: Path  # data/, runs/ and var/
    database_url: str
    tracking_uri: str
    dvc_remote: str
    production: Path | None = None  # of an experiment: the root whose raw data it begins with

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def var(self) -> Path:
        return self.root / "var"

    def run(self, day: date) -> Path:
        """The folder of one night's records and pages."""
        return self.root / "runs" / day.isoformat()


def find_places(environ: Mapping[str, str] = os.environ) -> Paths:
    """Every place, by its variable or its embedded default.

    A command that DVC starts, or that has REDEYE_EXPERIMENT=yes, has an experiment's places: nothing
    that it writes is where production reads.
    """
    repository = Path(__file__).resolve().parents[2]
    production = _root(environ.get("REDEYE_ROOT") or str(repository))
    experiment = is_experiment(environ)
    if experiment:
        _refuse_copy(repository, environ)
    root = repository / "experiments" if experiment else production
    database = environ.get("REDEYE_DATABASE_URL", "")
    if experiment:
        database = _in_own_schema(database)
    return Paths(
        repository=repository,
        root=root,
        database_url=database or f"sqlite:///{root}/var/redeye.db",
        tracking_uri=environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root}/var/mlflow.db",
        dvc_remote=(not experiment and environ.get("REDEYE_DVC_REMOTE"))
        or str(root / "var" / "dvc-remote"),
        production=production if experiment else None,
    )


def is_experiment(environ: Mapping[str, str]) -> bool:
    """Whether a command is one of an experiment: DVC started it, or somebody says so."""
    said = environ.get(EXPERIMENT, "")
    if said not in ("", "yes"):
        raise ConfigError(f"{EXPERIMENT}: {said[:40]!r} is not known; write yes, or unset it")
    return said == "yes" or bool(environ.get("DVC_STAGE"))


def _refuse_copy(repository: Path, environ: Mapping[str, str]) -> None:
    """DVC runs queued and temporary experiments in a copy, whose settings this program would not read."""
    folder = environ.get("DVC_ROOT") if environ.get("DVC_STAGE") else None
    if folder and Path(folder).resolve() != repository:
        raise ConfigError(
            f"DVC works in {folder}, and this program reads the settings of {repository}; run "
            f"`dvc exp run` there, without --temp and --queue"
        )


def _in_own_schema(url: str) -> str:
    """The URL with a schema of the experiments' own, if it is of a server; a file is not shared."""
    if not url or url.startswith("sqlite"):
        return ""
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{EXPERIMENTS_SCHEMA}"


def _root(named: str) -> Path:
    """The folder of all state, which need not be there yet."""
    try:
        root = Path(named).resolve()
        usable = _nearest(root).is_dir()
    except (OSError, ValueError, RuntimeError) as error:
        told = getattr(error, "strerror", None) or error
        raise ConfigError(f"REDEYE_ROOT: {named[:80]!r}: {told}; name a folder") from None
    if not usable:
        raise ConfigError(f"REDEYE_ROOT: {named[:80]!r} is a file, or below one; name a folder")
    return root


def _nearest(path: Path) -> Path:
    """The path, or the first of its parents that is there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return _nearest(path.parent)
    return path
