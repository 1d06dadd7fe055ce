"""A fitted model, with everything that is needed to score a frame exactly as it did when it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipelines.core.contracts import Recipe
from pipelines.core.errors import ConfigError, DataError
from pipelines.core.records import TaskName
from pipelines.methods.examples import Examples, Kind
from pipelines.methods.task import PROBABILITIES, TASKS, Bounds, Task

Form = Literal["ubj", "skops"]
FORMS: Mapping[str, Form] = {"xgboost": "ubj", "sklearn": "skops"}  # of each library's estimators


@dataclass(frozen=True)
class Model:
    """What scores events.

    `vocabulary` holds each category's values among the training rows; a value outside it counts as
    missing, and so does a number that is not finite. `form` is how the estimator is kept: an
    XGBoost booster as UBJSON, a scikit-learn estimator as skops. Scores out of `bounds` are no answer.
    """

    name: str
    form: Form
    schema: Mapping[str, Kind]
    vocabulary: Mapping[str, tuple[str, ...]]
    trained_until: date
    estimator: Any
    task: TaskName = "binary"
    bounds: Bounds = PROBABILITIES

    def scores(self, frame: pd.DataFrame) -> np.ndarray:
        """What is expected of each row, float64: the probability of a yes, or the mean of a number.

        Raises DataError when the frame lacks a feature; further columns are ignored.
        """
        missing = [name for name in self.schema if name not in frame.columns]
        if missing:
            raise DataError(
                f"model {self.name!r}: its features {missing} are not in the feature table; "
                f"declare them again, or promote a model that was trained on today's features"
            )
        if len(frame) == 0:
            return np.empty(0)
        if self.form == "ubj":
            raw = self.estimator.inplace_predict(self._matrix(frame), validate_features=False)
        else:
            raw = TASKS[self.task].ask(self.estimator, self.inputs(frame))
        return np.asarray(raw, dtype="float64")

    def inputs(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The features as estimators are fitted on: float32 numbers and pandas categoricals."""
        return pd.DataFrame(
            {name: self._column(frame, name) for name in self.schema}, index=frame.index
        )

    def _column(self, frame: pd.DataFrame, name: str) -> Any:
        if self.schema[name] == "number":
            return _number(frame[name])
        return pd.Categorical.from_codes(
            self._codes(frame, name), categories=_words(self.vocabulary[name])
        )

    def _codes(self, frame: pd.DataFrame, name: str) -> Any:
        """Place of each value in the vocabulary, −1 for a missing or unseen one."""
        return _words(self.vocabulary[name]).get_indexer(pd.Index(frame[name].astype("str")))

    def _matrix(self, frame: pd.DataFrame) -> np.ndarray:
        # Codes on a NumPy matrix give the same bits as categoricals in a frame, six times as fast.
        matrix = np.empty((len(frame), len(self.schema)), dtype="float32")
        for position, (name, kind) in enumerate(self.schema.items()):
            if kind == "number":
                matrix[:, position] = _number(frame[name])
            else:
                codes = self._codes(frame, name).astype("float32")
                matrix[:, position] = np.where(codes < 0, np.nan, codes)
        return matrix


def fit(recipe: Recipe, examples: Examples, seed: int, threads: int) -> Model:
    """The recipe's estimator, fitted on all examples; threads 0: as many as the process may use.

    Raises ConfigError when the recipe makes what Redeye cannot keep without pickle, or what cannot
    answer the examples' task.
    """
    from threadpoolctl import threadpool_limits

    task = TASKS[examples.task]
    estimator = recipe.build(examples.schema, seed, threads)
    form = _form(recipe, estimator, task)
    vocabulary = {
        name: tuple(sorted(examples.frame[name].dropna().astype("str").unique()))
        for name, kind in examples.schema.items()
        if kind == "category"
    }
    until = date.fromisoformat(str(examples.days.max()))
    bounds = task.trained_bounds(examples.labels)
    model = Model(
        recipe.name, form, examples.schema, vocabulary, until, estimator, task.name, bounds
    )
    # Sums in another order give other bits: with one BLAS thread a model is the same on any machine.
    with threadpool_limits(limits=1, user_api="blas"):
        estimator.fit(model.inputs(examples.frame), examples.labels.astype(task.dtype))
    return replace(model, estimator=estimator.get_booster()) if form == "ubj" else model


def _form(recipe: Recipe, estimator: Any, task: Task) -> Form:
    """How the estimator will be kept."""
    from sklearn.utils import get_tags

    kind, library = type(estimator).__qualname__, type(estimator).__module__.partition(".")[0]
    if library not in FORMS:
        raise ConfigError(
            f"recipe {recipe.name!r}: makes a {kind} of {library}, which cannot be "
            f"kept without pickle; use scikit-learn or XGBoost"
        )
    if get_tags(estimator).estimator_type != task.estimator:
        raise ConfigError(
            f"recipe {recipe.name!r}: makes a {kind}, which is no {task.estimator}; build one, or say "
            f"another task than {task.name!r} in your PROBLEM"
        )
    return FORMS[library]


def _words(vocabulary: tuple[str, ...]) -> pd.Index[str]:
    return pd.Index(list(vocabulary), dtype="str")


def _number(values: pd.Series) -> np.ndarray:
    with np.errstate(over="ignore"):
        numbers = values.to_numpy(dtype="float64", na_value=np.nan).astype("float32")
    return np.where(np.isfinite(numbers), numbers, np.float32("nan"))
