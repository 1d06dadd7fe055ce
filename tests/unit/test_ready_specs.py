"""The candidates that come with Redeye: fitted as they are, kept, and the same wherever they are asked."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import ConfigError
from pipelines.define.ready_specs import READY, ready_specs
from pipelines.metrics.task import TASKS
from pipelines.training.examples import Examples
from pipelines.training.model import Model, fit
from pipelines.training.model_file import pack, unpack
from tests.unit.test_model import some_examples

ENSEMBLES = ("averaged", "stacked")
ALL = [(task, name) for task, known in READY.items() for name in known]


def examples_of(task: Any, seed: int = 0) -> Examples:
    """With missing numbers and categories, and categories that only one event has."""
    made = some_examples(seed)
    frame = made.frame.assign(kind=made.frame["kind"].where(made.frame["speed"] < 1.2))
    frame["whose"] = [f"rare {n}" if n % 50 == seed else "common" for n in range(len(frame))]
    labels = made.labels if task == "binary" else 3 * made.frame["speed"].to_numpy() + made.labels
    schema: Any = {**made.schema, "whose": "category"}
    return replace(made, schema=schema, frame=frame, labels=labels, task=task)


@cache
def fit_once(task: Any, name: str) -> Model:
    (spec,) = ready_specs(task, name)
    return fit(spec, examples_of(task), seed=1, threads=1)


@pytest.fixture(params=ALL, ids=" ".join)
def fitted(request: pytest.FixtureRequest) -> tuple[Model, str]:
    return fit_once(*request.param), request.param[0]


def test_it_is_kept_and_scores_after_loading_as_before(fitted: tuple[Model, str]) -> None:
    model, task = fitted
    frame = examples_of(task, seed=1).frame  # whose rare words nobody has seen

    scores = unpack(model.form, pack(model)).scores(frame)

    assert (scores == model.scores(frame)).all()
    assert np.isfinite(scores).all()
    assert model.scores(frame.iloc[[7]]) == scores[7]


def test_it_tells_more_than_the_mean(fitted: tuple[Model, str]) -> None:
    model, task = fitted
    unseen = examples_of(task, seed=1)

    scores = model.scores(unseen.frame)

    assert np.corrcoef(scores, unseen.labels)[0, 1] > 0.3
    mean = TASKS[task].baseline(examples_of(task).labels)
    assert np.mean((scores - unseen.labels) ** 2) < np.mean((mean - unseen.labels) ** 2)


@pytest.mark.parametrize(("task", "name"), [pair for pair in ALL if pair[1] not in ENSEMBLES])
def test_it_is_the_same_whatever_the_number_of_threads(task: Any, name: str) -> None:
    (spec,) = ready_specs(task, name)

    assert pack(fit(spec, examples_of(task), seed=1, threads=2)) == pack(fit_once(task, name))


@pytest.mark.parametrize("task", READY)
@pytest.mark.parametrize("kind", ["number", "category"])
def test_a_problem_with_features_of_one_kind_alone_is_learned(task: Any, kind: str) -> None:
    made = examples_of(task)
    schema = {name: found for name, found in made.schema.items() if found == kind}
    some = replace(made, schema=schema, frame=pd.DataFrame(made.frame[list(schema)]))

    for spec in ready_specs(task, *(name for name in READY[task] if name not in ENSEMBLES)):
        assert np.isfinite(fit(spec, some, seed=1, threads=1).scores(some.frame)).all(), spec.name


def test_all_of_a_task_are_simplest_first_and_an_unknown_one_is_named() -> None:
    assert ready_specs("regression")[0].name == "ridge"
    assert [one.name for one in ready_specs("binary", "averaged", "naive-bayes")] == [
        "averaged", "naive-bayes"
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r"no 'random-tree' for binary; did you mean"):
        ready_specs("binary", "random-tree")
