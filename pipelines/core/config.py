"""Settings: params.yaml as typed records, and places from the environment."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.core.errors import ConfigError

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """One section of params.yaml; refuses keys it does not know and numbers that are none."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class IngestParams(Section):
    history_days: Count
    corrections_days: Count


class ValidateParams(Section):
    quarantine_budget: Share


class FeatureParams(Section):
    engine: Literal["duckdb", "spark"]
    memory_limit_gb: Annotated[float, Field(gt=0)]
    history_days: Count


class TrainParams(Section):
    seed: int
    test_days: Count
    gap_days: Annotated[int, Field(ge=0)]
    threads: Annotated[int, Field(ge=0)]


class EvaluateParams(Section):
    resamples: Annotated[int, Field(ge=100)]
    seed: int
    max_feature_auc: Annotated[float, Field(gt=0.5, le=1)]
    max_day_correlation: Annotated[float, Field(gt=0, le=1)]


class PromoteParams(Section):
    policy: Literal["ask", "auto"]
    metric: str  # one of the task's
    max_overfit: Annotated[float, Field(gt=0)]
    max_model_mb: Annotated[float, Field(gt=0)]
    max_calibration_excess: Share | None = (
        None  # over the baseline's; these two of a binary problem
    )
    min_auc: Share | None = None
    max_bias_excess: Annotated[float, Field(gt=0)] | None = None  # of a regression, likewise


class ScoreParams(Section):
    deadline_seconds: Annotated[float, Field(gt=0)]
    memory_limit_gb: Annotated[float, Field(gt=0)]
    rollout: Share
    model: Annotated[str, Field(pattern=r"^(current|[1-9][0-9]{0,8})$")]
    schedule: Annotated[
        list[Literal["champion", "previous-champion", "canary", "baseline"]], Field(min_length=1)
    ]
    republish: bool


class SettleParams(Section):
    lookback_days: Count


class MonitorParams(Section):
    lookback_days: Annotated[int, Field(ge=2)]
    psi_alert: Annotated[float, Field(gt=0)]
    psi_days: Count
    lost_alert: Annotated[float, Field(gt=0, le=1)]
    alerts_per_week: Annotated[int, Field(ge=0)]


class Params(Section):
    """The whole of params.yaml."""

    day: Annotated[date, Field(strict=False)]  # in quotes: DVC's templates know no dates
    problem: str
    ingest: IngestParams
    validate_: Annotated[ValidateParams, Field(alias="validate")]
    features: FeatureParams
    train: TrainParams
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
        return Params.model_validate(yaml.safe_load(path.read_text()))
    except ValidationError as error:
        # An unknown key explains the missing one beside it.
        problem = max(error.errors(), key=lambda found: found["type"] == "extra_forbidden")
        key = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise ConfigError(f"{path.name}: {key}: {_explain(problem)}") from error
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise ConfigError(
            f"{path.name}: cannot be read ({error}); correct it, or restore it from git"
        ) from error


def _explain(problem: Any) -> str:
    if problem["type"] == "missing":
        return "missing; add it (git shows the value it had)"
    if problem["type"] != "extra_forbidden":
        return f"{problem['msg']}, not {problem['input']!r}; correct the value"
    *sections, unknown = problem["loc"]
    model: type[BaseModel] = Params
    for name in sections:
        field = next(f for key, f in model.model_fields.items() if name in (key, f.alias))
        model = field.annotation  # type: ignore[assignment]  # sections are plain models
    known = [f.alias or key for key, f in model.model_fields.items()]
    nearest = difflib.get_close_matches(str(unknown), known, n=1, cutoff=0.5)
    return "unknown key; " + (
        f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known)}"
    )


@dataclass(frozen=True)
class Places:
    """Where things are: the code, the state, and the services."""

    repository: Path  # params.yaml, dvc.yaml, expectations/ and the code
    root: Path  # data/, runs/ and var/
    database_url: str
    tracking_uri: str
    dvc_remote: str

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def var(self) -> Path:
        return self.root / "var"

    def run(self, day: date) -> Path:
        """The folder of one night's records and pages."""
        return self.root / "runs" / day.isoformat()


def find_places(environ: Mapping[str, str] = os.environ) -> Places:
    """Every place, by its variable or its embedded default."""
    repository = Path(__file__).resolve().parents[2]
    root = Path(environ.get("REDEYE_ROOT") or repository).resolve()
    return Places(
        repository=repository,
        root=root,
        database_url=environ.get("REDEYE_DATABASE_URL") or f"sqlite:///{root}/var/redeye.db",
        tracking_uri=environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root}/var/mlflow.db",
        dvc_remote=environ.get("REDEYE_DVC_REMOTE") or str(root / "var" / "dvc-remote"),
    )
