"""score: the rendezvous. Every contender is asked; one answer is published, whole or not at all."""

from __future__ import annotations

from datetime import date
from functools import cache, partial

from pipelines.core.config import ScoreParams
from pipelines.core.errors import DataError, GateRefused, RegistryAway
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import (
    ContenderSummary,
    FeatureTable,
    IngestResult,
    ModelVersion,
    Publication,
    ScoringRun,
    Verdict,
)
from pipelines.data.ports import Lake, Validator
from pipelines.define.problem import Problem
from pipelines.monitoring.ports import Warehouse
from pipelines.monitoring.quality import subject
from pipelines.promotion.champion import sync_champion
from pipelines.promotion.eligibility import ALIASES, read_blessed
from pipelines.promotion.ports import Registry
from pipelines.serving.as_of import AS_OF, answer_as_of
from pipelines.serving.contenders import ScoringContext, ask_all, read_events
from pipelines.serving.publication import CHALLENGER, compose, name_run
from pipelines.serving.rendezvous import (
    BASELINE,
    NAMED,
    Contender,
    ContenderResult,
    ScheduledContender,
    first_successful,
    refuse_model,
    scheduled_contenders,
    withhold,
    without_registry,
)
from pipelines.training.ports import ScoringPool


def score(
    day: date,
    params: ScoreParams,
    problem: Problem,
    feature_table: FeatureTable,
    landed: IngestResult | None,
    verdict: Verdict | None,
    lake: Lake,
    registry: Registry,
    warehouse: Warehouse,
    validator: Validator,
    workers: ScoringPool,
) -> Publication:
    """Every event of the day's features table gets one score, of the first contender that can answer.

    The champion is resolved here, once: a version whose alias was moved by hand is used if it is
    blessed, and the ledger learns of it. Published is as soon as the schedule allows; who is slower
    is waited for until the deadline, and kept; so is a champion that tonight's verdict withholds. The
    same inputs and the same models publish nothing anew. Raises GateRefused when a version was asked
    for by number that may not serve, and when nobody of the schedule can answer; DataError when a day is
    left as it is, and is not as it was published.
    """
    named = _named(params, feature_table, registry, warehouse)
    warehouse.agree(problem.key)
    token = warehouse.acquire_token(day)
    standing = warehouse.published(day)
    if standing and not params.republish:
        warehouse.check(standing)
        return _publication(standing, {}, republished=False)
    workers.prewarm()  # while the registry is asked who is champion
    table = feature_table.partition
    events = cache(partial(read_events, problem, table, lake))
    desk = ScoringContext(day, problem, lake, registry, validator, workers)
    turns, asked, share = named or _resolve(params, feature_table, registry, warehouse, verdict)
    if verdict is not None and verdict.withheld:
        turns = withhold(turns, verdict.champion, verdict.withheld)
    fared: dict[str, ContenderResult] = {}
    run, republished = None, False
    for one in ask_all(desk, turns, table, events):
        fared[one.contender.name] = one
        if run is None and _is_decided(share, turns, fared):
            rows, rollout = compose(turns, fared, events(), share)
            facts = {"rollout": rollout, "data_version": landed.version if landed else "unknown"}
            run = name_run(feature_table, turns, fared, rows, asked).model_copy(
                update=facts | _counts(problem, day, lake)
            )
            fault_point("score.before_publish")
            name, republished = warehouse.publish(run, rows, token)
            run = run.model_copy(update={"run_id": name})
    if run is None:
        told = "; ".join(one.refusal for one in fared.values())
        raise GateRefused(
            f"score {day}: nobody of the schedule can answer ({told}); "
            f"add `baseline` to score.fallback_order in params.yaml"
        )
    fault_point("score.before_keep")
    warehouse.save_contender_scores(run, token, list(fared.values()))
    warehouse.write_metrics(day, {_subject(one): _measured(one) for one in fared.values()})
    return _publication(run, fared, republished=republished)


def _named(
    params: ScoreParams, table: FeatureTable, registry: Registry, warehouse: Warehouse
) -> tuple[list[ScheduledContender], list[str], float] | None:
    """The version that was asked for by its number, or who answered as of the night; what is to be said
    about that, and the challenger's share of the keys. None: whoever the schedule gives.

    It is looked for also when the day is left as it is: a version that there is not is never `done`.
    """
    if params.model == "current":
        return None
    if params.model == AS_OF:
        past = answer_as_of(table.day, registry, warehouse, warehouse)
        asked, told = [past.contender, *([past.challenger] if past.challenger else [])], past.why
        share = past.share
    else:
        model = read_blessed(params.model, registry, warehouse.blessing)
        asked, told = [Contender(NAMED, model)], f"version {params.model} was asked for"
        share = 0.0
    for one in asked:
        refusal = refuse_model(one, table.declared, warehouse.blessing)
        if refusal and one.name != BASELINE:
            raise GateRefused(
                f"score {table.day}: {told} and {refusal}; the MLflow UI lists the versions and their "
                f"blessings"
            )
    turns = [ScheduledContender(one, scheduled=one is asked[0]) for one in asked]
    return turns, [told], share


def _resolve(
    params: ScoreParams,
    table: FeatureTable,
    registry: Registry,
    warehouse: Warehouse,
    verdict: Verdict | None,
) -> tuple[list[ScheduledContender], list[str], float]:
    """Who is asked, what is to be said about that, and the challenger's share of the keys: who stands where now, and all of tonight's
    candidates, whose answers are kept as evidence; as long as the registry does not answer, who was
    champion when it did.
    """
    try:
        throne = sync_champion(registry, warehouse, table.declared)
        models: dict[str, ModelVersion | None] = {name: registry.version(name) for name in ALIASES}
        tonight = verdict.contenders.items() if verdict else ()
        models |= {name: registry.version(number) for name, number in tonight}
    except RegistryAway as error:
        why, last = f"the registry does not answer ({error})", None
        try:
            last = registry.cached_champion()
        except DataError as damaged:
            why += f", and who was champion cannot be told ({damaged})"
        turns = without_registry(
            params.fallback_order, last, table.declared, warehouse.blessing, why
        )
        told = [f"{why}, the champion is the one it named last"] if last else []
        return turns, told, params.challenger_share
    if throne.serving:
        registry.cache_champion(throne.serving)
    models["champion"] = throne.champion  # resolved once: who is promoted from now on waits a night
    models["previous-champion"] = throne.stand_in or models["previous-champion"]
    turns = scheduled_contenders(params.fallback_order, models, table.declared, warehouse.blessing)
    return turns, [], params.challenger_share


def _is_decided(
    share: float, turns: list[ScheduledContender], fared: dict[str, ContenderResult]
) -> bool:
    """Whether it is known who answers, the challenger's share of the keys included."""
    if first_successful(turns, fared) is None:
        return False
    rolling = share > 0 and any(turn.contender.name == CHALLENGER for turn in turns)
    return CHALLENGER in fared or not rolling


def _counts(problem: Problem, day: date, lake: Lake) -> dict[str, int]:
    """How many rows of events landed, and how many of them are in quarantine."""
    counts = {}
    for name, dataset in (("landed", "raw"), ("quarantined", "quarantine")):
        counts[name] = sum(one.rows for one in lake.find(f"{dataset}/{problem.events}", day, day))
    return counts if counts["landed"] else {}


def _subject(fared: ContenderResult) -> str:
    model = fared.contender.model
    return subject(fared.contender.name, model.version if model else None)


def _measured(fared: ContenderResult) -> dict[str, float]:
    answered = {"answered": float(fared.predictions is not None)}
    return answered if fared.seconds is None else answered | {"seconds": fared.seconds}


def _publication(
    run: ScoringRun, fared: dict[str, ContenderResult], *, republished: bool
) -> Publication:
    return Publication(
        day=run.day,
        run_id=run.run_id,
        events=run.events,
        scored=run.events,
        answered_by=run.answered_by,
        model_version=run.model_version,
        model_sha256=run.model_sha256,
        trained_until=run.trained_until,
        reason=run.reason,
        checksum=run.checksum,
        republished=republished,
        rollout=run.rollout,
        contenders=tuple(
            ContenderSummary(
                contender=one.contender.name,
                model_version=one.contender.model.version if one.contender.model else None,
                outcome=one.outcome,
                reason=one.reason,
            )
            for _, one in sorted(fared.items())
        ),
    )
