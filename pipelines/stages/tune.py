"""Searches of settings: by `redeye tune`, and by `train` in every so many nights; what they find is a candidate."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date

from pipelines.core.config import TrainParams, TuneParams
from pipelines.core.errors import ConfigError, DataError, RecipeError
from pipelines.core.records import FeatureTable, Tuned, Tuning
from pipelines.data.effective_settings import embargo_days
from pipelines.data.ports import Lake
from pipelines.define.problem import ModelSpec, Problem
from pipelines.define.spaces import Setting
from pipelines.metrics.task import task_of
from pipelines.monitoring.ports import Warehouse
from pipelines.promotion.eligibility import read_blessed
from pipelines.promotion.ports import Registry
from pipelines.training.examples import (
    Examples,
    TrainingPartitions,
    find_past,
    read_past,
)
from pipelines.training.fingerprint import spec_sha256, training_fingerprint
from pipelines.training.model import unfitted
from pipelines.training.ports import Search, SettingsSearch, Trial
from pipelines.training.selection import split_days
from pipelines.training.tuning.folds import Fold, before_test, tuning_folds
from pipelines.training.tuning.settings import still_meant

log = logging.getLogger("redeye")


@dataclass(frozen=True)
class Tuner:
    """How settings are searched, and where it is kept what was found."""

    params: TuneParams
    settings: SettingsSearch
    warehouse: Warehouse
    min_lift: float  # share of the loss of a spec as it is written that other settings must gain


@dataclass(frozen=True)
class TuningNight:
    """The night of a search, and all that it needs."""

    day: date
    params: TrainParams
    problem: Problem
    feature_table: FeatureTable
    lake: Lake
    registry: Registry
    tuner: Tuner
    code: Mapping[str, str]


def tuned_tonight(night: TuningNight) -> list[Tuned]:
    """The settings that are candidates tonight beside those that specs are written with.

    Those that training was told; else what the last search up to the night found. When it is due, it is
    searched first. What a spec does not declare to be searched any more is left aside.
    """
    if night.params.tuned:
        return night.params.tuned
    specs = night.problem.recipes
    if not any(spec.tune for spec in specs):
        return []
    found, every = night.tuner.warehouse.tuning(night.day), night.tuner.params.every_days
    if every and (found is None or (night.day - found.day).days >= every):
        try:
            found = tune(night)
        except DataError as error:
            log.warning("%s; the night goes on without", error)
    tuned = list(found.tuned) if found else []
    kept = still_meant(specs, tuned)
    for one in tuned:
        if one not in kept:
            log.warning("tune: %s is left aside: its spec declares other spaces now", one.name)
    return kept


def tune(night: TuningNight, *, strict: bool = False) -> Tuning:
    """Search the spaces of every spec, and keep what was found: from this night on it is a candidate.

    Settings are tried on folds of the days before those on which candidates are chosen, tested and judged.
    What is better there by `min_lift` than the spec as it is written is a candidate, beside it and beside the
    settings that the champion was made with, so that its line goes on. Settings of the search before stay, with the
    evidence of their line, unless others are better by `min_lift`. A spec that cannot be searched is left to
    `train`, which tells it by name; `strict`, RecipeError is raised before anything is tried. Raises
    ConfigError when no spec declares a space, DataError when there is too little to learn from.
    """
    past, early = _read(night)
    folds = tuning_folds(early, night.problem, night.params, night.tuner.params.folds)
    specs = list(_searchable(night, early, strict=strict))
    data = training_fingerprint(night.day, _untuned(night), night.problem, past, night.code)
    until = time.monotonic() + night.tuner.params.minutes * 60
    before = _before(night)
    tuned, told = _still_champion(night, before), {}
    for place, spec in enumerate(specs):
        name = _name(night, data, spec, folds)
        earlier = [one for one in before if one.spec == spec.name]
        search = Search(name, spec, folds, _untuned(night), [one.settings for one in earlier])
        seconds = max(0.0, until - time.monotonic()) / (len(specs) - place)
        try:
            trials = _tried(night, search, seconds)
        except RecipeError as error:
            if strict:
                raise
            told[spec.name] = str(error)
            log.warning("tune: %s", error)
            continue
        told[spec.name] = _in_words(night, trials)
        log.info("tune %s: %s", spec.name, told[spec.name])
        tuned += _found(night, spec, trials, earlier)
    unique = {one.name: one for one in tuned}
    found = Tuning(day=night.day, tuned=tuple(unique.values()), told=told)
    night.tuner.warehouse.keep_tuning(found)
    return found


def _untuned(night: TuningNight) -> TrainParams:
    return night.params.model_copy(update={"tuned": []})


def _read(night: TuningNight) -> tuple[TrainingPartitions, Examples]:
    """What there is to learn from before the test days."""
    problem, day = night.problem, night.day
    newest = problem.last_mature_day(day)
    gap = embargo_days(night.params, problem)
    split = split_days(newest, night.params.test_days, gap)
    past = find_past(night.feature_table, problem, night.lake, problem.first_day, newest)
    known = read_past(past, problem, night.lake, problem.cutoff(day))
    return past, before_test(known, split, problem)


def _searchable(night: TuningNight, examples: Examples, *, strict: bool) -> Iterator[ModelSpec]:
    """The specs with spaces; what cannot be built, or has no such settings, is none."""
    specs = [spec for spec in night.problem.recipes if spec.tune]
    if not specs:
        raise ConfigError(
            "tune: no model spec declares what to search; give one a `tune`, as docs/make-it-yours.md says"
        )
    for spec in specs:
        try:
            unfitted(spec, examples, night.params.seed, night.params.threads)
        except RecipeError as error:
            if strict:
                raise
            log.warning("tune: %s", error)
        else:
            yield spec


def _name(night: TuningNight, data: str, spec: ModelSpec, folds: Sequence[Fold]) -> str:
    """Of the search: the same of the same data, settings, code, spec, spaces and folds."""
    made = spec_sha256(spec, folds[0].learned.schema, night.feature_table.meanings, night.params)
    parts = [data, spec.name, made, str(len(folds)), *(f"{n} {s}" for n, s in spec.tune.items())]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"{night.day}-{digest[:16]}"


def _tried(night: TuningNight, search: Search, seconds: float) -> list[Trial]:
    """All trials of a search, each told and logged when it is over."""
    trials: list[Trial] = []
    budget = night.tuner.params
    task = task_of(night.problem.task)
    metric = task.metrics[task.loss].words
    with closing(night.tuner.settings.trials(search, budget, seconds)) as ended:
        for trial in ended:
            trials.append(trial)
            night.registry.log_trial(night.day, search.name, trial)
            best = min(one.loss for one in trials)
            log.info(
                "tune %s: trial %d of %d %s in %.1f s: %s %.4g, best %.4g%s",
                search.spec.name, len(trials), budget.trials, trial.outcome, trial.seconds,
                metric, trial.loss, best, f"; {trial.reason}" if trial.reason else "",
            )  # fmt: skip
    return trials


def _found(
    night: TuningNight, spec: ModelSpec, trials: Sequence[Trial], earlier: Sequence[Tuned]
) -> list[Tuned]:
    """The best settings, when they are worth a candidate of their own; earlier ones that are as good."""
    best = _best(trials)
    if best is None or best.settings is None or not _gains(night, best, _as_written(trials)):
        return []
    for trial in sorted(trials, key=lambda one: one.loss):
        same = [one for one in earlier if one.settings == trial.settings]
        if same and not _gains(night, best, trial.loss):
            log.info("tune %s: the settings of %s stay", spec.name, same[0].found_on)
            return same[:1]
    return [Tuned(spec=spec.name, found_on=night.day, settings=dict(best.settings))]


def _best(trials: Sequence[Trial]) -> Trial | None:
    """The lowest loss; of equals the first, which is as written."""
    finished = [one for one in trials if one.outcome == "finished"]
    return min(finished, key=lambda one: one.loss, default=None)


def _as_written(trials: Sequence[Trial]) -> float:
    return min((one.loss for one in trials if one.settings is None), default=float("inf"))


def _gains(night: TuningNight, best: Trial, loss: float) -> bool:
    """Whether the gate would call it a gain, were that the champion's loss: else it is a fit too many."""
    return best.loss < loss * (1 - night.tuner.min_lift)


def _in_words(night: TuningNight, trials: Sequence[Trial]) -> str:
    """What came of a search."""
    counts = {it: sum(one.outcome == it for one in trials) for it in ("pruned", "failed")}
    counted = ", ".join(f"{count} {it}" for it, count in counts.items() if count)
    told = f"{len(trials)} trials{f' ({counted})' if counted else ''}"
    best, written = _best(trials), _as_written(trials)
    if best is None:
        why = next((one.reason for one in trials if one.reason), "there was no time for one")
        return f"{told}, none of them finished: {why}"
    before = "no loss" if written == float("inf") else f"{written:.4g}"
    if best.settings is None:
        return f"{told}, none better than as it is written: mean loss {before}"
    settings = ", ".join(map(_setting, best.settings.items()))
    return f"{told}: mean loss {best.loss:.4g} with {settings}, {before} as it is written" + (
        "" if _gains(night, best, written) else f": a gain below {night.tuner.min_lift:.1%}"
    )


def _setting(named: tuple[str, Setting]) -> str:
    name, setting = named
    return f"{name} {setting:.4g}" if isinstance(setting, float) else f"{name} {setting}"


def _before(night: TuningNight) -> list[Tuned]:
    """What the search before found, as far as it is still meant."""
    found = night.tuner.warehouse.tuning(night.day)
    return still_meant(night.problem.recipes, found.tuned if found else ())


def _still_champion(night: TuningNight, before: Sequence[Tuned]) -> list[Tuned]:
    """The settings that the champion was made with, if a search found them: its line goes on."""
    if not before:
        return []
    champion = read_blessed("champion", night.registry, night.tuner.warehouse.blessing)
    return [one for one in before if champion and one.name == champion.candidate]
