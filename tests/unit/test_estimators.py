"""Estimators that people try: kept without pickle, opened again, and the same wherever they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.config import TrainParams
from pipelines.core.errors import ConfigError, RecipeError
from pipelines.define.problem import ModelSpec
from pipelines.training import model as model_module
from pipelines.training.estimators import trusted_types
from pipelines.training.estimators.fitting import STOPPING_SHARE, stopping_rows
from pipelines.training.model import BLOCK, Model, fit
from pipelines.training.model_file import pack, unpack
from pipelines.training.refit import REHEARSED, rehearse
from tests.integration.estimators import ESTIMATORS, prepared
from tests.unit.test_model import some_examples

PARAMS = TrainParams(
    seed=1, test_days=5, embargo_days=0, recalibration_days=0, max_categories=100, threads=1,
    device="cpu", learning_curve_days=0,
)  # fmt: skip


@pytest.fixture(scope="module", params=ESTIMATORS)
def model(request: pytest.FixtureRequest) -> Model:
    return fit(ModelSpec(request.param, ESTIMATORS[request.param]), some_examples(), 1, 1)


def test_it_scores_after_loading_as_before_bit_for_bit(model: Model) -> None:
    frame = some_examples(seed=2).frame

    loaded = unpack(model.form, pack(model))

    assert len(np.unique(model.scores(frame))) > 1
    assert (loaded.scores(frame) == model.scores(frame)).all()


def test_a_row_scores_the_same_whatever_stands_beside_it(model: Model) -> None:
    frame = pd.concat([some_examples(seed).frame for seed in range(12)], ignore_index=True)
    assert len(frame) > BLOCK
    scores = model.scores(frame)

    assert (model.scores(frame.iloc[::-1])[::-1] == scores).all()
    assert (model.scores(frame.iloc[100:220]) == scores[100:220]).all()
    assert model.scores(frame.iloc[[7]]) == scores[7]


def test_the_same_training_gives_the_same_bytes_with_any_number_of_threads(model: Model) -> None:
    again = fit(ModelSpec(model.name, ESTIMATORS[model.name]), some_examples(), 1, 2)

    assert pack(again) == pack(model)


class Doubled:
    """A class of the user's own: scikit-learn takes it as a step."""

    def fit(self, frame: Any, labels: Any = None) -> Doubled:
        raise AssertionError("it was fitted before it was refused")

    def transform(self, frame: Any) -> Any:
        return frame


def _twice(rows: Any) -> Any:
    raise AssertionError("it was asked before it was refused")


def _with_step(step: Any) -> Any:
    def build(schema: Mapping[str, str], seed: int, threads: int) -> Any:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        return make_pipeline(prepared(schema), step, LogisticRegression())

    return build


@pytest.mark.parametrize("name", ["_twice", "Doubled", "lambda"])
def test_what_is_the_users_own_code_is_refused_by_name_before_anything_is_fitted(name: str) -> None:
    from sklearn.preprocessing import FunctionTransformer

    steps = {
        "_twice": FunctionTransformer(_twice),
        "Doubled": Doubled(),
        "lambda": FunctionTransformer(lambda rows: rows + 1),
    }

    with pytest.raises(RecipeError, match=f"recipe 'mine'.*{name}.*build it from parts of"):
        fit(ModelSpec("mine", _with_step(steps[name])), some_examples(), 1, 1)


def test_what_cannot_be_kept_once_it_is_fitted_is_refused_after_a_fit_on_few_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        trusted_types, "TRUSTED", trusted_types.TRUSTED - {"sklearn.tree._tree.Tree"}
    )
    fitted: list[int] = []
    real = model_module.learn

    def counted(estimator: Any, frame: pd.DataFrame, *rest: Any) -> Any:
        fitted.append(len(frame))
        return real(estimator, frame, *rest)

    monkeypatch.setattr(model_module, "learn", counted)
    examples = some_examples()

    with pytest.raises(
        RecipeError, match=r"'decision tree': cannot be kept.*sklearn\.tree\._tree\.Tree"
    ):
        rehearse(ModelSpec("decision tree", ESTIMATORS["decision tree"]), examples, PARAMS)

    assert fitted == [REHEARSED]
    assert len(examples.labels) > REHEARSED


def _stopping(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(
        n_estimators=400, max_depth=6, learning_rate=0.3, early_stopping_rounds=5,
        enable_categorical=True, random_state=seed, n_jobs=threads,
    )  # fmt: skip


def test_xgboost_stops_early_on_the_last_days_and_is_then_fitted_on_all() -> None:
    examples = some_examples()
    days = np.unique(examples.days)

    one, other = (fit(ModelSpec("stopping", _stopping), examples, 1, n) for n in (1, 2))

    trees = one.estimator.num_boosted_rounds()
    assert 1 <= trees < 400
    assert pack(one) == pack(other)
    late = stopping_rows(examples.days)
    assert set(examples.days[late]) == set(days[-(len(days) // STOPPING_SHARE) :])
    plain = _stopping({}, 1, 1).set_params(n_estimators=trees, early_stopping_rounds=None)
    plain.fit(one.inputs(examples.frame), examples.labels.astype("int64"))
    assert plain.get_booster().save_raw("ubj")[:50] == one.estimator.save_raw("ubj")[:50]
    frame = some_examples(seed=2).frame
    assert np.allclose(one.scores(frame), plain.predict_proba(one.inputs(frame))[:, 1], atol=1e-6)


def _misspelled(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    return ESTIMATORS["XGBoost"](schema, seed, threads).set_params(maxdepth=3)


def test_early_stopping_needs_days_of_its_own() -> None:
    examples = some_examples()
    one_day = examples._only(examples.days == examples.days[0])

    with pytest.raises(RecipeError, match="early stopping needs events of two days or more"):
        fit(ModelSpec("stopping", _stopping), one_day, 1, 1)


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="there is such a device here")
def test_a_device_that_is_not_there_is_refused_and_not_replaced_in_silence() -> None:
    with pytest.raises(ConfigError, match=r"train\.device: cuda: XGBoost finds no such device"):
        fit(ModelSpec("XGBoost", ESTIMATORS["XGBoost"]), some_examples(), 1, 1, "cuda")
    assert fit(ModelSpec("tree", ESTIMATORS["decision tree"]), some_examples(), 1, 1, "cuda")
    with pytest.raises(RecipeError, match='does not know "maxdepth"'):  # it warns as before
        fit(ModelSpec("typo", _misspelled), some_examples(), 1, 1)


def test_what_a_tree_of_neighbours_was_asked_is_not_in_its_file() -> None:
    recipe = ModelSpec("near", ESTIMATORS["k nearest neighbours"])
    model, untouched = (fit(recipe, some_examples(), 1, 1) for _ in range(2))

    model.scores(some_examples(seed=2).frame)

    assert pack(model) == pack(untouched)
