"""The choice among candidates, and the scoreboard that it leaves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks import referee
from pipelines.cli import main
from pipelines.core.config import TrainParams, find_places, read_params
from pipelines.core.errors import RecipeError
from pipelines.core.records import Candidates, CandidateScore
from pipelines.define.problem import ModelSpec
from pipelines.problem import PROBLEM
from pipelines.problem.model import RECIPES
from pipelines.training.choice import scoreboard as chooser
from pipelines.training.choice.scoreboard import CURVE, Choice, choose_candidate, curve_shares
from pipelines.training.estimators.complexity import Complexity, complexity
from pipelines.training.model import fit
from pipelines.training.recipes import Attempts
from tests.integration.estimators import ESTIMATORS
from tests.unit.test_model import some_examples

PARAMS = read_params(find_places({}).repository / "params.yaml").train.model_copy(
    update={"threads": 1}
)
LINEAR, BOOSTED = (recipe.name for recipe in RECIPES)


def of_world(name: str, shares: Sequence[float] = CURVE) -> Choice:
    examples = referee.events(referee.WORLDS[name][0], 60, seed=1)
    return choose_candidate(Attempts(RECIPES), PROBLEM, PARAMS, examples, shares)


@cache
def scoreboard(name: str) -> dict[str, CandidateScore]:
    return {one.name: one for one in of_world(name).scoreboard}


@pytest.mark.parametrize("name", referee.WORLDS)
def test_the_simplest_that_the_best_does_not_beat_is_chosen(name: str) -> None:
    found = [referee.chosen(name, 60, seed, PARAMS) for seed in range(10)]

    assert found.count(referee.WORLDS[name][1]) >= 9


def test_the_scoreboard_measures_what_the_choice_weighed() -> None:
    lines = scoreboard("bent")

    assert list(lines) == [LINEAR, BOOSTED]
    assert lines[BOOSTED].behind is None
    behind = lines[LINEAR].behind
    assert behind is not None
    assert behind.low > 0
    assert behind.mid == pytest.approx(lines[LINEAR].loss.mid - lines[BOOSTED].loss.mid)
    assert lines[BOOSTED].best_in == 1.0
    assert lines[LINEAR].best_in == 0.0
    for one in lines.values():
        assert one.loss.low < one.loss.mid < one.loss.high
        assert min(one.fit_seconds, one.score_microseconds, one.bytes) > 0


def test_a_tie_is_led_by_each_in_a_share_of_the_resamples() -> None:
    shares = [one.best_in for one in scoreboard("linear").values()]

    assert sum(shares) == pytest.approx(1)


def test_more_days_teach_more() -> None:
    curve = scoreboard("bent")[BOOSTED].curve

    assert [days for days, _ in curve] == [12, 36, 121]
    assert curve[0][1] > curve[-1][1]
    assert curve[-1][1] == scoreboard("bent")[BOOSTED].loss.mid


def test_who_learns_by_heart_has_the_wider_gap() -> None:
    def by_heart(schema: object, seed: int, threads: int) -> object:
        from xgboost import XGBClassifier

        return XGBClassifier(
            n_estimators=60, max_depth=9, enable_categorical=True, random_state=seed, n_jobs=1
        )

    examples = referee.events(referee.linear, 60, seed=1)
    both = Attempts((RECIPES[0], ModelSpec("by-heart", by_heart)))  # type: ignore[arg-type]
    lines = choose_candidate(both, PROBLEM, PARAMS, examples).scoreboard

    assert abs(lines[0].gap) < 0.03
    assert lines[1].gap > 0.2


def test_a_share_of_days_on_which_it_cannot_be_fitted_is_left_out_of_the_curve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true_fit = chooser.fit_recipe

    def fails_on_few(recipe: ModelSpec, examples: object, params: TrainParams) -> object:
        if len(np.unique(examples.days)) == 12:  # type: ignore[attr-defined]
            raise RecipeError("too few")
        return true_fit(recipe, examples, params)  # type: ignore[arg-type]

    monkeypatch.setattr(chooser, "fit_recipe", fails_on_few)

    lines = of_world("linear").scoreboard

    assert [[days for days, _ in one.curve] for one in lines] == [[36, 121], [36, 121]]


def test_without_shares_nothing_more_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = []
    true_fit = chooser.fit_recipe
    monkeypatch.setattr(
        chooser, "fit_recipe", lambda *given: (fits.append(given[0].name), true_fit(*given))[1]
    )

    lines = of_world("linear", ()).scoreboard

    assert fits == [LINEAR, BOOSTED]
    assert [len(one.curve) for one in lines] == [1, 1]


@pytest.mark.parametrize(("every", "nights"), [(28, 2), (1, 56), (0, 0)])
def test_a_curve_is_drawn_every_so_many_nights(every: int, nights: int) -> None:
    params = PARAMS.model_copy(update={"learning_curve_days": every})
    days = [date(2013, 10, 1) + timedelta(days=n) for n in range(56)]

    assert sum(curve_shares(day, params) == CURVE for day in days) == nights


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_kind_of_estimator_has_a_size(name: str) -> None:
    model = fit(ModelSpec(name, ESTIMATORS[name]), some_examples(), 1, 1)

    size = complexity(model.estimator)

    assert size.leaves + size.weights > 0


def test_sizes_are_those_of_the_model() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier
    from xgboost import XGBClassifier

    numbers, labels = np.random.default_rng(1).normal(size=(400, 3)), np.arange(400) % 2
    line = make_pipeline(StandardScaler(), LogisticRegression()).fit(numbers, labels)
    tree = DecisionTreeClassifier(max_leaf_nodes=7).fit(numbers, labels)
    stumps = XGBClassifier(n_estimators=5, max_depth=1).fit(numbers, labels)

    assert complexity(line) == Complexity(weights=4)
    assert complexity(tree) == Complexity(leaves=7)
    assert complexity(stumps) == complexity(stumps.get_booster()) == Complexity(leaves=10)


def test_a_single_candidate_is_compared_with_nobody() -> None:
    examples = referee.events(referee.linear, 60, seed=1)

    choice = choose_candidate(Attempts(RECIPES[:1]), PROBLEM, PARAMS, examples)

    assert choice.chosen == LINEAR
    assert choice.scoreboard == ()


def test_a_tie_of_twins_goes_to_the_first() -> None:
    twins = (RECIPES[0], replace(RECIPES[0], name="twin"))
    examples = referee.events(referee.linear, 60, seed=1)

    choice = choose_candidate(Attempts(twins), PROBLEM, PARAMS, examples)

    assert choice.chosen == LINEAR
    assert [one.best_in for one in choice.scoreboard] == [1.0, 0.0]


def told(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    code = main(["scoreboard", "--day", "2013-10-01", *options], {"REDEYE_ROOT": str(path)})
    out, err = capsys.readouterr()
    return code, out or err


def test_the_command_prints_the_scoreboard_of_a_night(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choice = of_world("linear")
    record = Candidates(
        day=date(2013, 10, 1), run_id="r", fingerprint="f", chosen=choice.chosen,
        reason=choice.reason, first_test_day=date(2013, 9, 1), baseline=0.2, candidates=(),
        scoreboard=choice.scoreboard,
    )  # fmt: skip
    folder = tmp_path / "runs" / "2013-10-01"
    folder.mkdir(parents=True)
    (folder / "candidates.json").write_text(record.model_dump_json())

    code, table = told(tmp_path, capsys)
    _, record_for_machines = told(tmp_path, capsys, "--json")

    found = json.loads(record_for_machines)
    assert code == 0
    assert all(name in table for name in (LINEAR, BOOSTED, "leaves", "weights"))
    assert found["chosen"] == LINEAR
    assert found["candidates"][0]["loss"]["mid"] == choice.scoreboard[0].loss.mid


def test_a_day_without_models_has_no_scoreboard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, sentence = told(tmp_path, capsys)

    assert code == 3
    assert "night --day 2013-10-01" in sentence
