"""What may be searched of a spec, and the candidates that are made of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.config import read_params
from pipelines.core.errors import ConfigError, RecipeError
from pipelines.core.records import Tuned
from pipelines.define.problem import ModelSpec
from pipelines.define.ready_specs import READY, SPACES, ready_specs
from pipelines.define.spaces import choice, integer, log_uniform, uniform
from pipelines.problem import PROBLEM
from pipelines.training.tuning.settings import (
    refuse_unknown,
    still_meant,
    tonights_specs,
    with_settings,
)

PARAMS = Path(__file__).parents[2] / "params.yaml"
SCHEMA = {"speed": "number", "kind": "category"}


def logistic(schema: Any, seed: int, threads: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.5, random_state=seed))


SPEC = ModelSpec("logistic", logistic, tune={"logisticregression__C": log_uniform(0.01, 1)})


def tuned(penalty: float, spec: str = "logistic") -> Tuned:
    settings = {"logisticregression__C": penalty}
    return Tuned(spec=spec, found_on=date(2013, 10, 1), settings=settings)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: uniform(1, 1), "nothing to search"),
        (lambda: uniform(2, 1), "the smaller end first"),
        (lambda: uniform(0, float("inf")), "nothing to search"),
        (lambda: uniform(0, float("nan")), "nothing to search"),
        (lambda: uniform("0", 1), "no numbers"),  # type: ignore[arg-type]
        (lambda: uniform(False, True), "no numbers"),
        (lambda: log_uniform(0, 1), "above 0, not 0"),
        (lambda: log_uniform(-1, 1), "above 0, not -1"),
        (lambda: integer(1, 2.5), "no whole numbers"),  # type: ignore[arg-type]
        (lambda: integer(0, 9, log=True), "above 0, not 0"),
        (lambda: choice("only"), "two values or more"),
        (lambda: choice(1, [2]), r"choice: \[2\] is no number"),  # type: ignore[arg-type]
    ],
)
def test_a_space_that_cannot_be_meant_is_refused(make: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make()


def test_a_space_knows_what_it_holds() -> None:
    assert 1 in integer(1, 3)
    assert 3 in integer(1, 3)
    assert 1.5 not in integer(1, 3)
    assert True not in integer(0, 3)
    assert 0.5 in uniform(0, 1)
    assert 1.5 not in uniform(0, 1)
    assert "a" not in uniform(0, 1)
    assert None in choice("a", None)
    assert "b" not in choice("a", None)
    assert 1 not in choice(True, False)


def test_a_candidate_has_the_settings_and_its_spec_stays_as_it_is() -> None:
    made = with_settings(SPEC, {"logisticregression__C": 0.1}, "other")

    assert made.build(SCHEMA, 1, 1)[-1].C == 0.1
    assert SPEC.build(SCHEMA, 1, 1)[-1].C == 0.5
    assert (made.name, made.tune) == ("other", {})


def test_every_spec_is_followed_by_what_was_found_for_it() -> None:
    first = ModelSpec("first", logistic)
    found = [tuned(0.1), tuned(0.2)]

    names = [spec.name for spec in tonights_specs((first, SPEC), found)]

    assert names == ["first", "logistic", found[0].name, found[1].name]
    with pytest.raises(ConfigError, match=r"train\.tuned: .*'logistics'; did you mean 'logistic'"):
        tonights_specs((first, SPEC), [tuned(0.1, "logistics")])


def test_the_name_of_settings_is_theirs_whenever_they_are_found() -> None:
    later = tuned(0.1).model_copy(update={"found_on": date(2013, 11, 1)})

    assert later.name == tuned(0.1).name
    assert tuned(0.1).name != tuned(0.2).name
    assert Tuned.model_validate_json(tuned(1e-05).model_dump_json()) == tuned(1e-05)


def test_what_is_declared_otherwise_by_now_is_not_meant_any_more() -> None:
    other = Tuned(spec="logistic", found_on=date(2013, 10, 1), settings={"C": 0.1})

    assert still_meant((SPEC,), [tuned(0.1), tuned(5.0), other, tuned(0.1, "gone")]) == [tuned(0.1)]
    assert still_meant((ModelSpec("logistic", logistic),), [tuned(0.1)]) == []


def test_a_setting_within_a_pipeline_is_told_by_its_whole_name() -> None:
    spec = ModelSpec("logistic", logistic, tune={"C": log_uniform(0.01, 1)})

    with pytest.raises(RecipeError, match="did you mean 'logisticregression__C'"):
        refuse_unknown(spec, logistic(SCHEMA, 1, 1))


@pytest.mark.parametrize("task", READY)
def test_spaces_of_ready_specs_are_of_settings_that_they_have(task: Any) -> None:
    specs = ready_specs(task)

    for spec in specs:
        refuse_unknown(spec, spec.build(SCHEMA, 1, 1))
    assert {spec.name for spec in specs if spec.tune} == SPACES[task].keys()


def test_the_settings_of_the_reference_lie_in_what_is_searched_of_them() -> None:
    for spec in PROBLEM.recipes:
        estimator = spec.build(SCHEMA, 1, 1)
        refuse_unknown(spec, estimator)
        written = estimator.get_params()
        assert all(written[name] in space for name, space in spec.tune.items())


def test_bounds_of_a_search_are_kept(tmp_path: Path) -> None:
    text = PARAMS.read_text()
    for setting, wrong in (
        ("every_days: 0", "every_days: -1"),
        ("trials: 50", "trials: 1"),
        ("minutes: 30", "minutes: 0"),
        ("trial_minutes: 5", "trial_minutes: 0"),
        ("folds: 3", "folds: 1"),
        ("parallel: 1", "parallel: 0"),
    ):
        assert f"\n  {setting} " in text
        path = tmp_path / "params.yaml"
        path.write_text(text.replace(f"\n  {setting} ", f"\n  {wrong} "))
        with pytest.raises(ConfigError, match=f"tune.{wrong.partition(':')[0]}"):
            read_params(path)


@pytest.mark.parametrize(
    ("one", "says"),
    [
        ("{spec: a, found_on: '2013-10-01', settings: {x: 1e-5, y: null, z: [1]}}", "settings.z"),
        ("{spec: a, found_on: '2013-10-01', settings: {}, sepc: b}", "sepc: .*did you mean 'spec'"),
        ("{spec: a, settings: {}}", "found_on: missing"),
    ],
)
def test_settings_that_are_given_by_hand_are_read_with_care(
    tmp_path: Path, one: str, says: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS.read_text().replace("\ntune:", f"  tuned: [{one}]\ntune:"))

    with pytest.raises(ConfigError, match=rf"train\.tuned\.0\.{says}"):
        read_params(path)
