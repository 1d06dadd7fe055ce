from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse

from pipelines.core.errors import ConfigError, DataError, GateRefused
from pipelines.define.problem import ModelSpec
from pipelines.evaluation.importance import Shuffled
from pipelines.problem.model import RECIPES
from pipelines.training import model_file as modelfile
from pipelines.training.examples import Examples
from pipelines.training.model import Model, fit
from pipelines.training.model_file import golden_scores, pack, unpack

N_EVENTS = 1500


def some_examples(seed: int = 0) -> Examples:
    """Two numbers, one of them often missing, and a category; the label leans on `speed`."""
    generator = np.random.default_rng(seed)
    speed, age = generator.normal(0, 1, (2, N_EVENTS))
    kind = generator.choice(["bus", "tram", "boat"], N_EVENTS)
    chance = 1 / (1 + np.exp(-(1.5 * speed + (kind == "boat") - 1)))
    frame = pd.DataFrame({"speed": speed, "kind": kind, "age": np.where(age > 0.5, np.nan, age)})
    days = np.datetime64("2013-01-01") + generator.integers(0, 30, N_EVENTS)
    labels = (generator.random(N_EVENTS) < chance).astype("float64")
    schema: Any = {"speed": "number", "kind": "category", "age": "number"}
    return Examples(schema, frame, labels, days, days.astype("datetime64[us]"))


@pytest.fixture(scope="module", params=RECIPES, ids=lambda recipe: recipe.name)
def model(request: pytest.FixtureRequest) -> Model:
    return fit(request.param, some_examples(), seed=1, threads=1)


def test_scores_are_probabilities_that_rank(model: Model) -> None:
    examples = some_examples(seed=1)

    scores = model.scores(examples.frame)

    assert scores.dtype == np.float64
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores[examples.labels == 1].mean() > scores[examples.labels == 0].mean() + 0.1
    assert model.trained_until == date(2013, 1, 30)


def test_scores_after_loading_are_equal_bit_for_bit(model: Model) -> None:
    frame = some_examples(seed=2).frame

    loaded = unpack(model.form, pack(model))

    assert (loaded.scores(frame) == model.scores(frame)).all()
    assert golden_scores(loaded, frame) == golden_scores(model, frame)
    assert (loaded.name, loaded.schema, loaded.vocabulary, loaded.trained_until) == (
        model.name, model.schema, model.vocabulary, model.trained_until,
    )  # fmt: skip


def test_the_same_training_gives_the_same_bytes(model: Model) -> None:
    recipe = next(recipe for recipe in RECIPES if recipe.name == model.name)

    again = fit(recipe, some_examples(), seed=1, threads=2)

    assert pack(again) == pack(model)


def test_a_machine_with_more_cores_makes_the_same_linear_model() -> None:
    from threadpoolctl import threadpool_limits

    generator = np.random.default_rng(1)
    frame = pd.DataFrame(generator.normal(0, 1, (20_000, 60))).rename(columns="x{}".format)
    labels = (generator.random(len(frame)) < 1 / (1 + np.exp(-frame["x0"]))).to_numpy("float64")
    days = np.full(len(frame), np.datetime64("2013-01-01"))
    schema: Any = dict.fromkeys(frame.columns, "number")
    examples = Examples(schema, frame, labels, days, days.astype("datetime64[us]"))
    packed = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads, user_api="blas"):
            packed.append(pack(fit(RECIPES[0], examples, seed=1, threads=0)))

    assert packed[0] == packed[1]


def test_a_category_never_seen_scores_like_a_missing_one(model: Model) -> None:
    frame = some_examples().frame.head(20)

    unseen = model.scores(frame.assign(kind="submarine"))

    assert np.isfinite(unseen).all()
    assert (unseen == model.scores(frame.assign(kind=None))).all()


def test_a_number_that_is_not_finite_scores_like_a_missing_one(model: Model) -> None:
    frame = some_examples().frame.head(20)

    for odd in (np.inf, -np.inf, 1e300):
        assert (model.scores(frame.assign(age=odd)) == model.scores(frame.assign(age=np.nan))).all()


def test_a_row_scores_the_same_whatever_stands_beside_it(model: Model) -> None:
    frame = some_examples().frame

    assert (model.scores(frame.iloc[::-1])[::-1] == model.scores(frame)).all()
    assert model.scores(frame.iloc[[7]]) == model.scores(frame)[7]
    assert (model.scores(frame.sample(frac=1, axis=1, random_state=1)) == model.scores(frame)).all()


def test_a_linear_model_adds_up_each_row_by_itself_column_after_column() -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    # Numbers that cancel each other out: in another order, the sum is another one by far.
    generator = np.random.default_rng(1)
    large, small = generator.normal(0, 1e16, (64, 8)), generator.normal(0, 1, (64, 16))
    frame = pd.DataFrame(np.hstack([large, small, -large])).rename(columns="x{}".format)
    as_they_are = ColumnTransformer([("all", "passthrough", list(frame.columns))])
    estimator = make_pipeline(as_they_are, LinearRegression())
    estimator.fit(frame, np.zeros(64))
    estimator[-1].coef_ = np.ones(32)
    schema: Any = dict.fromkeys(frame.columns, "number")
    model = Model("sum", "skops", schema, {}, date(2013, 1, 1), estimator, "regression")
    one_by_one = [float(np.float32(sum(row))) for row in frame.to_numpy().tolist()]

    assert model.scores(frame).tolist() == one_by_one


def test_scores_have_the_precision_that_is_published(model: Model) -> None:
    scores = model.scores(some_examples().frame)

    assert (scores == scores.astype("float32")).all()


def test_no_rows_have_no_scores(model: Model) -> None:
    assert len(model.scores(some_examples().frame.head(0))) == 0


def test_a_frame_without_a_feature_is_refused_by_name(model: Model) -> None:
    with pytest.raises(DataError, match="speed"):
        model.scores(some_examples().frame.drop(columns="speed"))


def test_the_feature_that_decides_is_the_most_important(model: Model) -> None:
    shuffled = Shuffled.of(some_examples(seed=3), seed=1)
    importance = shuffled.importance(model.scores(shuffled.rows))

    assert next(iter(importance)) == "speed"
    assert importance["speed"] > 0.05


class Spring:
    """What pickle would run on loading."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("form", ["ubj", "skops"])
def test_a_pickle_is_refused_and_never_run(form: Any, tmp_path: Path) -> None:
    import pickle

    trap = pickle.dumps(Spring(tmp_path / "sprung"))

    with pytest.raises(GateRefused, match="model file"):
        unpack(form, trap)

    assert not (tmp_path / "sprung").exists()


def test_a_type_outside_the_closed_list_is_refused_although_the_file_trusts_it(
    tmp_path: Path,
) -> None:
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    content = skops.io.dumps(
        FunctionTransformer(os.system, kw_args={"command": f"touch {tmp_path / 'sprung'}"})
    )
    widened = io.BytesIO(content)
    with zipfile.ZipFile(widened, "a") as archive:
        archive.writestr("redeye.json", json.dumps({"skops_trusted_types": ["posix.system"]}))

    with pytest.raises(GateRefused, match="system"):
        unpack("skops", widened.getvalue())

    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04 no archive", b"{L" + bytes(100)])
@pytest.mark.parametrize("form", ["ubj", "skops"])
def test_garbage_is_refused_in_one_sentence(form: Any, content: bytes) -> None:
    with pytest.raises(GateRefused, match="promote another version"):
        unpack(form, content)


def test_a_model_without_its_description_is_refused(model: Model) -> None:
    content = pack(model)
    bare = (
        content.replace(b'"trained_until"', b'"trained_after"')
        if model.form == "ubj"
        else _without_card(content)
    )

    with pytest.raises(GateRefused):
        unpack(model.form, bare)


@pytest.mark.parametrize("trained_with", ["0.1.2", "99.0"])
def test_another_version_of_its_library_is_refused_by_name(
    model: Model, trained_with: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as then:
        then.setattr(modelfile, "version", lambda _: trained_with)
        content = pack(model)

    with pytest.raises(GateRefused, match=f"trained with .* {trained_with}.*; train again"):
        unpack(model.form, content)


def test_a_patch_of_its_library_is_no_other_library(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, here = pack(model), version(modelfile.LIBRARY[model.form][0])
    monkeypatch.setattr(modelfile, "version", lambda _: f"{here}.post1")

    assert unpack(model.form, content).name == model.name


def _without_card(content: bytes) -> bytes:
    bare = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(bare, "w") as new:
        for name in set(old.namelist()) - {"redeye.json"}:
            new.writestr(name, old.read(name))
    return bare.getvalue()


def test_what_only_pickle_could_keep_is_refused_when_it_is_made() -> None:
    class Foreign:
        def fit(self, frame: pd.DataFrame, labels: np.ndarray) -> None:
            """Learn nothing."""

    def build(schema: Mapping[str, str], seed: int, threads: int) -> Any:
        return Foreign()

    with pytest.raises(ConfigError, match="without pickle"):
        fit(ModelSpec("foreign", build), some_examples(), seed=1, threads=1)


def test_an_estimator_with_foreign_parts_is_refused_before_it_is_kept() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    def build(schema: Mapping[str, str], seed: int, threads: int) -> Any:
        return make_pipeline(FunctionTransformer(_only_speed), LogisticRegression())

    with pytest.raises(ConfigError, match="_only_speed"):
        fit(ModelSpec("odd", build), some_examples(), seed=1, threads=1)


def _only_speed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["speed"]]


def test_the_reference_linear_model_keeps_thousands_of_categories_sparse() -> None:
    """A dense row of 3,000 categories on 300,000 events is 7 GB."""
    examples, levels = some_examples(), 20
    frame = examples.frame.assign(kind=[f"k{n % levels}" for n in range(N_EVENTS)])
    schema = examples.schema
    estimator = RECIPES[0].build(schema, 1, 1)

    estimator.fit(frame.astype({"kind": "category"}), examples.labels)

    prepared = estimator[:-1].transform(frame)
    assert issparse(prepared)
    assert prepared.shape[1] > levels


def test_the_reference_linear_model_keeps_the_most_frequent_categories_only() -> None:
    """It solves a dense system of as many columns: 10,000 take minutes, 50,000 would take 20 GB."""
    levels = [f"k{n}" for n in range(3100) for _ in range(51 if n < 2999 else 50)]
    frame = pd.DataFrame({"kind": pd.Categorical(levels)})
    prepare = RECIPES[0].build({"kind": "category"}, 1, 1)[:-1].fit(frame)

    asked = pd.DataFrame({"kind": ["k0", "k1", "k2998", "k2999", "k3099"]})
    kept = prepare.transform(asked).toarray()

    assert kept.shape[1] == 3000
    assert kept.argmax(axis=1)[:3].max() < 2999
    assert (kept[3] == kept[4]).all()
    assert kept[3].argmax() == 2999
