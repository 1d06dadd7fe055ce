"""Searches of settings: what is found is a candidate; what fails costs itself; nothing is tried twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

from pipelines import cli
from pipelines.adapters.mlflow.registry import MlflowRegistry
from pipelines.commands import tune as command
from pipelines.core.config import TuneParams
from pipelines.core.errors import (
    BusyError,
    ConfigError,
    DataError,
    RecipeError,
    RegistryAway,
    TemporaryError,
)
from pipelines.core.records import ModelVersion, Tuned, Tuning
from pipelines.define.problem import ModelSpec, Problem
from pipelines.define.spaces import Space, choice, integer, log_uniform, uniform
from pipelines.stages import train as training
from pipelines.stages.tune import TuningNight, tune
from pipelines.training.choice import scoreboard
from pipelines.training.estimators.fitting import stopping_rows
from pipelines.training.examples import Examples
from pipelines.training.ports import Search, Trial
from tests.integration.learning import DAY, FIRST, PROBLEM, TUNE, World, linear

SPACE = {"learning_rate": log_uniform(0.05, 0.5), "max_depth": integer(2, 4)}


def timid(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """Trees that learn next to nothing, as they are written."""
    from xgboost import XGBClassifier

    return XGBClassifier(
        n_estimators=20, max_depth=3, learning_rate=0.001, enable_categorical=True, random_state=seed,
        n_jobs=1,
    )  # fmt: skip


def with_space(space: Mapping[str, Space]) -> Problem:
    """The linear spec as ever, and trees whose settings may be searched."""
    specs = (ModelSpec("linear", linear), ModelSpec("trees", timid, tune=space))
    return replace(PROBLEM, recipes=specs)


TIMID = with_space(SPACE)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Land the days once for all tests."""
    return World(tmp_path_factory.mktemp("landed"), TIMID)


@pytest.fixture
def world(landed: World, tmp_path: Path) -> World:
    return landed.copy(tmp_path)


def night_of(world: World, day: date = DAY, **changes: Any) -> TuningNight:
    tuner = replace(world.tuner, params=TUNE.model_copy(update=changes))
    return TuningNight(
        day, world.params(), world.problem, world.feature_table(day), world.lake, world.registry, tuner,
        world.code,
    )  # fmt: skip


def trials_in(world: World) -> list[dict[str, Any]]:
    """The runs of trials in MLflow: their search's run, outcome, settings and losses."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=world.places.tracking_uri)
    (experiment,) = (
        one for one in client.search_experiments() if one.name.startswith(world.problem.name)
    )
    runs = client.search_runs([experiment.experiment_id], "tags.`redeye.trial` LIKE '%'")
    told = [
        {"name": run.info.run_name, "status": run.info.status, **run.data.tags, **run.data.params}
        | run.data.metrics
        for run in runs
    ]
    return sorted(told, key=lambda one: one["redeye.trial"])


@dataclass
class ToldSearch:
    """A search whose trials are told beforehand; remembers what it was asked."""

    found: Mapping[str, Any] = field(default_factory=lambda: {"learning_rate": 0.2, "max_depth": 3})
    asked: list[Search] = field(default_factory=list)
    earlier_loss: float = 0.46  # of the settings that were found before

    def trials(self, search: Search, budget: TuneParams, seconds: float) -> Generator[Trial]:
        self.asked.append(search)
        yield Trial(0, None, "finished", (0.6, 0.7), "", 1.0)
        yield Trial(1, dict(self.found), "finished", (0.4, 0.5), "", 1.0)
        for settings in search.earlier:
            yield Trial(2, settings, "finished", (self.earlier_loss,), "", 1.0)


def told(world: World, **found: Any) -> ToldSearch:
    """Have the world searched by what is told."""
    search = ToldSearch(found) if found else ToldSearch()
    world.tuner = replace(world.tuner, settings=search)
    return search


# What is found.


def test_a_search_finds_better_settings_than_a_bad_default_and_every_trial_is_a_run(
    world: World,
) -> None:
    found = tune(night_of(world))

    (tuned,) = found.tuned
    assert (tuned.spec, tuned.found_on) == ("trees", DAY)
    assert all(tuned.settings[name] in space for name, space in SPACE.items())
    assert world.warehouse.tuning(DAY) == found
    assert world.warehouse.tuning(DAY - timedelta(days=1)) is None
    runs = trials_in(world)
    assert len(runs) == TUNE.trials
    assert {run["mlflow.parentRunId"] for run in runs} != {""}
    assert len({run["mlflow.parentRunId"] for run in runs}) == 1
    assert runs[0]["settings"] == "as written"
    best = min(runs, key=lambda run: run.get("loss", np.inf))
    assert {name: float(best[name]) for name in SPACE} == tuned.settings
    assert best["loss"] < 0.9 * runs[0]["loss"]


def test_settings_that_gain_less_than_the_gate_asks_are_no_candidate(world: World) -> None:
    told(world)
    night = night_of(world)

    found = tune(replace(night, tuner=replace(night.tuner, min_lift=0.5)))

    assert found.tuned == ()
    assert "a gain below 50.0%" in found.told["trees"]


def test_what_is_found_is_a_candidate_of_a_line_of_its_own_and_its_run_names_the_settings(
    world: World,
) -> None:
    told(world)
    tuned = tune(night_of(world)).tuned[0]

    candidates = world.train()

    linear_, trees, winner = candidates.candidates
    assert (linear_.name, trees.name, winner.name) == ("linear", "trees", tuned.name)
    assert len({linear_.spec, trees.spec, winner.spec}) == 3
    facts = world.registry.run_params(candidates.run_id) or {}
    assert '"learning_rate": 0.2' in facts["tuned"]
    assert winner.metrics["fold_log_loss"] < trees.metrics["fold_log_loss"]
    assert world.train(earlier=candidates) == candidates


def test_told_the_settings_of_a_run_training_makes_the_same_bytes_without_any_search(
    world: World, landed: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from pipelines.app.reproduce import _inputs_of

    world.problem = with_space({**SPACE, "learning_rate": log_uniform(1e-6, 0.5)})
    told(world, learning_rate=1e-05, max_depth=3)  # which YAML takes for a text
    tune(night_of(world))
    candidates = world.train()
    facts = world.registry.run_params(candidates.run_id) or {}
    code = {"git_commit": "abc", "source_sha256": "", "lock_sha256": "", "data_version": "data-1"}
    settings = _inputs_of("3", {**facts, **code}).settings
    other = landed.copy(tmp_path_factory.mktemp("again"))

    again = other.train(**settings.model_dump())

    assert again.fingerprint == candidates.fingerprint
    made = [[(one.name, one.sha256, one.held_out_sha256) for one in night.candidates]
            for night in (candidates, again)]  # fmt: skip
    assert made[0] == made[1]
    assert len(made[0]) == 3
    assert other.warehouse.tuning(DAY) is None


def test_it_is_searched_in_every_so_many_nights_and_counts_from_its_night_on(world: World) -> None:
    search = told(world)
    world.tuner = replace(world.tuner, params=TUNE.model_copy(update={"every_days": 3}))
    due = []
    for days in (-1, 0, 1, 2):
        world.train(DAY + timedelta(days=days))
        due.append(len(search.asked))

    names = {one.name for one in world.train(DAY - timedelta(days=1)).candidates}

    assert due == [1, 1, 1, 2]
    assert len(search.asked) == 2
    assert len(names) == 3


def test_without_the_setting_no_night_searches(world: World) -> None:
    search = told(world)

    candidates = world.train()

    assert search.asked == []
    assert [one.name for one in candidates.candidates] == ["linear", "trees"]
    assert "tuned" not in (world.registry.run_params(candidates.run_id) or {})


def test_the_settings_of_the_champion_stay_when_a_search_finds_others(world: World) -> None:
    told(world)
    (first,) = tune(night_of(world)).tuned
    told(world, learning_rate=0.3, max_depth=2)
    champion = {"champion": first.name}
    night = night_of(world, DAY + timedelta(days=1))
    night = replace(night, registry=_With(world.registry, champion))  # type: ignore[arg-type]

    second = tune(night)
    third = tune(replace(night, registry=_With(world.registry, {})))  # type: ignore[arg-type]

    assert [one.settings["max_depth"] for one in second.tuned] == [3, 2]
    assert second.tuned[0] == first
    assert [one.settings["max_depth"] for one in third.tuned] == [2]


@pytest.mark.parametrize(("earlier_loss", "depth"), [(0.46, 3), (0.6, 2)])
def test_settings_found_before_stay_unless_others_are_better_by_what_the_gate_asks(
    world: World, earlier_loss: float, depth: int
) -> None:
    told(world)
    (first,) = tune(night_of(world)).tuned
    told(world, learning_rate=0.3, max_depth=2).earlier_loss = earlier_loss
    night = night_of(world, DAY + timedelta(days=1))

    (second,) = tune(replace(night, tuner=replace(night.tuner, min_lift=0.05))).tuned

    assert second.settings["max_depth"] == depth
    assert (second == first) == (depth == 3)


def test_settings_found_before_are_tried_again_on_the_days_of_now(world: World) -> None:
    before = {"learning_rate": 0.123456789, "max_depth": 3}
    search = replace(search_of(world), earlier=[before])

    trials = all_trials(world, search, trials=2)
    again = all_trials(world, search, trials=2)

    assert [one.settings for one in trials] == [None, before]
    assert [one.settings for one in again] == [None, before]


@dataclass
class _With:
    """The registry, with an alias on a version of that candidate."""

    registry: MlflowRegistry
    aliases: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.registry, name)

    def version(self, name: str) -> ModelVersion | None:
        if name not in self.aliases:
            return None
        return ModelVersion(
            version="7", candidate=self.aliases[name], run_id="", sha256="", trained_until=DAY,
            features=(),
        )  # fmt: skip


def test_settings_that_a_spec_does_not_declare_any_more_are_left_aside(world: World) -> None:
    told(world)
    tune(night_of(world))
    world.problem = with_space({"learning_rate": log_uniform(0.3, 0.5), "max_depth": integer(2, 4)})

    candidates = world.train()

    assert [one.name for one in candidates.candidates] == ["linear", "trees"]


# Days that nobody may look at twice.


def rows_of(examples: Examples, chosen: Any = slice(None)) -> set[int]:
    """Each event by the hash of its day, features, label and when that was known."""
    frame = examples.frame.assign(
        day=examples.days, label=examples.labels, known_at=examples.known_at
    )
    return set(pd.util.hash_pandas_object(frame.loc[chosen], index=False))


@dataclass
class Seen:
    """What training looks at, and for what."""

    chosen_on: list[Examples] = field(default_factory=list)
    chosen_from: list[Examples] = field(default_factory=list)
    tested_before: list[Examples] = field(default_factory=list)


def test_no_event_is_both_learned_from_and_looked_at_by_what_follows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, seen = told(world), Seen()
    choice_fold, fit_both = scoreboard.choice_fold, training.fit_both

    def choose(examples: Examples, *rest: Any) -> Any:
        fold = choice_fold(examples, *rest)
        seen.chosen_from.append(fold.learned)
        seen.chosen_on.append(fold.tested)
        return fold

    def fit(recipe: Any, early: Examples, *rest: Any) -> Any:
        seen.tested_before.append(early)
        return fit_both(recipe, early, *rest)

    monkeypatch.setattr(scoreboard, "choice_fold", choose)
    monkeypatch.setattr(training, "fit_both", fit)
    world.tuner = replace(world.tuner, params=TUNE.model_copy(update={"every_days": 1, "folds": 3}))
    candidates = world.train()
    everything = world_examples(world)

    folds, gap = search.asked[0].folds, np.timedelta64(1, "D")
    learned = [rows_of(fold.learned) for fold in folds]
    tested = [rows_of(fold.tested) for fold in folds]
    (chosen_on,), (chosen_from,) = seen.chosen_on, seen.chosen_from
    after = {
        "choice": rows_of(chosen_on),
        "test": rows_of(everything.between(candidates.first_test_day, DAY - timedelta(days=1))),
        "evidence": rows_of(everything.between(DAY, DAY + timedelta(days=3))),
    }
    assert all(learned)
    assert all(tested)
    assert all(after.values())
    assert len(folds) == 3
    for one, fold in enumerate(folds):
        stopping = rows_of(fold.learned, stopping_rows(fold.learned.days))
        recent = fold.learned.days > fold.learned.days.max() - np.timedelta64(28, "D")
        level = rows_of(fold.learned, recent)
        assert set() < stopping < learned[one]
        assert level <= learned[one]
        assert not tested[one] & (learned[one] | stopping | level)
        assert fold.learned.days.max() + gap < fold.tested.days.min()
        assert not set.union(*tested[:one], set()) & tested[one]
        for looked_at in after.values():
            assert not looked_at & (learned[one] | tested[one])
    assert rows_of(folds[-1].tested) <= rows_of(chosen_from)
    assert not after["choice"] & (after["test"] | after["evidence"] | rows_of(chosen_from))
    assert max(fold.tested.days.max() for fold in folds) + gap < chosen_on.days.min()
    assert chosen_on.days.max() + gap < np.datetime64(candidates.first_test_day)
    for early in seen.tested_before:
        assert not rows_of(early) & (after["test"] | after["evidence"])


def world_examples(world: World) -> Examples:
    """All events that were landed, also those of the night and later."""
    from pipelines.training.examples import find_past, read_past

    last = DAY + timedelta(days=3)
    table = world.feature_table(last)
    past = find_past(table, world.problem, world.lake, FIRST, last)
    return read_past(
        past, world.problem, world.lake, world.problem.cutoff(last + timedelta(days=5))
    )


# What goes wrong.


def search_of(world: World, **changes: Any) -> Search:
    """What a night would have searched."""
    recorded = ToldSearch()
    night = night_of(world, **changes)
    tune(replace(night, tuner=replace(night.tuner, settings=recorded)))
    return recorded.asked[0]


def all_trials(world: World, search: Search, seconds: float = 300, **changes: Any) -> list[Trial]:
    settings = world.tuner.settings
    if isinstance(settings, ToldSearch):
        raise TypeError
    budget = TUNE.model_copy(update=changes)
    with closing(settings.trials(search, budget, seconds)) as found:
        return list(found)


def live_a_search(root: Path) -> None:
    """In a process of its own, which is killed."""
    tune(night_of(World(root, TIMID), trials=100))


def test_a_search_that_was_killed_goes_on_without_trying_anything_twice(world: World) -> None:
    search = search_of(world)
    journal = world.root / "var" / "tuning" / f"{search.name}.journal"
    process = multiprocessing.get_context("spawn").Process(target=live_a_search, args=(world.root,))
    process.start()
    while not journal.exists() or journal.read_text().count('"state":1') < 3:
        assert process.is_alive()
        time.sleep(0.05)
    tried_in = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.join()
    psutil.wait_procs(tried_in, timeout=60)
    assert not [one for one in tried_in if one.is_running()]
    before = [one for one in _trials_kept(journal, search.name) if one["state"] == 1]
    with journal.open("a") as file:
        file.write('{"op_code": 4, "wor')  # as if the disk had been full

    found = tune(night_of(world, trials=len(before) + 3))

    after = _trials_kept(journal, search.name)
    assert [one for one in after if one["state"] == 1][: len(before)] == before
    assert len(after) == len(before) + 3
    assert len({one["params"] for one in after if one["params"] != "{}"}) >= len(after) - 2
    assert world.warehouse.tuning(DAY) == found
    assert len(trials_in(world)) == len(after)


def _trials_kept(journal: Path, name: str) -> list[dict[str, Any]]:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
    study = optuna.load_study(study_name=name, storage=storage)
    return [
        {
            "state": one.state.value, "params": str(one.params), "value": one.value,
            "times": (one.datetime_start, one.datetime_complete),
        }
        for one in study.trials
    ]  # fmt: skip


def test_trials_side_by_side_are_as_many_as_were_asked_for(world: World) -> None:
    trials = all_trials(world, search_of(world), parallel=2, trials=5)

    assert sorted(one.number for one in trials) == [0, 1, 2, 3, 4]
    assert [one.outcome for one in trials if one.settings is None] == ["finished"]
    assert len({str(one.settings) for one in trials}) == 5


def test_a_trial_that_throws_costs_itself(world: World) -> None:
    world.problem = with_space({"tree_method": choice("hist", "no such method")})

    trials = all_trials(world, search_of(world), trials=8)

    outcomes = {str(one.settings): (one.outcome, one.reason) for one in trials}
    assert outcomes["None"][0] == outcomes["{'tree_method': 'hist'}"][0] == "finished"
    failed, why = outcomes["{'tree_method': 'no such method'}"]
    assert failed == "failed"
    assert "cannot be fitted" in why
    assert len(trials) == 8


def test_a_trial_that_never_ends_is_ended_and_the_others_go_on(world: World) -> None:
    world.problem = with_space({"n_estimators": choice(10, 1_000_000_000)})

    trials = all_trials(world, search_of(world), trials=4, trial_minutes=0.2)

    outcomes = {str(one.settings): (one.outcome, one.reason) for one in trials}
    assert outcomes["{'n_estimators': 10}"][0] == "finished"
    ended = outcomes["{'n_estimators': 1000000000}"]
    assert ended == ("failed", "it took longer than 0.2 minutes (tune.trial_minutes)")
    assert len(trials) == 4
    assert not [one for one in psutil.Process().children() if "spawn_main" in str(one.cmdline())]


def crashing(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """A library that ends its process, but for the settings that are tried first."""
    estimator = timid(schema, seed, threads)
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGSEGV)
    return estimator


def test_a_trial_whose_process_crashes_costs_itself(world: World) -> None:
    trees = ModelSpec("trees", crashing, tune=SPACE)
    world.problem = replace(PROBLEM, recipes=(trees,))

    trials = all_trials(world, search_of(world), trials=3)

    assert [one.reason for one in trials] == ["its process ended with SIGSEGV"] * 3
    assert [one.settings is None for one in trials] == [True, False, False]


def test_the_time_for_all_trials_ends_them(world: World) -> None:
    world.problem = with_space({"n_estimators": choice(1_000_000_000, 2_000_000_000)})

    trials = all_trials(world, search_of(world), seconds=8, trials=1000)

    assert {one.outcome for one in trials} <= {"finished", "failed"}
    assert len(trials) < 1000
    assert all("tune.minutes" in one.reason for one in trials if one.outcome == "failed")


def test_a_trial_that_is_no_good_is_given_up_after_its_first_fold(world: World) -> None:
    world.problem = with_space({"learning_rate": choice(0.3, 1e-6), "subsample": uniform(0.5, 1)})

    trials = all_trials(world, search_of(world), trials=14)

    given_up = [one for one in trials if one.outcome == "pruned"]
    assert given_up
    assert {len(one.losses) for one in given_up} == {1}
    assert {(one.settings or {}).get("learning_rate") for one in given_up} == {1e-6}
    assert {one.outcome for one in trials} == {"finished", "pruned"}


def locked(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """Trees, with a lock at hand that no other process can have."""
    with LOCK:
        return timid(schema, seed, threads)


LOCK = threading.Lock()


def test_a_spec_that_cannot_go_to_another_process_costs_itself(world: World) -> None:
    held = threading.Lock()

    def own(schema: Mapping[str, str], seed: int, threads: int) -> Any:
        with held:
            return timid(schema, seed, threads)

    found = {}
    for build in (own, locked):
        world.problem = replace(PROBLEM, recipes=(ModelSpec("trees", build, tune=SPACE),))
        found[build] = tune(night_of(world, trials=2)).told["trees"]

    assert "cannot be tried in a process of its own" in found[own]
    assert found[locked].startswith("2 trials")
    world.problem = replace(PROBLEM, recipes=(ModelSpec("trees", own, tune=SPACE),))
    with pytest.raises(RecipeError, match="cannot be tried in a process of its own"):
        tune(night_of(world), strict=True)


def test_a_search_that_another_process_is_at_is_refused(world: World) -> None:
    search = search_of(world)

    with closing(world.tuner.settings.trials(search, TUNE, 300)) as first:
        next(first)
        with pytest.raises(BusyError, match="another process is at the search"):
            all_trials(world, search)


def test_a_space_of_an_unknown_setting_is_refused_before_anything_is_tried(world: World) -> None:
    search = told(world)
    world.problem = with_space({"depth": integer(2, 4)})

    with pytest.raises(RecipeError, match=r"'trees'.*names 'depth'.*did you mean 'max_depth'"):
        tune(night_of(world), strict=True)

    assert search.asked == []
    assert world.warehouse.tuning(DAY) is None
    candidates = world.train()
    assert [one.name for one in candidates.candidates] == ["linear"]
    assert "'depth'" in candidates.failed["trees"]


def test_without_spaces_there_is_nothing_to_search(world: World) -> None:
    world.problem = PROBLEM

    with pytest.raises(ConfigError, match="no model spec declares what to search"):
        tune(night_of(world))


def test_with_too_few_days_the_night_goes_on_without(world: World) -> None:
    search = told(world)
    day = FIRST + timedelta(days=26)
    world.tuner = replace(
        world.tuner, params=TUNE.model_copy(update={"every_days": 1, "folds": 20})
    )

    with pytest.raises(DataError, match="too few to search settings on 20 folds"):
        tune(replace(night_of(world, day), tuner=world.tuner))
    candidates = world.train(day)

    assert [one.name for one in candidates.candidates] == ["linear", "trees"]
    assert search.asked == []
    assert world.warehouse.tuning(day) is None


class _Away:
    """The registry, which does not answer any more after so many trials."""

    def __init__(self, registry: MlflowRegistry, after: int) -> None:
        self._registry, self._left = registry, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)

    def log_trial(self, *of: Any) -> None:
        self._left -= 1
        if self._left < 0:
            raise RegistryAway("registry: does not answer")
        self._registry.log_trial(*of)


def test_a_registry_that_goes_away_costs_no_trial_and_leaves_nothing_half(world: World) -> None:
    night = night_of(world)
    away: Any = _Away(world.registry, after=2)

    with pytest.raises(RegistryAway):
        tune(replace(night, registry=away))

    assert world.warehouse.tuning(DAY) is None
    assert world.registry.registered() == []
    before = len(trials_in(world))
    found = tune(night)
    runs = trials_in(world)
    assert before == 2
    assert len(runs) == TUNE.trials == len({run["redeye.trial"] for run in runs})
    assert world.warehouse.tuning(DAY) == found


def test_a_database_that_goes_away_costs_no_trial(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(found: Tuning) -> None:
        raise TemporaryError("database: did not do its work")

    night = night_of(world)
    with monkeypatch.context() as patched:
        patched.setattr(world.warehouse, "keep_tuning", away)
        with pytest.raises(TemporaryError):
            tune(night)
    before = trials_in(world)

    found = tune(night)

    assert trials_in(world) == before
    assert world.warehouse.tuning(DAY) == found


def test_an_entry_is_not_repeated_and_the_last_one_up_to_a_day_counts(world: World) -> None:
    def entry(day: date, depth: int) -> Tuning:
        tuned = Tuned(spec="trees", found_on=day, settings={"max_depth": depth, "weight": None})
        return Tuning(day=day, tuned=(tuned,), told={"trees": "2 trials"})

    entries: Sequence[Tuning] = [entry(DAY, 2), entry(DAY, 3), entry(DAY - timedelta(days=9), 4)]
    for one in entries:
        world.warehouse.keep_tuning(one)
        world.warehouse.keep_tuning(one)

    assert world.warehouse.tuning(DAY + timedelta(days=99)) == entries[1]
    assert world.warehouse.tuning(DAY - timedelta(days=1)) == entries[2]


# By hand.


@pytest.fixture
def typed(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """What is typed is about the world; its exit code."""
    told(world)
    nights = SimpleNamespace(record=lambda _: world.feature_table())
    services = {
        name: partial(getattr, world, name)
        for name in ("problem", "lake", "registry", "tuner", "code")
    }
    redeye = SimpleNamespace(
        night=lambda _: nights, services=services, params=SimpleNamespace(train=world.params())
    )

    def run(*words: str, featured: bool = True) -> int:
        if not featured:
            nights.record = lambda _: None
        return cli.main(["tune", "--day", str(DAY), *words], {})

    monkeypatch.setattr(command, "open_redeye", lambda _: redeye)
    return run


def test_it_is_searched_by_hand_and_told(
    typed: Callable[..., int], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed() == 0
    told_ = capsys.readouterr().out
    assert typed("--json", "--trials", "9", "--minutes", "2") == 0
    as_json = capsys.readouterr().out

    found = world.warehouse.tuning(DAY)
    assert found is not None
    assert f"a candidate from the night {DAY} on: {found.tuned[0].name}" in told_
    assert "mean loss 0.45 with learning_rate 0.2, max_depth 3, 0.65 as it is written" in told_
    assert Tuning.from_json(as_json, "stdout") == found


def test_by_hand_it_needs_the_features_of_the_night_and_a_budget(
    typed: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("--trials", "1") == 2
    assert typed("--minutes", "0") == 2
    assert typed(featured=False) == 3
    assert f"redeye night --day {DAY}`" in " ".join(capsys.readouterr().err.split())
