"""evaluate: candidates, champion and baseline on the same unseen days, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np

from pipelines.core.config import EvaluateParams
from pipelines.core.contracts import Lake, Pages, Problem, Registry, Warehouse
from pipelines.core.errors import DataError, GateRefused
from pipelines.core.faults import reach
from pipelines.core.records import (
    Candidate,
    Candidates,
    Evaluated,
    Evaluation,
    FeatureTable,
    Interval,
    LeakCheck,
    ModelVersion,
)
from pipelines.methods.bootstrap import Samples, day_weights, interval, lift, measure
from pipelines.methods.examples import Examples, find_past, join_examples, read_past
from pipelines.methods.importance import permutation_importance
from pipelines.methods.leaks import day_check, feature_check, time_check
from pipelines.methods.metrics import score_events
from pipelines.methods.plots import draw
from pipelines.methods.reading import readings
from pipelines.methods.shuffle import shuffle_check, thinned
from pipelines.methods.succession import look
from pipelines.methods.task import TASKS

BASELINE = "baseline"
CHAMPION = "champion"


def evaluate(
    day: date,
    params: EvaluateParams,
    problem: Problem,
    candidates: Candidates,
    feature_table: FeatureTable,
    lake: Lake,
    registry: Registry,
    warehouse: Warehouse,
    pages: Pages,
) -> Evaluation:
    """How every contender does on the days since `first_test_day` whose outcomes are known.

    All are measured on the same events and the same resampled days. A champion that has learned
    from one of these days, or cannot score them, is not compared, and the reason says so. Raises
    DataError when the days cannot tell models apart. What the leak gate found stands beside the figures.
    """
    examples, leaks = examine(day, params, candidates, problem, feature_table, lake)
    models = {c.name: registry.load(_version(registry, c)) for c in candidates.candidates}
    champion = _opponent(registry, warehouse, candidates)
    obstacle = _obstacle(champion, candidates)
    scores = {name: model.scores(examples.frame) for name, model in models.items()}
    if champion is not None and not obstacle:
        try:
            scores[CHAMPION] = registry.load(champion).scores(examples.frame)
        except (GateRefused, DataError) as error:
            obstacle = str(error)
    scores[BASELINE] = np.full(len(examples.labels), candidates.baseline)
    scored = {name: score_events(examples, s, problem.value) for name, s in scores.items()}
    weights = day_weights(len(np.unique(examples.days)), params.resamples, params.seed)
    samples = {name: measure(events, weights) for name, events in scored.items()}
    evaluation = Evaluation(
        day=day,
        run_id=candidates.run_id,
        first_test_day=candidates.first_test_day,
        last_test_day=day - timedelta(days=1),
        rows=len(examples.labels),
        models=_evaluated(candidates, champion, samples),
        lifts=_lifts(samples, candidates.chosen),
        chosen=candidates.chosen,
        champion=champion.version if champion else None,
        comparable=champion is not None and not obstacle,
        reason=obstacle,
        task=examples.task,
        leaks=leaks,
    )
    plots = draw(scored, permutation_importance(models[candidates.chosen], examples, params.seed))
    for name, picture in plots.items():
        pages.write(name, picture)
    reach("evaluate.before_log")
    registry.log(candidates.run_id, _flat(evaluation), plots)
    return evaluation


def examine(
    day: date,
    params: EvaluateParams,
    candidates: Candidates,
    problem: Problem,
    feature_table: FeatureTable,
    lake: Lake,
) -> tuple[Examples, tuple[LeakCheck, ...]]:
    """The events of the test days, and what the leak gate found in them."""
    first, last, cutoff = candidates.first_test_day, day - timedelta(days=1), problem.cutoff(day)
    examples = read_past(
        find_past(feature_table, problem, lake, first, last), problem, lake, cutoff
    )
    found = list(readings(examples))
    some = thinned(
        find_past(feature_table, problem, lake, problem.first_day, last), first, params.seed
    )
    few, ends = lake.read(some.features), lake.read(some.outcomes)

    def learned(of: Problem) -> Examples:
        return join_examples(few, ends, some.names, of, cutoff)

    return examples, (
        feature_check(examples, found, params),
        day_check(examples, found, params),
        time_check(examples, candidates, problem.cutoff, day),
        shuffle_check(learned, problem, first, params.seed),
    )


def _version(registry: Registry, candidate: Candidate) -> ModelVersion:
    version = registry.version(candidate.version)
    if version is None:
        raise GateRefused(
            f"evaluate: version {candidate.version} ({candidate.name}) is gone from the registry; "
            f"run train again"
        )
    return version


def _opponent(
    registry: Registry, warehouse: Warehouse, candidates: Candidates
) -> ModelVersion | None:
    """The proven champion; on a rerun, when tonight's chosen one has taken its place, the one before."""
    mine = next(c.version for c in candidates.candidates if c.name == candidates.chosen)
    champion = look(registry, warehouse).serving
    if champion is not None and champion.version == mine:
        champion = registry.version("previous-champion")
    return None if champion is None or champion.version == mine else champion


def _obstacle(champion: ModelVersion | None, candidates: Candidates) -> str:
    if champion is None:
        return "there is no champion"
    if champion.trained_until >= candidates.first_test_day:
        return (
            f"version {champion.version} has learned from days up to {champion.trained_until}, "
            f"and the test begins on {candidates.first_test_day}"
        )
    return ""


def _evaluated(
    candidates: Candidates, champion: ModelVersion | None, samples: Mapping[str, Samples]
) -> tuple[Evaluated, ...]:
    """Records of the candidates, simplest first, then champion, then baseline."""
    measured = [_as_candidate(candidate, samples) for candidate in candidates.candidates]
    if champion is not None and CHAMPION in samples:
        measured.append(_as(CHAMPION, champion.version, champion.trained_until, samples))
    until = max(candidate.trained_until for candidate in candidates.candidates)
    return (*measured, _as(BASELINE, "", until, samples))


def _as_candidate(candidate: Candidate, samples: Mapping[str, Samples]) -> Evaluated:
    mine = samples[candidate.name]
    task = TASKS[mine.task]
    trained = candidate.metrics[f"train_{task.overfit}"]
    return _as(candidate.name, candidate.version, candidate.trained_until, samples).model_copy(
        update={
            "over_baseline": lift(mine, samples[BASELINE], task.loss),
            "overfit": task.metrics[task.overfit].gain(trained, mine.mid(task.overfit)),
        }
    )


def _as(name: str, version: str, until: date, samples: Mapping[str, Samples]) -> Evaluated:
    numbers, n_days = samples[name].numbers, samples[name].n_days
    metrics = {metric: interval(drawn, n_days) for metric, drawn in numbers.items()}
    return Evaluated(name=name, version=version, trained_until=until, metrics=metrics)


def _lifts(samples: Mapping[str, Samples], chosen: str) -> dict[str, Interval]:
    if CHAMPION not in samples:
        return {}
    mine, other = samples[chosen], samples[CHAMPION]
    return {metric: lift(mine, other, metric) for metric in mine.numbers}


def _flat(evaluation: Evaluation) -> dict[str, float]:
    """Every number under a name that MLflow groups by model."""
    flat = {f"{m.name}/{k}": v.mid for m in evaluation.models for k, v in m.metrics.items()}
    for model in evaluation.models:
        if model.over_baseline is not None and model.overfit is not None:
            flat[f"{model.name}/gain_over_baseline"] = model.over_baseline.mid
            flat[f"{model.name}/overfit"] = model.overfit
    return flat | {f"lift/{metric}": gain.mid for metric, gain in evaluation.lifts.items()}
