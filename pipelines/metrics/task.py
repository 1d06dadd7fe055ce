"""What depends on what is predicted: a yes or no, or a number. Nothing else asks which of the two it is."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.core.config import PromoteParams
from pipelines.core.errors import ConfigError
from pipelines.core.records import TaskName
from pipelines.metrics import classification, regression
from pipelines.metrics.baseline import historical_mean, historical_rate
from pipelines.metrics.classification import Metric
from pipelines.metrics.mean_deviation import deviations_apart, odds_apart
from pipelines.metrics.performance_estimation import (
    Estimate,
    estimate_numbers,
    estimate_probabilities,
)

Bounds = tuple[float, float]
PROBABILITIES: Bounds = (0.0, 1.0)
FINITE: Bounds = (-sys.float_info.max, sys.float_info.max)


@dataclass(frozen=True)
class Floor:
    """What a candidate must not go beyond: a metric, or its overfit, against a setting of params.yaml."""

    setting: str  # of section `promote`
    found: str
    breaks: Callable[[float, float], bool]  # found, limit
    failure: str  # with places for both


@dataclass(frozen=True)
class Excess:
    """By how much more than the baseline a candidate may be off in a metric."""

    setting: str  # of section `promote`
    found: str
    failure: str


@dataclass(frozen=True)
class Task:
    """How the answers to one kind of question are given, judged and told.

    `loss` is the metric that a better model lowers and a dishonest one cannot: it chooses among
    candidates and must beat the baseline. `overfit` is the metric in which training days and test days
    are compared. `told` are the metrics that a person wants to see first, `skill` the one of them that
    tells, without a unit, whether events are told apart; `unskilled` is its number for scores that know
    nothing.
    """

    name: TaskName
    metrics: Mapping[str, Metric]
    loss: str
    overfit: str
    told: tuple[str, ...]
    skill: str
    unskilled: float
    floors: tuple[Floor, ...]
    excess: Excess
    baseline: Callable[[np.ndarray], float]
    average: str  # what the mean of labels is called
    shown: Callable[[float], str]  # how people write it
    labels: str  # what labels are
    is_label: Callable[[np.ndarray], np.ndarray]
    dtype: str  # of labels, as estimators are fitted on them
    estimator: str  # what recipes build, as scikit-learn calls it
    ask: Callable[[Any, Any], np.ndarray]  # a scikit-learn estimator, about a frame of features
    shifted: Callable[[np.ndarray, float], np.ndarray]  # scores, moved by a constant
    bounds: Bounds  # of scores, whoever gave them
    trained_bounds: Callable[[np.ndarray], Bounds]  # of a model that learned from these labels
    scores: str  # what scores are, with places for both bounds
    apart: Callable[[np.ndarray, np.ndarray], float]  # means of scores and labels, in limits
    estimate: Estimate  # what to expect of scores before outcomes come

    @property
    def watched(self) -> tuple[str, ...]:
        """The metrics that are looked at every day, with an interval."""
        return tuple(dict.fromkeys((self.loss, *self.told, "value")))

    @property
    def settings(self) -> list[str]:
        """The settings of section `promote` that limit a candidate."""
        return [self.excess.setting, *(floor.setting for floor in self.floors)]

    def limits(self, params: PromoteParams) -> dict[str, float]:
        """The setting of each floor; raises ConfigError when section `promote` is not one for the task."""
        known = {name for task in TASKS.values() for name in task.settings}
        settings = params.model_dump(include=known)
        given = {name: limit for name, limit in settings.items() if limit is not None}
        wanted = self.settings
        for name in wanted:
            if name not in given:
                raise ConfigError(
                    f"params.yaml: promote.{name}: missing; a {self.name} problem needs "
                    f"{', '.join(wanted)}"
                )
        for name in given:
            if name not in wanted:
                raise ConfigError(
                    f"params.yaml: promote.{name}: is not for a {self.name} problem; remove it, "
                    f"there are {', '.join(wanted)}"
                )
        return given


def _widened(labels: np.ndarray) -> Bounds:
    """The range of the labels, and as far again on either side: beyond it lies a broken model."""
    low, high = float(labels.min()), float(labels.max())
    return low - (high - low), high + (high - low)


def shift_log_odds(scores: np.ndarray, shift: float) -> np.ndarray:
    """Probabilities with a constant added to their log odds; 0 and 1 stay what they are."""
    raised = scores * np.exp(shift)
    return np.asarray(raised / (raised + (1 - scores)))


BINARY = Task(
    name="binary",
    metrics=classification.METRICS,
    loss="log_loss",  # a proper score: nothing but better probabilities wins it
    overfit="information",  # a stormy month is as hard for its own rate
    told=("log_loss", "auc", "calibration_error"),
    skill="auc",
    unskilled=0.5,
    floors=(
        Floor(
            "max_overfit",
            "overfit",
            operator.gt,
            "overfits: it tells {:.3f} nats less of a test day's event than of a training day's, above {:g}",
        ),
        Floor("min_auc", "auc", operator.lt, "hardly ranks: AUC {:.3f} is below {:g}"),
    ),
    excess=Excess("max_calibration_excess", "calibration_error", "is not calibrated: its error"),
    baseline=historical_rate,
    average="rate",
    shown=lambda mean: f"{mean * 100:.1f} %",
    labels="0 or 1",
    is_label=lambda labels: np.isin(labels, (0.0, 1.0)),
    dtype="int64",
    estimator="classifier",
    ask=lambda estimator, frame: estimator.predict_proba(frame)[:, 1],
    shifted=shift_log_odds,
    bounds=PROBABILITIES,
    trained_bounds=lambda labels: PROBABILITIES,  # noqa: ARG005  whatever they were
    scores="probabilities",
    apart=odds_apart,
    estimate=estimate_probabilities,
)

REGRESSION = Task(
    name="regression",
    metrics=regression.METRICS,
    # What is published is an expectation, and squared error is what the mean minimises. The absolute
    # error is won by the median: a constant would beat the historical mean without knowing anything.
    loss="rmse",
    overfit="r2",  # without a unit; a stormy month is as hard for its own mean
    told=("rmse", "r2", "bias"),
    skill="r2",
    unskilled=0.0,
    floors=(
        Floor(
            "max_overfit",
            "overfit",
            operator.gt,
            "overfits: R² is {:.3f} lower on test days than on training days, above {:g}",
        ),
    ),
    excess=Excess("max_bias_excess", "bias", "is biased: its mean error"),
    baseline=historical_mean,
    average="mean",
    shown=lambda mean: f"{mean:.4g}",
    labels="finite numbers",
    is_label=np.isfinite,
    dtype="float64",
    estimator="regressor",
    ask=lambda estimator, frame: estimator.predict(frame),
    shifted=lambda scores, shift: scores + shift,
    bounds=FINITE,
    trained_bounds=_widened,
    scores="numbers between {:g} and {:g}",
    apart=deviations_apart,
    estimate=estimate_numbers,
)

TASKS: Mapping[str, Task] = {task.name: task for task in (BINARY, REGRESSION)}


def task_of(name: str) -> Task:
    """The task by its name; raises ConfigError when there is none."""
    if name not in TASKS:
        raise ConfigError(
            f"problem: task {name!r} is unknown; say one of {', '.join(TASKS)} in your PROBLEM"
        )
    return TASKS[name]
