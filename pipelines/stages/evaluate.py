"""evaluate: candidates, champion and baseline on the same unseen days, with intervals."""

from __future__ import annotations

from datetime import date

from pipelines.core.config import EvaluateParams
from pipelines.core.contracts import Lake, Pages, Problem, Registry, Warehouse
from pipelines.core.errors import DataError, GateRefused
from pipelines.core.faults import reach
from pipelines.core.records import (
    Candidate,
    Candidates,
    Evaluation,
    FeatureTable,
    LeakCheck,
    ModelVersion,
)
from pipelines.methods.comparison import (
    CHAMPION,
    baseline_scores,
    compare,
    evaluated,
    training_name,
)
from pipelines.methods.examples import Examples, find_past, join_examples, read_past
from pipelines.methods.importance import permutation_importance
from pipelines.methods.leaks import day_check, feature_check, time_check
from pipelines.methods.plots import draw
from pipelines.methods.reading import readings
from pipelines.methods.shuffle import shuffle_check, thinned
from pipelines.methods.succession import look, made_champions
from pipelines.methods.task import task_of


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
    task = task_of(problem.task)
    scores |= baseline_scores(examples, candidates.baseline, problem, lake)
    draws = params.resamples * len(
        candidates.candidates
    )  # the more comparisons, the rarer the tail
    found = compare(examples, scores, problem, (draws, params.seed))
    evaluation = Evaluation(
        day=day,
        run_id=candidates.run_id,
        first_test_day=candidates.first_test_day,
        last_test_day=problem.last_mature_day(day),
        rows=len(examples.labels),
        models=evaluated(candidates, champion, found, task),
        chosen=candidates.chosen,
        champion=champion.version if champion else None,
        comparable=champion is not None and not obstacle,
        reason=obstacle,
        task=examples.task,
        leaks=leaks,
    )
    drawn = {name: one for name, one in found.scored.items() if name != training_name(task)}
    plots = draw(drawn, permutation_importance(models[candidates.chosen], examples, params.seed))
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
    first, cutoff = candidates.first_test_day, problem.cutoff(day)
    last = problem.last_mature_day(day)
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
    """The proven champion; on a rerun, when one of tonight's has taken its place, the one before."""
    tonight = {candidate.version for candidate in candidates.candidates}
    champion = look(registry, warehouse).serving
    if champion is None or champion.version not in tonight:
        return champion
    before = (one for one in reversed(made_champions(warehouse.ledger())) if one not in tonight)
    return next(filter(None, map(registry.version, before)), None)


def _obstacle(champion: ModelVersion | None, candidates: Candidates) -> str:
    if champion is None:
        return "there is no champion"
    if champion.trained_until >= candidates.first_test_day:
        return (
            f"version {champion.version} has learned from days up to {champion.trained_until}, "
            f"and the test begins on {candidates.first_test_day}"
        )
    return ""


def _flat(evaluation: Evaluation) -> dict[str, float]:
    """Every number under a name that MLflow groups by model."""
    flat = {f"{m.name}/{k}": v.mid for m in evaluation.models for k, v in m.metrics.items()}
    for model in evaluation.models:
        for other, gains in model.gains.items():
            flat |= {f"{model.name}/{k}_over_{other}": gain.mid for k, gain in gains.items()}
        if model.over_nothing is not None:
            flat[f"{model.name}/value_over_nothing"] = model.over_nothing.mid
        if model.overfit is not None:
            flat[f"{model.name}/overfit"] = model.overfit
    return flat
