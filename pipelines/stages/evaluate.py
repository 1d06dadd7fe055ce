"""evaluate: candidates, champion and baseline on the same unseen days, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pipelines.core.config import EvaluateParams
from pipelines.core.errors import DataError, GateRefused
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import (
    Candidates,
    Evaluation,
    FeatureTable,
    LeakCheck,
    ModelVersion,
)
from pipelines.data.ports import Lake
from pipelines.define.problem import Problem
from pipelines.evaluation.compare import (
    CHAMPION,
    baseline_scores,
    compare,
    evaluated,
    refits,
    training_name,
)
from pipelines.evaluation.contender_scores import FitFiles, score_contenders
from pipelines.evaluation.label_permutation import shuffle_check, subsample
from pipelines.evaluation.leakage import day_check, feature_check, readings, time_check
from pipelines.evaluation.plots import draw
from pipelines.evaluation.slices import with_slices
from pipelines.features.coverage import check_test
from pipelines.metrics.task import task_of
from pipelines.monitoring.ports import Warehouse
from pipelines.promotion.champion import past_champions, sync_champion
from pipelines.promotion.eligibility import feature_ineligibility, ineligibility, read_blessed
from pipelines.promotion.ports import Registry
from pipelines.reports.ports import RunFiles
from pipelines.training.examples import Examples, find_past, join_examples, read_past
from pipelines.training.ports import ScoringPool


def evaluate(
    day: date,
    params: EvaluateParams,
    problem: Problem,
    candidates: Candidates,
    feature_table: FeatureTable,
    lake: Lake,
    registry: Registry,
    warehouse: Warehouse,
    pages: RunFiles,
    workers: ScoringPool,
) -> Evaluation:
    """How every contender does on the days since `first_test_day` whose outcomes are known.

    All are measured on the same events and the same resampled days, each by a fit that has not seen
    them, in a process of its own; a candidate that does not answer costs only itself. A champion whose
    held-out fit has learned from one of these days, or that cannot score them, is not compared, with the
    reason. What the leak gate found stands beside the figures. Raises GateRefused when no candidate
    answers; DataError when the days tell no models apart, or training and test have other features.
    """
    workers.prewarm()
    examples, leaks = examine(day, params, candidates, problem, feature_table, lake)
    champion = _opponent(registry, warehouse, candidates, feature_table.declared)
    lack = feature_ineligibility(champion, feature_table.declared) if champion else None
    contenders, unread = _candidates(candidates, registry)
    obstacle = ""
    try:
        contenders[CHAMPION] = _unseen(champion, registry, candidates.first_test_day, lack)
    except (GateRefused, DataError) as error:
        obstacle = str(error)
    given = score_contenders(contenders, candidates.chosen, examples, params.seed, workers)
    if champion is not None and CHAMPION in given.unanswered:
        obstacle = f"version {champion.version} does not answer: {given.unanswered.pop(CHAMPION)}"
    unanswered = unread | given.unanswered
    _refuse_no_answers(candidates, unanswered)
    scores = given.scores | baseline_scores(examples, candidates.baseline, problem, lake)
    # The more comparisons, the rarer the tail.
    draws = params.bootstrap_samples * len(candidates.candidates)
    found = compare(examples, scores, problem, (draws, params.seed))
    alike = refits(candidates, given.refits, found, examples, problem)
    models = evaluated(candidates, champion, found, alike)
    evaluation = Evaluation(
        day=day,
        run_id=candidates.run_id,
        first_test_day=candidates.first_test_day,
        last_test_day=problem.last_mature_day(day),
        rows=len(examples.labels),
        models=with_slices(models, found, examples.columns(problem.slices), params),
        chosen=candidates.chosen,
        champion=champion.version if champion else None,
        champion_line=champion.line if champion else None,
        comparable=champion is not None and not obstacle,
        reason=obstacle,
        outdated=bool(lack),
        task=examples.task,
        leaks=leaks,
        unanswered=unanswered,
    )
    training = training_name(task_of(problem.task))
    plots = draw({n: one for n, one in found.scored.items() if n != training}, given.importance)
    for name, picture in plots.items():
        pages.write(name, picture)
    fault_point("evaluate.before_log")
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
    first, cutoff = candidates.first_test_day, problem.cutoff(day)
    last = problem.last_mature_day(day)
    check_test(problem, feature_table, lake, first, last)
    examples = read_past(
        find_past(feature_table, problem, lake, first, last), problem, lake, cutoff
    )
    found = list(readings(examples))
    some = subsample(
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


def _candidates(
    candidates: Candidates, registry: Registry
) -> tuple[dict[str, FitFiles], dict[str, str]]:
    """The files of tonight's candidates, and why those of some cannot be had."""
    fits, unread = {}, {}
    for candidate in candidates.candidates:
        version = registry.version(candidate.version)
        if version is None:
            raise GateRefused(
                f"evaluate: version {candidate.version} ({candidate.name}) is gone from the registry; "
                f"run train again"
            )
        registered = (candidate.sha256, candidate.held_out_sha256)
        if (version.sha256, version.held_out_sha256) != registered:
            raise GateRefused(
                f"evaluate: version {candidate.version} ({candidate.name}) is not the one that training "
                f"registered ({version.unreadable or 'its tags name another file'}); run train again"
            )
        try:
            fits[candidate.name] = FitFiles(
                registry.fetch_held_out(version), registry.fetch(version)
            )
        except GateRefused as error:
            unread[candidate.name] = str(error)
    return fits, unread


def _refuse_no_answers(candidates: Candidates, unanswered: Mapping[str, str]) -> None:
    """Raise GateRefused when no candidate answers."""
    if len(unanswered) == len(candidates.candidates):
        told = "; ".join(f"{name}: {why}" for name, why in unanswered.items())
        raise GateRefused(
            f"evaluate {candidates.day}: no candidate answers ({told}); run train again"
        )


def _opponent(
    registry: Registry,
    warehouse: Warehouse,
    candidates: Candidates,
    features: Mapping[str, str],
) -> ModelVersion | None:
    """The proven champion; on a rerun, when one of tonight's has taken its place, the one before."""
    tonight = {candidate.version for candidate in candidates.candidates}
    champion = sync_champion(registry, warehouse, features).serving
    if champion is None or champion.version not in tonight:
        return champion
    before = (one for one in reversed(past_champions(warehouse.ledger())) if one not in tonight)
    there = (read_blessed(one, registry, warehouse.blessing) for one in before)
    return next(
        (one for one in there if one and not ineligibility(one, None, warehouse.blessing)), None
    )


def _unseen(
    champion: ModelVersion | None, registry: Registry, first_test: date, lack: str | None
) -> FitFiles:
    """The champion itself if it has not seen the test days, else its held-out fit if that has not.

    Raises GateRefused, with the reason, when there is none that can be judged.
    """
    if champion is None:
        raise GateRefused("there is no champion")
    if lack:
        raise GateRefused(f"version {champion.version} {lack}")
    if champion.trained_until < first_test:
        return FitFiles(registry.fetch(champion))
    if champion.held_out_until is not None and champion.held_out_until < first_test:
        return FitFiles(registry.fetch_held_out(champion))
    raise GateRefused(
        f"version {champion.version} has learned from days up to "
        f"{champion.held_out_until or champion.trained_until}, and the test begins on {first_test}"
    )


def _flat(evaluation: Evaluation) -> dict[str, float]:
    """Every number under a name that MLflow groups by model."""
    flat = {f"{m.name}/{k}": v.mid for m in evaluation.models for k, v in m.metrics.items()}
    for model in evaluation.models:
        for other, gains in model.gains.items():
            flat |= {f"{model.name}/{k}_over_{other}": gain.mid for k, gain in gains.items()}
        if model.over_nothing is not None:
            flat[f"{model.name}/value_over_nothing"] = model.over_nothing.mid
        if model.refit is not None:
            flat[f"{model.name}/refit_distance"] = model.refit.distance
            flat[f"{model.name}/refit_mean"] = model.refit.mean
            flat[f"{model.name}/held_out_mean"] = model.refit.held_out_mean
        if model.overfit is not None:
            flat[f"{model.name}/overfit"] = model.overfit
    return flat
