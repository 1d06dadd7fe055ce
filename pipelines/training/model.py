"""A fitted model, with everything that is needed to score a frame exactly as it did when it was made."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipelines.core.errors import DataError, RecipeError
from pipelines.core.records import TaskName
from pipelines.define.problem import ModelSpec
from pipelines.metrics.task import PROBABILITIES, TASKS, Bounds, Task
from pipelines.training.estimators.fitting import learn, put_on
from pipelines.training.estimators.trusted_types import archived
from pipelines.training.examples import Examples, FeatureType
from pipelines.training.tuning.settings import refuse_unknown

ModelFormat = Literal["ubj", "skops"]
UNKNOWN = re.compile(r"Parameters: \{ (.*?) \} are not used")
BLOCK = 16384  # rows that a scikit-learn estimator is asked about at a time
FORMS: Mapping[str, ModelFormat] = {
    "xgboost": "ubj",
    "sklearn": "skops",
}  # of each library's estimators
# Of the numbers that estimators are given. XGBoost works in single precision; linear algebra in single
# precision gives each processor weights and scores of its own.
DTYPES: Mapping[ModelFormat, str] = {"ubj": "float32", "skops": "float64"}


@dataclass(frozen=True)
class Model:
    """What scores events.

    `vocabulary` holds each category's values among the training rows; a value outside it counts as
    missing, and so does a number that is not finite. `form` is how the estimator is kept: an
    XGBoost booster as UBJSON, a scikit-learn estimator as skops. Scores out of `bounds` are no answer.
    """

    name: str
    form: ModelFormat
    schema: Mapping[str, FeatureType]
    vocabulary: Mapping[str, tuple[str, ...]]
    trained_until: date
    estimator: Any
    task: TaskName = "binary"
    bounds: Bounds = PROBABILITIES
    shift: float = 0.0  # of all scores, in log odds of a probability (training/recalibration.py)

    def scores(self, frame: pd.DataFrame) -> np.ndarray:
        """What is expected of each row, float64: the probability of a yes, or the mean of a number.

        Rounded to single precision, so that no processor and no neighbouring row makes a difference:
        see docs/decisions/0012. Raises DataError when the frame lacks a feature; further columns are
        ignored.
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
            raw = self._asked(frame)
        scores = np.asarray(raw, dtype="float64")
        return rounded(TASKS[self.task].shifted(scores, self.shift) if self.shift else scores)

    def checked_scores(self, frame: pd.DataFrame) -> np.ndarray:
        """The scores, while the model is made; raises RecipeError when its estimator does not give them."""
        with _recipe_errors(self.name, "asked for scores"):
            scores = self.scores(frame)
            if scores.shape != (len(frame),):
                raise ValueError(f"scores of shape {scores.shape} for {len(frame)} rows")
        return scores

    def _asked(self, frame: pd.DataFrame) -> np.ndarray:
        """What a scikit-learn estimator answers."""
        from threadpoolctl import threadpool_limits

        task = TASKS[self.task]
        if _sums_row_by_row(self.estimator):
            return np.asarray(task.ask(*_last_step(self.estimator, self.inputs(frame))))
        inputs = self.inputs(frame)
        with threadpool_limits(limits=1):
            places = _blocks(len(inputs))
            blocks = [task.ask(self.estimator, inputs.iloc[rows]) for rows in places]
        return np.concatenate(blocks)[: len(frame)]

    def inputs(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The features as estimators are fitted on: numbers of the form's type, pandas categoricals."""
        return pd.DataFrame(
            {name: self._column(frame, name) for name in self.schema}, index=frame.index
        )

    def _column(self, frame: pd.DataFrame, name: str) -> Any:
        if self.schema[name] == "number":
            return _number(frame[name], DTYPES[self.form])
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
                matrix[:, position] = _number(frame[name], "float32")
            else:
                codes = self._codes(frame, name).astype("float32")
                matrix[:, position] = np.where(codes < 0, np.nan, codes)
        return matrix


def fit(
    recipe: ModelSpec, examples: Examples, seed: int, threads: int, device: str = "cpu"
) -> Model:
    """The recipe's estimator, fitted on all examples; threads 0: as many as the process may use.

    Raises RecipeError when the recipe cannot be fitted, or, before it is, when it makes what Redeye
    cannot keep without pickle, or what cannot answer the examples' task; ConfigError when there is no
    such device.
    """
    from threadpoolctl import threadpool_limits

    task = TASKS[examples.task]
    estimator, form = unfitted(recipe, examples, seed, threads)
    put_on(device, estimator)
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
    with _recipe_errors(recipe.name, "fitted"), threadpool_limits(limits=1, user_api="blas"):
        labels = examples.labels.astype(task.dtype)
        estimator = learn(estimator, model.inputs(examples.frame), labels, examples.days)
    return replace(model, estimator=estimator.get_booster()) if form == "ubj" else model


def unfitted(
    recipe: ModelSpec, examples: Examples, seed: int, threads: int
) -> tuple[Any, ModelFormat]:
    """What the recipe builds, and how it will be kept; raises RecipeError as `fit` does."""
    with _recipe_errors(recipe.name, "built"):
        estimator = recipe.build(examples.schema, seed, threads)
    form = _form(recipe, estimator, TASKS[examples.task])
    refuse_unknown(recipe, estimator)
    if form == "skops":
        archived(recipe.name, estimator)
    return estimator, form


@contextmanager
def _recipe_errors(recipe: str, what: str) -> Iterator[None]:
    """Raise whatever an estimator raises as RecipeError; XGBoost only warns of a setting it has not got.

    `what` cannot be done to the recipe: it is in the sentence.
    """
    advice = "correct the recipe in your problem"
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            yield
    except Exception as error:  # an estimator may raise anything, and the others go on
        first = (str(error).strip().splitlines() or [""])[0]
        raise RecipeError(
            f"recipe {recipe!r}: cannot be {what} ({type(error).__name__}: {first}); {advice}"
        ) from error
    for one in told:
        unknown = UNKNOWN.search(str(one.message))
        if unknown:
            raise RecipeError(f"recipe {recipe!r}: XGBoost does not know {unknown[1]}; {advice}")
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def _form(recipe: ModelSpec, estimator: Any, task: Task) -> ModelFormat:
    """How the estimator will be kept."""
    from sklearn.utils import get_tags

    kind, library = type(estimator).__qualname__, type(estimator).__module__.partition(".")[0]
    if library not in FORMS:
        raise RecipeError(
            f"recipe {recipe.name!r}: makes a {kind} of {library}, which cannot be "
            f"kept without pickle; use scikit-learn or XGBoost"
        )
    if get_tags(estimator).estimator_type != task.estimator:
        raise RecipeError(
            f"recipe {recipe.name!r}: makes a {kind}, which is no {task.estimator}; build one, or say "
            f"another task than {task.name!r} in your PROBLEM"
        )
    return FORMS[library]


def _words(vocabulary: tuple[str, ...]) -> pd.Index[str]:
    return pd.Index(list(vocabulary), dtype="str")


def _number(values: pd.Series, dtype: str) -> np.ndarray:
    """The numbers; what is beyond the range of single precision is missing in every form."""
    numbers = values.to_numpy(dtype="float64", na_value=np.nan)
    with np.errstate(over="ignore"):
        single = numbers.astype("float32")
    kept = single if dtype == "float32" else numbers
    return np.where(np.isfinite(single), kept, kept.dtype.type("nan"))


def rounded(scores: np.ndarray) -> np.ndarray:
    """Scores in double precision, rounded to the nearest of single precision (24 bits, 7 digits)."""
    with np.errstate(over="ignore", under="ignore"):
        return scores.astype("float32").astype("float64")


def _sums_row_by_row(estimator: Any) -> bool:
    """Whether it is a pipeline that ends with a linear model which takes a sparse matrix."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils import get_tags

    if not isinstance(estimator, Pipeline):
        return False
    linear = type(estimator[-1]).__module__.startswith("sklearn.linear_model")
    return linear and bool(get_tags(estimator[-1]).input_tags.sparse)


def _last_step(pipeline: Any, frame: pd.DataFrame) -> tuple[Any, Any]:
    """The linear model at the end, and the prepared rows as a sparse matrix.

    Of a dense matrix BLAS sums each row in an order that depends on the processor and on how many
    rows there are; of a sparse one SciPy sums each row by itself, column after column.
    """
    from scipy.sparse import csr_array

    rows = csr_array(pipeline[:-1].transform(frame))
    rows.sort_indices()
    return pipeline[-1], rows


def _blocks(n_rows: int) -> Iterator[np.ndarray]:
    """Places of rows, BLOCK of them at a time; the last block is filled up from the first rows on.

    BLAS, and searches for neighbours, sum in an order that depends on how many rows they are given: of
    always as many, in one thread, each row's answer is the same whatever stands beside it.
    """
    for start in range(0, n_rows, BLOCK):
        yield np.arange(start, start + BLOCK) % n_rows
