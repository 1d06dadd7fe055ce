"""The same stages of learning, for a label that is a number."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.core.errors import ConfigError, DataError
from pipelines.core.records import Interval
from pipelines.define.problem import ModelSpec
from pipelines.training.model_file import golden_day, golden_scores
from tests.integration.learning import DAY, FIRST, REGRESSION, World, linear, load, trees
from tests.integration.test_learning import spoiled


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, problem=REGRESSION)


def test_the_first_night_makes_the_first_champion(world: World) -> None:
    candidates = world.train()
    evaluation = world.evaluate(candidates)

    verdict = world.promote(candidates, evaluation)

    champion = world.registry.version("champion")
    assert champion is not None
    assert (verdict.outcome, verdict.blessed) == ("champion", True), verdict.reason
    assert "RMSE over the baseline (t" in _blessing(world, verdict.version)
    (chosen,) = [m for m in evaluation.models if m.name == evaluation.chosen]
    assert {gains["rmse"].low > 0 for gains in chosen.gains.values()} == {True}
    assert evaluation.task == "regression"


def _blessing(world: World, version: str) -> str:
    tags = world.registry._client.get_model_version("rides-delay", version).tags
    return str(tags["redeye.quality.reason"])


def test_the_baseline_is_the_mean_of_the_labels_learned_from(world: World) -> None:
    candidates = world.train()
    evaluation = world.evaluate(candidates)

    baseline = evaluation.model("training-mean")

    assert baseline is not None
    assert evaluation.models[-1].name == "trailing-mean"
    assert 5 < candidates.baseline < 12
    assert baseline.metrics["r2"].mid <= 0
    assert baseline.metrics["rank_correlation"].mid == 0


def test_a_model_answers_after_loading_as_in_training(world: World) -> None:
    candidates = world.train()
    batch = world.lake.read([golden_day(world.feature_table().history)]).to_pandas()

    for candidate in candidates.candidates:
        version = world.registry.version(candidate.version)
        assert version is not None
        model = load(world.registry.fetch(version))
        assert (model.task, model.bounds) == ("regression", (-20.0, 40.0))
        assert golden_scores(model, batch) == candidate.golden


def test_the_second_night_refreshes_the_champion_and_says_so_in_its_metric(world: World) -> None:
    first = world.night()

    second = world.night(DAY + timedelta(days=1), policy="auto")

    assert (second.outcome, second.candidate) == ("champion", first.candidate)
    assert second.champion not in (None, first.champion)
    assert "trained anew, RMSE: " in second.reason


def test_a_night_run_again_says_the_same(world: World) -> None:
    candidates = world.train()
    evaluation = world.evaluate(candidates)

    again = world.train(earlier=None)

    times: Any = {
        "candidates": True,
        "scoreboard": {"__all__": {"fit_seconds", "score_microseconds"}},
    }
    assert again.model_dump(exclude=times) == candidates.model_dump(exclude=times)
    assert world.evaluate(candidates) == evaluation


OFF = {"bias": Interval(low=-9.0, mid=-6.0, high=-3.0)}


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"gains": {"training-mean": OFF, "trailing-mean": OFF}}, "is biased"), ({"overfit": 0.6}, "overfits: R²")],
)  # fmt: skip
def test_each_floor_refuses_with_its_reason(
    world: World, changes: dict[str, Any], word: str
) -> None:
    candidates = world.train()

    verdict = world.promote(
        candidates, spoiled(world.evaluate(candidates), **changes), max_overfit=0.5
    )

    assert verdict.outcome == "refused"
    assert word in verdict.reason


def test_outcomes_that_are_all_alike_teach_nothing(world: World) -> None:
    for n in range((DAY - FIRST).days):
        world.land(FIRST + timedelta(days=n), delay=7.5)

    with pytest.raises(DataError, match="all ending alike"):
        world.train()


@pytest.mark.parametrize("odd", [np.inf, -np.inf])
def test_a_label_that_is_not_finite_is_refused(world: World, odd: float) -> None:
    world.land(FIRST + timedelta(days=3), delay=odd)

    with pytest.raises(DataError, match=r"labels are not finite numbers, first -?inf"):
        world.train()


@pytest.mark.parametrize("recipe", [linear, trees])
def test_a_classifier_is_no_recipe_for_a_number(tmp_path: Path, recipe: Any) -> None:
    world = World(tmp_path, problem=replace(REGRESSION, recipes=(ModelSpec("odd", recipe),)))

    with pytest.raises(ConfigError, match=r"recipe 'odd': makes a .* which is no regressor"):
        world.train()


def test_the_plots_are_those_of_numbers(world: World) -> None:
    world.evaluate(world.train())

    names = ("predicted_observed", "residuals", "residuals_by_day", "scores", "importance")
    assert set(world.pages.written) == {f"plots/{name}.png" for name in names}


def test_what_the_inputs_mean_stands_beside_the_models(world: World) -> None:
    candidates = world.train()

    folder = world.registry._client.download_artifacts(candidates.run_id, "features.md")

    assert "| `line` | category | By its name. |" in Path(folder).read_text()
