"""train: fit every recipe, choose the simplest that is not measurably worse, register them all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date

from pipelines.core.config import TrainParams
from pipelines.core.errors import DataError
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import (
    Candidate,
    Candidates,
    FeatureTable,
    IngestResult,
    ModelVersion,
    Partition,
)
from pipelines.data.effective_settings import embargo_days
from pipelines.data.ports import Lake
from pipelines.define.dictionary import page
from pipelines.define.problem import Problem
from pipelines.metrics.task import task_of
from pipelines.promotion.ports import Registry
from pipelines.stages.tune import Tuner, TuningNight, tuned_tonight
from pipelines.training.choice.scoreboard import choose_candidate, curve_shares, refuse_poor
from pipelines.training.examples import (
    Examples,
    TrainingPartitions,
    find_past,
    read_past,
)
from pipelines.training.fingerprint import spec_sha256, training_fingerprint
from pipelines.training.label_delay import refuse_undeclared
from pipelines.training.model_file import golden_day, golden_scores
from pipelines.training.ports import Fitted
from pipelines.training.recipes import Attempts
from pipelines.training.refit import fit_both
from pipelines.training.selection import split_days
from pipelines.training.tuning.folds import before_test
from pipelines.training.tuning.settings import tonights_specs


def train(
    day: date,
    params: TrainParams,
    problem: Problem,
    feature_table: FeatureTable,
    landed: IngestResult,
    lake: Lake,
    registry: Registry,
    code: Mapping[str, str],
    candidates: Candidates | None,
    tuner: Tuner,
) -> Candidates:
    """Tonight's candidates, each fitted twice: on every labelled event before the gap, and on all.

    The first fit is judged on the test days, the second one serves. What was trained before from the
    same features, outcomes, settings and code is returned as it was. Settings that a search found are
    candidates beside what specs are written with (stages/tune.py). The choice falls on a fold of the
    training days, so that nobody has looked at the test days before evaluate does. A recipe that cannot
    be fitted, asked or kept is told by name, and costs only itself. Raises DataError when there is too little
    to learn from, when a feature has too many categories, and when labels take longer than the problem
    declares; ConfigError when no recipe is left.
    """
    refuse_undeclared(day, problem, feature_table, lake)
    newest, gap = problem.last_mature_day(day), embargo_days(params, problem)
    split = split_days(newest, params.test_days, gap)
    past = find_past(feature_table, problem, lake, problem.first_day, newest)
    golden = golden_day(feature_table.history)
    night = TuningNight(day, params, problem, feature_table, lake, registry, tuner, code)
    params = params.model_copy(update={"tuned": tuned_tonight(night)})
    fingerprint = training_fingerprint(day, params, problem, past, code)
    if candidates is not None and _stands(candidates, fingerprint, registry):
        return candidates
    known = read_past(past, problem, lake, problem.cutoff(day))
    early = before_test(known, split, problem)
    refuse_poor(early, day)
    _refuse_wide(known, day, params.max_categories)
    facts = _facts(params, landed, code, known) | _described(early, "held_out_")
    run_id = registry.night(day, fingerprint, facts, _inputs(past, problem))
    attempts = Attempts(tonights_specs(problem.recipes, params.tuned))
    made = attempts.each(lambda recipe: fit_both(recipe, early, known, params, problem))
    batch = lake.read([golden]).to_pandas()
    kept_scores = attempts.each(lambda recipe: golden_scores(made[recipe.name].model, batch))
    choice = choose_candidate(attempts, problem, params, early, curve_shares(day, params))
    recipes = {recipe.name: recipe for recipe in attempts.recipes}
    fitted = []
    for name in choice.folds:
        fits = made[name]
        fault_point("train.before_register")
        metrics = choice.folds[name] | fits.metrics
        kept = Fitted(fits.model, fits.held_out, metrics, feature_table.meanings)
        spec = spec_sha256(recipes[name], fits.model.schema, kept.learned_meanings, params)
        version = registry.register(run_id, kept)
        fitted.append(_candidate(version, kept, fits.seconds, kept_scores[name], spec))
    dictionary = page(problem, known.schema).encode()
    registry.log(run_id, {}, {"features.md": dictionary}, complete=True)
    return Candidates(
        day=day,
        run_id=run_id,
        fingerprint=fingerprint,
        chosen=choice.chosen,
        reason=choice.reason,
        scoreboard=choice.scoreboard,
        first_test_day=split.first_test,
        baseline=task_of(problem.task).baseline(early.labels),
        candidates=tuple(fitted),
        failed=attempts.failed,
    )


def _candidate(
    version: ModelVersion, kept: Fitted, seconds: float, golden: tuple[float, ...], spec: str
) -> Candidate:
    """The record of a model that was registered."""
    return Candidate(
        name=kept.model.name,
        version=version.version,
        sha256=version.sha256,
        trained_until=kept.model.trained_until,
        held_out_sha256=version.held_out_sha256,
        held_out_until=kept.held_out.trained_until,
        golden=golden,
        seconds=seconds,
        metrics=dict(kept.metrics),
        features=tuple(kept.model.schema),
        meanings=kept.learned_meanings,
        spec=spec,
    )


def _refuse_wide(examples: Examples, day: date, most: int) -> None:
    """Each category is a column of a linear model, and a word of every model's file."""
    for name, kind in examples.schema.items():
        found = examples.frame[name].nunique() if kind == "category" else 0
        if found > most:
            raise DataError(
                f"train {day}: feature {name!r} has {found:,} categories, above {most:,} "
                f"(train.max_categories); use what its past tells instead (a WindowedAggregation by that "
                f"key), group its rare values, or raise the limit"
            )


def _stands(candidates: Candidates, fingerprint: str, registry: Registry) -> bool:
    """Whether the same work was done before, and the registry still has what came of it."""
    if candidates.fingerprint != fingerprint:
        return False
    kept = [registry.version(candidate.version) for candidate in candidates.candidates]
    wanted = [(one.sha256, one.held_out_sha256) for one in candidates.candidates]
    return [(one.sha256, one.held_out_sha256) if one else None for one in kept] == wanted


def _facts(
    params: TrainParams, landed: IngestResult, code: Mapping[str, str], examples: Examples
) -> dict[str, str]:
    """What a person asks of a run first."""
    told = params.model_dump(mode="json")
    tuned = told.pop("tuned")
    return {
        **{name: str(setting) for name, setting in told.items()},
        **({"tuned": json.dumps(tuned)} if tuned else {}),
        **code,
        "data_version": landed.version,
        "data_recorded": landed.recorded,
        "features": str(len(examples.schema)),
        **_described(examples),
    }


def _described(examples: Examples, prefix: str = "") -> dict[str, str]:
    """How many events of which days a fit learned from."""
    told = {
        "first_day": str(examples.days.min()),
        "last_day": str(examples.days.max()),
        "events": str(len(examples.labels)),
        f"label_{task_of(examples.task).average}": f"{examples.labels.mean():.4f}",
    }
    return {f"{prefix}{name}": text for name, text in told.items()}


def _inputs(past: TrainingPartitions, problem: Problem) -> dict[str, str]:
    """The datasets that training reads, by the SHA-256 of their partitions' own."""
    read = {"features": past.features, f"accepted/{problem.outcomes}": past.outcomes}
    return {name: _sha256(partitions) for name, partitions in read.items()}


def _sha256(partitions: tuple[Partition, ...]) -> str:
    return hashlib.sha256("".join(p.sha256 for p in partitions).encode()).hexdigest()
