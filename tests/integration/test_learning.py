from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import BusyError, ConfigError, DataError, GateRefused
from pipelines.core.records import Candidates, Evaluation, Interval, LedgerEntry, Verdict
from pipelines.define.problem import ModelSpec, Problem
from pipelines.metrics.classification import METRICS
from pipelines.monitoring.promoted_quality import read_promises
from pipelines.training.examples import Examples, find_past, read_past, score_events
from pipelines.training.model import Model, fit
from pipelines.training.model_file import pack
from pipelines.training.scoring import find_damage
from tests.integration.hostile import DEEP, with_card
from tests.integration.learning import (
    DAY,
    FIRST,
    PROBLEM,
    REGRESSION,
    WORKERS,
    World,
    linear,
    load,
    rides,
    trees,
    worth,
)
from tests.integration.serving import judged


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


Evaluated = tuple[World, Candidates, Evaluation]
Begun = tuple[World, Verdict]


@pytest.fixture(scope="module")
def first_evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    world = World(tmp_path_factory.mktemp("evaluated"))
    candidates = world.train()
    return world, candidates, world.evaluate(candidates)


@pytest.fixture
def evaluated(first_evaluation: Evaluated, tmp_path: Path) -> Evaluated:
    """A world of its own in which the first night's candidates are trained and evaluated."""
    world, candidates, evaluation = first_evaluation
    return world.copy(tmp_path), candidates, evaluation


@pytest.fixture(scope="module")
def first_night(
    first_evaluation: Evaluated, tmp_path_factory: pytest.TempPathFactory
) -> tuple[World, Verdict]:
    world, candidates, evaluation = first_evaluation
    world = world.copy(tmp_path_factory.mktemp("first"))
    return world, world.promote(candidates, evaluation)


@pytest.fixture
def begun(first_night: Begun, tmp_path: Path) -> Begun:
    """A world of its own after the first night, and its verdict."""
    world, verdict = first_night
    return world.copy(tmp_path), verdict


def test_the_first_night_makes_the_first_champion(evaluated: Evaluated) -> None:
    world, candidates, evaluation = evaluated

    verdict = world.promote(candidates, evaluation)

    champion = world.registry.version("champion")
    assert champion is not None
    assert (verdict.outcome, verdict.champion, verdict.blessed) == (
        "champion",
        champion.version,
        True,
    )
    blessing = world.warehouse.blessing(champion)
    assert blessing is not None
    assert (blessing.verdict, blessing.lacking, blessing.actor) == ("passed", (), "gate")
    assert blessing.promised.figures == evaluation.model(verdict.candidate)
    assert blessing.promised.day == DAY
    assert champion.shown["redeye.quality"] == champion.shown["redeye.infra"] == "passed"
    assert champion.shown["redeye.quality.reason"] == blessing.quality.reason
    assert champion.trained_until == DAY - timedelta(days=1)
    assert champion.held_out_until == DAY - timedelta(days=14 + 1 + 1)
    assert [entry.version for entry in world.warehouse.ledger()] == [champion.version]
    assert world.registry.version("canary") == champion
    assert evaluation.first_test_day == DAY - timedelta(days=14)
    assert {model.name for model in evaluation.models} == {
        "linear", "trees", "training-rate", "trailing-rate"
    }  # fmt: skip


def test_every_version_has_a_card_of_what_was_measured_where_people_look(
    evaluated: Evaluated, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    world, candidates, evaluation = evaluated
    artefacts: dict[str, dict[str, bytes]] = {}
    # MLflow remembers the folder of a run's artefacts, and this world is a copy of the one that made it.
    monkeypatch.setattr(
        type(world.registry), "log", lambda _, run_id, __, files: artefacts.update({run_id: files})
    )
    world.promote(candidates, evaluation)
    client = MlflowClient(tracking_uri=world.places.tracking_uri)

    for candidate in candidates.candidates:
        found = client.get_model_version(world.problem.model, candidate.version)
        measured = evaluation.model(candidate.name)
        assert measured is not None
        assert f"| log loss | {measured.metrics['log_loss'].mid:.4f} |" in found.description
        assert "**may serve**" in found.description
        assert f"{evaluation.rows:,} events" in found.description
        assert f"`redeye reproduce {candidate.version}`" in found.description
        name = f"card-{candidate.version}.html"
        page = str(world.pages.written[name])
        assert "Calibration" in page
        assert artefacts[candidates.run_id][name] == page.encode()


def test_what_a_version_was_promoted_with_is_kept_and_no_later_evaluation_replaces_it(
    evaluated: Evaluated,
) -> None:
    world, candidates, evaluation = evaluated
    champion = world.promote(candidates, evaluation).champion
    low = {"auc": Interval(low=0.1, mid=0.2, high=0.3)}
    models = [m.model_copy(update={"metrics": m.metrics | low}) for m in evaluation.models]

    world.promote(candidates, evaluation.model_copy(update={"models": tuple(models)}))

    kept = read_promises(world.warehouse.read_metrics(DAY, DAY))
    promised = {model.version: model.metrics for model in evaluation.candidates}
    assert kept[str(champion)] == promised[str(champion)]
    assert set(kept) == set(promised)
    (waiting,) = set(kept) - {champion}  # was never promoted: it may be, with these figures
    assert kept[waiting]["auc"].mid == 0.2


def test_on_a_linear_world_the_linear_model_is_chosen(evaluated: Evaluated) -> None:
    _, candidates, _ = evaluated

    assert candidates.chosen == "linear", candidates.reason


def test_on_a_crooked_world_trees_are_chosen_and_the_reason_gives_the_interval(
    tmp_path: Path,
) -> None:
    candidates = World(tmp_path, crooked=True).train()

    assert candidates.chosen == "trees", candidates.reason
    assert " over linear" in candidates.reason


def test_every_candidate_is_blessed_so_that_a_person_may_promote_any(evaluated: Evaluated) -> None:
    world, candidates, evaluation = evaluated
    world.promote(candidates, evaluation)

    versions = [world.registry.version(candidate.version) for candidate in candidates.candidates]

    found = [(v.candidate, world.warehouse.blessing(v)) for v in versions if v]
    assert [(name, b.verdict) for name, b in found if b] == [
        ("linear", "passed"),
        ("trees", "passed"),
    ]


def test_the_scoreboard_has_the_candidates_of_the_night_and_agrees_with_the_choice(
    evaluated: Evaluated,
) -> None:
    _, candidates, _ = evaluated
    lines = {one.name: one for one in candidates.scoreboard}

    assert list(lines) == [one.name for one in candidates.candidates]
    for one in candidates.candidates:
        assert lines[one.name].loss.mid == one.metrics["fold_log_loss"]
    behind = lines[candidates.chosen].behind
    assert behind is None or behind.low <= 0


def test_a_night_run_again_registers_nothing_and_says_the_same(evaluated: Evaluated) -> None:
    world, candidates, evaluation = evaluated
    verdict = world.promote(candidates, evaluation)

    again = world.train(earlier=candidates)

    assert again == candidates
    assert world.evaluate(again) == evaluation
    assert world.promote(again, evaluation) == verdict
    assert world.registry.version("3") is None
    assert len(world.warehouse.ledger()) == 1


def test_a_night_whose_records_were_lost_finds_its_run_and_versions(evaluated: Evaluated) -> None:
    world, candidates, _ = evaluated

    again = world.train(earlier=None)

    assert again.run_id == candidates.run_id
    assert [(c.version, c.sha256, c.golden) for c in again.candidates] == [
        (c.version, c.sha256, c.golden) for c in candidates.candidates
    ]
    assert world.registry.version("3") is None


def test_other_data_make_another_run(evaluated: Evaluated) -> None:
    world, candidates, _ = evaluated
    world.land(FIRST + timedelta(days=5), wind=0.0)

    again = world.train(earlier=candidates)

    assert again.fingerprint != candidates.fingerprint
    assert again.run_id != candidates.run_id


@pytest.mark.parametrize("changed", ["source_sha256", "lock_sha256"])
def test_other_code_or_other_packages_train_again(evaluated: Evaluated, changed: str) -> None:
    world, candidates, _ = evaluated
    world.code = {**world.code, changed: "another"}

    again = world.train(earlier=candidates)

    assert again.fingerprint != candidates.fingerprint
    assert again.run_id != candidates.run_id


def test_the_number_of_threads_makes_no_other_model(world: World) -> None:
    candidates = world.train(threads=1)

    assert world.train(earlier=candidates, threads=2) == candidates


def chancy(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """Trees on samples that the seed draws."""
    from xgboost import XGBClassifier

    return XGBClassifier(
        n_estimators=10, subsample=0.5, enable_categorical=True, random_state=seed, n_jobs=1
    )


def test_the_seed_decides_the_model_and_the_draws_of_the_choice(tmp_path: Path) -> None:
    problem = replace(PROBLEM, recipes=(*PROBLEM.recipes, ModelSpec("chancy", chancy)))
    first, other = (
        World(tmp_path / str(seed), problem=problem, crooked=True).train(seed=seed)
        for seed in (1, 2)
    )
    again = World(tmp_path / "again", problem=problem, crooked=True).train(seed=1)

    assert [c.sha256 for c in again.candidates] == [c.sha256 for c in first.candidates]
    assert again.reason == first.reason
    for served in ("sha256", "held_out_sha256"):
        mine, theirs = (getattr(night.candidates[-1], served) for night in (first, other))
        assert mine != theirs
    assert other.candidates[1].sha256 == first.candidates[1].sha256  # which chance has no part in
    assert other.reason != first.reason  # its interval is drawn by the seed


def test_nothing_of_the_test_days_reaches_training(evaluated: Evaluated) -> None:
    world, candidates, _ = evaluated
    for n in range(1, 16):
        world.land(DAY - timedelta(days=n), wind=9.0, hour=3.0, delay=0.0)

    again = world.train(earlier=None)

    assert [c.held_out_sha256 for c in again.candidates] == [
        c.held_out_sha256 for c in candidates.candidates
    ]
    assert all(
        a.sha256 != b.sha256 for a, b in zip(again.candidates, candidates.candidates, strict=True)
    )
    assert again.baseline == candidates.baseline


def test_both_fits_are_those_of_the_recipe_on_their_days_and_the_served_one_is_loaded(
    world: World,
) -> None:
    candidates = world.train(recalibration_days=0)
    table = world.feature_table()
    past = find_past(table, PROBLEM, world.lake, FIRST, DAY - timedelta(days=1))
    known = read_past(past, PROBLEM, world.lake, PROBLEM.cutoff(DAY))
    first_test = candidates.first_test_day
    early = known.until(first_test - timedelta(days=2)).known_before(PROBLEM.cutoff(first_test))

    for recipe, candidate in zip(PROBLEM.recipes, candidates.candidates, strict=True):
        version = world.registry.version(candidate.version)
        assert version is not None
        for examples, model in (
            (known, load(world.registry.fetch(version))),
            (early, load(world.registry.fetch_held_out(version))),
        ):
            again = fit(recipe, examples, 1, 1)
            assert np.array_equal(model.scores(known.frame), again.scores(known.frame))
            assert model.trained_until == again.trained_until


def test_a_champion_that_has_seen_the_test_days_is_judged_by_its_held_out_fit(
    begun: Begun,
) -> None:
    world, _ = begun
    champion = world.registry.version("champion")
    assert champion is not None
    candidates = world.train(DAY + timedelta(days=1))

    evaluation = world.evaluate(candidates)

    judged = evaluation.model("champion")
    assert champion.trained_until >= candidates.first_test_day
    assert evaluation.comparable, evaluation.reason
    assert judged is not None
    found = examples_of(world, evaluation)
    scored = score_events(
        found, load(world.registry.fetch_held_out(champion)).scores(found.frame), worth
    )
    assert judged.metrics["log_loss"].mid == pytest.approx(
        METRICS["log_loss"].of(scored), rel=1e-12
    )


def examples_of(world: World, evaluation: Evaluation) -> Examples:
    table, first, last = world.feature_table(evaluation.day), evaluation.first_test_day, evaluation.last_test_day  # fmt: skip
    past = find_past(table, PROBLEM, world.lake, first, last)
    return read_past(past, PROBLEM, world.lake, PROBLEM.cutoff(evaluation.day))


def test_the_refit_answers_like_the_held_out_fit_and_both_stand_in_the_run(
    evaluated: Evaluated,
) -> None:
    world, candidates, evaluation = evaluated

    run = world.registry._client.get_run(candidates.run_id).data
    for model in evaluation.candidates:
        assert model.refit is not None
        assert model.refit.trained_until == DAY - timedelta(days=1)
        assert 0 < model.refit.distance < 0.5
        assert model.refit.gain.high > 0
        for name in ("refit_distance", "refit_mean", "held_out_mean", "shift", "held_out_shift"):
            assert f"{model.name}/{name}" in run.metrics


@pytest.mark.parametrize("minutes", [0, 90], ids=["at the cutoff", "after it"])
def test_an_outcome_known_at_the_cutoff_or_later_does_not_count(
    evaluated: Evaluated, minutes: int
) -> None:
    world, candidates, evaluation = evaluated
    rows = evaluation.rows

    world.land(DAY - timedelta(days=1), known_at=PROBLEM.cutoff(DAY) + timedelta(minutes=minutes))

    assert rows - world.evaluate(candidates).rows == 59 - _known_late(world)


def test_days_whose_outcomes_are_not_complete_neither_train_nor_test(tmp_path: Path) -> None:
    world = World(tmp_path, problem=replace(PROBLEM, label_maturity_days=5))
    complete = DAY - timedelta(days=6)

    candidates = world.train()
    evaluation = world.evaluate(candidates)
    for n in range(1, 6):
        world.land(DAY - timedelta(days=n), wind=9.0, delay=20.0)

    assert evaluation.last_test_day == complete
    assert evaluation.first_test_day == complete - timedelta(days=13)
    before = evaluation.first_test_day - timedelta(days=6)  # complete when the first was scored
    assert {one.held_out_until for one in candidates.candidates} == {before}
    assert {one.trained_until for one in candidates.candidates} == {complete}
    again = world.train(earlier=None)
    assert [one.sha256 for one in again.candidates] == [c.sha256 for c in candidates.candidates]
    assert world.evaluate(again).models == evaluation.models


def slow(root: Path, problem: Problem, maturity: int) -> World:
    """A world in which late rides are known after 1 to 10 days, and others after 14."""
    world = World(root, problem=replace(problem, label_maturity_days=maturity))

    def known_at(rows: pd.DataFrame) -> pd.Series:
        days = np.where(rows["delay"] >= 10, rows["ride"] % 10 + 1, 14)
        return rows["known_at"] + pd.to_timedelta(days, unit="D")

    for n in range((DAY - FIRST).days + 4):
        world.land(FIRST + timedelta(days=n), known_at=known_at)
    return world


@pytest.mark.parametrize("problem", [PROBLEM, REGRESSION], ids=["binary", "regression"])
def test_labels_that_take_longer_than_declared_are_refused_and_the_advice_works(
    tmp_path: Path, problem: Problem
) -> None:
    with pytest.raises(DataError) as refusal:
        slow(tmp_path / "undeclared", problem, 0).train()

    said = str(refusal.value)
    advised = re.search(r"declare label_maturity_days=(\d+) in the problem", said)
    assert advised, said
    assert advised[1] == "14"
    assert "10 days after the event 0% of" in said
    assert said.endswith(f"then run `redeye night --day {DAY}`")
    candidates = slow(tmp_path / "declared", problem, 14).train()
    assert candidates.first_test_day == DAY - timedelta(days=15 + 13)


def _known_late(world: World) -> int:
    """Of yesterday's 59 labelled rides, those that ended after midnight anyway."""
    from tests.integration.learning import rides

    made = rides(DAY - timedelta(days=1)).iloc[1:]
    return int((made["known_at"] >= world.problem.cutoff(DAY)).sum())


def test_a_promotion_that_was_killed_half_way_is_finished_by_the_rerun(
    evaluated: Evaluated,
) -> None:
    world, candidates, evaluation = evaluated
    killed = candidates.candidates[0].version
    version = world.registry.version(killed)
    assert version is not None
    world.warehouse.bless(judged(version))
    world.registry.point("champion", killed)  # and then it was killed

    verdict = world.promote(candidates, world.evaluate(candidates))

    assert world.evaluate(candidates) == evaluation
    assert verdict.outcome == "champion"
    assert [(e.kind, e.version) for e in world.warehouse.ledger()] == [("promoted", killed)]


def test_a_version_that_is_not_proven_is_no_opponent_though_the_alias_stands_on_it(
    begun: Begun,
) -> None:
    world, first = begun
    candidates = world.train(DAY + timedelta(days=1))
    unproven = next(c.version for c in candidates.candidates if c.name != candidates.chosen)
    world.registry.point("champion", unproven)

    evaluation = world.evaluate(candidates)

    assert evaluation.champion == first.version


def test_a_rerun_does_not_claim_for_the_gate_what_a_person_did(evaluated: Evaluated) -> None:
    world, candidates, evaluation = evaluated
    verdict = world.promote(candidates, evaluation)
    back = LedgerEntry(version=verdict.version, before="9", actor="ada", reason="back again")
    world.warehouse.append(back)

    world.promote(candidates, world.evaluate(candidates))

    assert [entry.actor for entry in world.warehouse.ledger()] == ["gate", "ada"]


def test_a_champion_that_has_seen_the_test_days_is_not_compared(begun: Begun) -> None:
    world, _ = begun
    earlier = DAY - timedelta(days=10)

    candidates = world.train(earlier)
    evaluation = world.evaluate(candidates)

    assert not evaluation.comparable
    assert evaluation.model("champion") is None
    assert "has learned from days up to" in evaluation.reason
    assert world.promote(candidates, evaluation, policy="auto").outcome == "kept"


def test_a_champion_whose_features_are_gone_is_not_compared_and_the_reason_names_them(
    begun: Begun,
    tmp_path: Path,
) -> None:
    assert begun[1].champion == "1"
    changed = World(tmp_path, names=("wind", "hour"))

    evaluation = changed.evaluate(changed.train(DAY + timedelta(days=1)))

    assert not evaluation.comparable
    assert "line" in evaluation.reason
    assert evaluation.champion == "1"


def test_a_model_that_answers_otherwise_than_in_training_is_refused(evaluated: Evaluated) -> None:
    world, candidates, evaluation = evaluated

    verdict = world.promote(_answering(candidates, lambda score: score * (1 + 1e-5)), evaluation)

    assert (verdict.outcome, verdict.blessed) == ("refused", False)
    assert "golden batch" in verdict.reason
    assert world.registry.version("champion") is None
    found = [world.warehouse.blessing(v) for v in world.registry.registered()]
    assert [one.lacking for one in found if one] == [("infra",), ("infra",)]


def test_another_processors_rounding_is_no_other_answer(evaluated: Evaluated) -> None:
    world, candidates, evaluation = evaluated
    beside = _answering(
        candidates, lambda score: float(np.nextafter(np.float32(score), np.float32(1)))
    )

    verdict = world.promote(beside, evaluation)

    assert verdict.blessed


def _answering(candidates: Candidates, as_if: Callable[[float], float]) -> Candidates:
    """The candidates, as if training had seen other scores of the golden batch."""
    models = [
        one.model_copy(update={"golden": tuple(as_if(score) for score in one.golden)})
        for one in candidates.candidates
    ]
    return candidates.model_copy(update={"candidates": tuple(models)})


SURELY_OFF = Interval(low=-0.3, mid=-0.2, high=-0.1)
OFF = {name: {"calibration_error": SURELY_OFF} for name in ("training-rate", "trailing-rate")}


@pytest.mark.parametrize(
    ("floor", "changes", "word"),
    [
        ({}, {"gains": OFF}, "calibrated"),
        ({"min_auc": 0.99}, {}, "AUC"),
        ({}, {"overfit": 0.2}, "overfit"),
        ({}, {"over_nothing": SURELY_OFF}, "worth less than doing nothing"),
    ],
)
def test_each_floor_refuses_with_its_reason_where_a_person_sees_it(
    evaluated: Evaluated, floor: dict[str, float], changes: dict[str, Any], word: str
) -> None:
    world, candidates, evaluation = evaluated

    verdict = world.promote(candidates, spoiled(evaluation, **changes), **floor)

    version = world.registry.version(verdict.version)
    assert (verdict.outcome, verdict.champion) == ("refused", None)
    assert word in verdict.reason
    assert version is not None
    blessing = world.warehouse.blessing(version)
    assert blessing is not None
    assert blessing.lacking == ("quality",)


def spoiled(evaluation: Evaluation, **changes: Any) -> Evaluation:
    """The evaluation with figures of every candidate changed; gains are changed one by one."""
    models = []
    for model in evaluation.models:
        gains = {o: model.gains[o] | g for o, g in changes.get("gains", {}).items() if model.gains}
        mine = changes | {"gains": model.gains | gains}
        models.append(model if model.overfit is None else model.model_copy(update=mine))
    return evaluation.model_copy(update={"models": tuple(models)})


def test_a_problem_without_a_value_is_learned_and_judged_without_it(tmp_path: Path) -> None:
    world = World(tmp_path, problem=replace(PROBLEM, value=None, recipes=PROBLEM.recipes[:1]))
    candidates = world.train()
    evaluation = world.evaluate(candidates)

    assert all("value" not in m.metrics and m.over_nothing is None for m in evaluation.models)
    assert world.promote(candidates, evaluation).outcome == "champion"


def test_too_little_to_learn_from_is_said_in_one_sentence(world: World) -> None:
    with pytest.raises(DataError, match=r"raise ingest\.history_days"):
        world.train(FIRST + timedelta(days=3))


def test_a_feature_with_too_many_categories_is_refused_before_anything_is_fitted(
    world: World,
) -> None:
    lines = len(set(rides(DAY)["line"]))

    with pytest.raises(
        DataError, match=rf"'line' has {lines} categories, above {lines - 1} \(train\.max"
    ):
        world.train(max_categories=lines - 1)
    assert world.registry.registered() == []
    assert world.train(max_categories=lines).candidates


def test_labels_that_are_all_alike_teach_nothing(world: World) -> None:
    for n in range((DAY - FIRST).days):
        world.land(FIRST + timedelta(days=n), delay=0.0)

    with pytest.raises(DataError, match="all ending alike"):
        world.train()


def test_the_plots_are_pictures_for_people_and_for_mlflow(world: World) -> None:
    candidates = world.train()

    world.evaluate(candidates)

    names = {
        f"plots/{name}.png"
        for name in ("roc", "precision_recall", "calibration", "scores", "importance")
    }
    assert set(world.pages.written) == names
    assert all(
        bytes(p).startswith(b"\x89PNG")
        for p in world.pages.written.values()
        if isinstance(p, bytes)
    )
    client = world.registry._client
    assert {file.path for file in client.list_artifacts(candidates.run_id, "plots")} == names


def test_with_one_recipe_there_is_nothing_to_choose(tmp_path: Path) -> None:
    world = World(tmp_path, problem=replace(PROBLEM, recipes=(ModelSpec("trees", trees),)))

    candidates = world.train()

    assert (candidates.chosen, candidates.reason) == ("trees", "the only recipe there is")
    assert np.isfinite(candidates.baseline)
    assert isinstance(candidates.first_test_day, date)


def unknown_to_sklearn(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(depth=3)


def refused_by_sklearn(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    return linear(schema, seed, threads).set_params(logisticregression__C=-1.0)


def unknown_to_xgboost(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    return trees(schema, seed, threads).set_params(maxdepth=3)


def double(numbers: Any) -> Any:
    return 2 * numbers


def not_kept(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """It holds a function of ours."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    encoder, classifier = (step for _, step in linear(schema, seed, threads).steps)
    return make_pipeline(encoder, FunctionTransformer(double), classifier)


BROKEN = {
    "depth": unknown_to_sklearn,
    "InvalidParameterError": refused_by_sklearn,
    'XGBoost does not know "maxdepth"': unknown_to_xgboost,
    "it holds test_learning.double": not_kept,
}


@pytest.mark.parametrize("told", BROKEN)
def test_a_recipe_that_cannot_be_fitted_or_kept_costs_itself_by_name(
    tmp_path: Path, told: str
) -> None:
    recipes = (ModelSpec("broken", BROKEN[told]), *PROBLEM.recipes)
    world = World(tmp_path, replace(PROBLEM, recipes=recipes))

    candidates = world.train()

    assert [one.name for one in candidates.candidates] == ["linear", "trees"]
    assert list(candidates.failed) == ["broken"]
    assert told in candidates.failed["broken"]
    assert "recipe 'broken'" in candidates.failed["broken"]
    assert world.promote(candidates, world.evaluate(candidates)).outcome == "champion"


def test_an_evaluation_of_other_candidates_decides_nothing(evaluated: Evaluated) -> None:
    world, candidates, evaluation = evaluated

    with pytest.raises(
        BusyError, match="another night of this day is at work; run `redeye evaluate"
    ):
        world.promote(candidates, evaluation.model_copy(update={"run_id": "of another night"}))

    assert world.registry.version("champion") is None


def strict(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """It can be fitted and kept, and raises when it is asked about a line that it does not know."""
    return linear(schema, seed, threads).set_params(
        columntransformer__lines__handle_unknown="error"
    )


def new_line(world: World, first: int, last: int) -> None:
    """From so many days before the night to so many, a line is ridden that nobody rode before."""
    for ago in range(last, first + 1):
        made = rides(DAY - timedelta(days=ago))
        world.land(DAY - timedelta(days=ago), line=np.where(made.index % 9, made["line"], "purple"))


def test_a_recipe_that_cannot_answer_the_fold_costs_itself_by_name(tmp_path: Path) -> None:
    recipes = (ModelSpec("strict", strict), *PROBLEM.recipes)
    world = World(tmp_path, replace(PROBLEM, recipes=recipes))
    new_line(world, 22, 1)  # the test days, and the last of the days before them

    candidates = world.train()

    assert [one.name for one in candidates.candidates] == ["linear", "trees"]
    assert candidates.failed["strict"].startswith(
        "recipe 'strict': cannot be asked for scores (Val"
    )
    assert world.promote(candidates, world.evaluate(candidates)).outcome == "champion"


def harmful(names: Collection[str], patch: pytest.MonkeyPatch) -> None:
    """From now on, the files of these recipes' models harm who opens them; the registry vouches for them."""

    def packed(model: Model) -> bytes:
        return with_card(model, DEEP) if model.name in names else pack(model)

    patch.setattr("pipelines.adapters.mlflow.versions.pack", packed)


def test_a_candidate_that_harms_who_opens_it_costs_only_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmful({"trees"}, monkeypatch)
    candidates = world.train()

    evaluation = world.evaluate(candidates)
    verdict = world.promote(candidates, evaluation)

    assert "RecursionError" in evaluation.unanswered["trees"]
    assert [one.name for one in evaluation.candidates] == ["linear"]
    assert (verdict.outcome, verdict.candidate) == ("champion", "linear")
    trees = world.registry.version(candidates.candidates[1].version)
    assert trees is not None
    judged = world.warehouse.blessing(trees)
    assert judged is not None
    assert "RecursionError" in judged.quality.reason
    assert "RecursionError" in judged.infra.reason
    assert "RecursionError" in (find_damage(lambda: world.registry.fetch(trees), WORKERS) or "")


def test_when_no_candidate_can_be_opened_evaluate_says_why(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmful({"linear", "trees"}, monkeypatch)
    candidates = world.train()

    with pytest.raises(GateRefused, match=r"linear: .*RecursionError.*trees: .*RecursionError"):
        world.evaluate(candidates)


def test_when_every_recipe_fails_the_night_says_so(tmp_path: Path) -> None:
    recipes = tuple(ModelSpec(f"r{n}", broken) for n, broken in enumerate(BROKEN.values()))
    world = World(tmp_path, replace(PROBLEM, recipes=recipes))

    with pytest.raises(ConfigError, match=r"no recipe is left; recipe 'r0'.*recipe 'r3'"):
        world.train()


def test_a_feature_that_training_lacks_and_the_test_days_have_is_refused(
    evaluated: Evaluated,
) -> None:
    world, candidates, _ = evaluated
    for n in range((candidates.first_test_day - FIRST).days):
        world.land(FIRST + timedelta(days=n), hour=np.nan)

    with pytest.raises(
        DataError, match="'hour' has values on the test days and none on 28 training"
    ):
        world.evaluate(candidates)


def test_a_line_of_rides_that_is_answered_worse_than_by_the_baseline_refuses_the_candidate(
    tmp_path: Path,
) -> None:
    """Rides of one line begin to end the other way round, too late for training to know."""
    problem = replace(PROBLEM, slices=("line",), recipes=PROBLEM.recipes[1:])
    world = World(tmp_path, problem=problem)
    for n in range(1, 15):
        day = DAY - timedelta(days=n)
        made = rides(day)
        other = np.where(made["delay"] >= 10, 0.0, 20.0)
        turned = made["delay"].where(made["delay"].isna() | (made["line"] != "green"), other)
        world.land(day, delay=turned)
    candidates = world.train()
    evaluation = world.evaluate(candidates)

    verdict = world.promote(candidates, evaluation)
    permitted = world.promote(candidates, evaluation, max_slice_regression=100.0)

    assert "surely worse than the baseline (trailing-rate) on line=green" in verdict.reason
    assert "Holm's correction for 3 slices" in verdict.reason
    assert "line=green" not in permitted.reason
    assert verdict.outcome == "refused"
