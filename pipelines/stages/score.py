"""score: the rendezvous. One contender's answers are published, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from pipelines.core.config import ScoreParams
from pipelines.core.contracts import Lake, Problem, Registry, Validator, Warehouse
from pipelines.core.errors import DataError, GateRefused, TemporaryError
from pipelines.core.records import (
    FeatureTable,
    Landed,
    ModelVersion,
    Publication,
    ScoringRun,
)
from pipelines.methods.answer import Answer, Desk, ask
from pipelines.methods.events import event_keys, refuse_twins
from pipelines.methods.fingerprint import checksum, run_name
from pipelines.methods.rendezvous import (
    BASELINE,
    NAMED,
    Contender,
    Turn,
    explain,
    line_up,
    refuse_model,
    see_move,
    without_registry,
)


def score(
    day: date,
    params: ScoreParams,
    problem: Problem,
    feature_table: FeatureTable,
    landed: Landed | None,
    lake: Lake,
    registry: Registry,
    warehouse: Warehouse,
    validator: Validator,
) -> Publication:
    """Every event of the day's features table gets one score, of the first contender that can answer.

    The champion is resolved here, once: a version whose alias was moved by hand is used if it is
    blessed, and the ledger learns of it. The same inputs and the same model publish nothing anew.
    Raises GateRefused when a version was asked for by number that may not serve.
    """
    token = warehouse.claim(day)
    standing = warehouse.published(day)
    if standing and not params.republish:
        return _publication(standing, republished=False)
    events = _events(problem, feature_table, lake)
    desk = Desk(day, problem, lake, registry, validator)
    if params.model == "current":
        turns = _resolve(params, feature_table, registry, warehouse)
        answer, reason = _first_answer(desk, turns, events)
    else:
        answer, reason = _named_answer(desk, params.model, feature_table, events)
    run = _run(answer, reason, feature_table, landed)
    _, republished = warehouse.publish(run, answer.predictions, token)
    return _publication(run, republished=republished)


def _events(problem: Problem, feature_table: FeatureTable, lake: Lake) -> pd.DataFrame:
    table = lake.read([feature_table.partition]).to_pandas()
    keys = event_keys(table, problem.key)
    refuse_twins(keys, f"features {feature_table.day}")
    events: pd.DataFrame = table.assign(event_key=keys).sort_values("event_key", ignore_index=True)
    return events


def _resolve(
    params: ScoreParams, feature_table: FeatureTable, registry: Registry, warehouse: Warehouse
) -> list[Turn]:
    """Who stands where now. A registry that does not answer leaves the baseline."""
    ledger = warehouse.ledger()
    last = ledger[-1].version if ledger else None
    try:
        models: dict[str, ModelVersion | None] = {
            name: registry.version(name) for name in params.schedule if name != BASELINE
        }
        champion = models.get("champion")
        move = see_move(champion, ledger)
        if move and move.before:
            registry.point("previous-champion", move.before)
        if last and (champion is None or champion.version != last):
            last_good = registry.version(last)
            models["previous-champion"] = last_good or models.get("previous-champion")
    except TemporaryError as error:
        return without_registry(params.schedule, f"the registry does not answer ({error})")
    if move:
        warehouse.append(move)
    return line_up(params.schedule, models, feature_table.names)


def _first_answer(desk: Desk, turns: Sequence[Turn], events: pd.DataFrame) -> tuple[Answer, str]:
    refusals: list[str] = []
    for turn in turns:
        if turn.refusal:
            refusals.append(turn.refusal)
            continue
        try:
            answer = ask(desk, turn.contender, events)
        except (GateRefused, TemporaryError, DataError, ValueError) as error:
            # ValueError is what estimators raise on inputs that they do not understand.
            refusals.append(f"{turn.contender} cannot answer: {error}")
            continue
        return answer, explain(turn.contender, desk.day, refusals)
    raise GateRefused(
        f"score {desk.day}: nobody of the schedule can answer ({'; '.join(refusals)}); "
        f"add `baseline` to score.schedule in params.yaml"
    )


def _named_answer(
    desk: Desk, number: str, feature_table: FeatureTable, events: pd.DataFrame
) -> tuple[Answer, str]:
    contender = Contender(NAMED, desk.registry.version(number))
    refusal = refuse_model(contender, feature_table.names)
    if refusal:
        raise GateRefused(
            f"score {desk.day}: version {number} was asked for and {refusal}; "
            f"the MLflow UI lists the versions and their blessings"
        )
    answer = ask(desk, contender, events)
    return answer, explain(contender, desk.day, [f"version {number} was asked for"])


def _run(
    answer: Answer, reason: str, feature_table: FeatureTable, landed: Landed | None
) -> ScoringRun:
    day, features = feature_table.day, feature_table.partition.sha256
    who, model = answer.contender.name, answer.contender.model
    version, digest = model.version if model else None, checksum(answer.predictions)
    # The scores are part of the name: what is staged under it can only be these rows.
    name = run_name(day.isoformat(), features, who, str(version), answer.identity, digest)
    return ScoringRun(
        day=day,
        run_id=name,
        answered_by=who,
        model_version=version,
        model_sha256=model.sha256 if model else None,
        trained_until=model.trained_until if model else None,
        features_sha256=features,
        data_version=landed.version if landed else "unknown",
        reason=f"{reason} with {answer.note}" if answer.note else reason,
        events=len(answer.predictions),
        checksum=digest,
    )


def _publication(run: ScoringRun, *, republished: bool) -> Publication:
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
    )
