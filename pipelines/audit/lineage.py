"""Where a published score comes from: back to its model, its features, the raw data and the code."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from pipelines.core.errors import DataError, GateRefused
from pipelines.core.records import BlessingEntry, ModelVersion, Partition, ScoringRun
from pipelines.data.ports import Lake
from pipelines.define.problem import Problem
from pipelines.evaluation.importance import Walks
from pipelines.monitoring.ports import Warehouse
from pipelines.promotion.eligibility import read_blessed
from pipelines.promotion.ports import Registry
from pipelines.training.labels import event_keys
from pipelines.training.ports import ScoringPool, ScoringRequest
from pipelines.training.scoring import ask_one


@dataclass(frozen=True)
class LineageSources:
    """Where the traces are."""

    problem: Problem
    lake: Lake
    registry: Registry
    warehouse: Warehouse
    workers: ScoringPool


@dataclass(frozen=True)
class Lineage:
    """What stands behind the published scores of a day."""

    run: ScoringRun
    model: ModelVersion | None
    facts: Mapping[str, str]  # what the night that trained the model wrote down of itself
    features: Partition | None  # the very file that was scored; None: the lake has it no more
    blessing: BlessingEntry | None = None  # what the model was found to be before it served


@dataclass(frozen=True)
class Event:
    """One event's answer, and what made it so."""

    key: str
    answered_by: str
    score: float
    label: float | None
    excluded: str | None
    said: Mapping[str, float]  # by every contender that answered
    values: Mapping[str, object]  # of its features
    mean: float | None = None  # score of the day's other events
    gained: Mapping[str, float] | None = None  # by each feature, over the mean
    again: float | None = None  # what the model says when it is asked again
    gap: str = ""  # why there is no more to tell


def trace(day: date, archive: LineageSources) -> Lineage:
    """The lineage of what is published for the day; raises DataError when nothing is."""
    run = archive.warehouse.published(day)
    if run is None:
        raise DataError(
            f"predictions {day}: nothing is published for {archive.problem.name} on this day; "
            f"`redeye status --day {day}` says what the night did"
        )
    model = _version(run.model_version, archive)
    kept = archive.lake.revisions("features", day, day).get(day, ())
    features = next((one for one in kept if one.sha256 == run.features_sha256), None)
    facts = (archive.registry.run_params(model.run_id) or {}) if model else {}
    return Lineage(
        run, model, facts, features, archive.warehouse.blessing(model) if model else None
    )


def tell_event(key: str, lineage: Lineage, archive: LineageSources) -> Event:
    """One event of the lineage's day; raises DataError when it was not scored."""
    day = lineage.run.day
    scores = archive.warehouse.scores(day, day)
    mine = scores.loc[scores["event_key"] == key]
    answer = mine.loc[mine["answers"]]
    if answer.empty:
        known = scores["event_key"].unique().tolist()
        near = difflib.get_close_matches(key, known, 3) or known[:1]
        hint = f"; did you mean one such as {', '.join(near)}?" if near else ""
        raise DataError(f"predictions {day}: no event {key!r} was scored{hint}")
    row = answer.iloc[0]
    event = Event(
        key=key,
        answered_by=row["contender"],
        score=float(row["score"]),
        label=None if pd.isna(row["label"]) else float(row["label"]),
        excluded=row["excluded"],
        said=dict(zip(mine["contender"], mine["score"], strict=True)),
        values={},
    )
    try:
        return _attributed(event, row["model_version"], lineage, archive)
    except (DataError, GateRefused) as error:
        return replace(event, gap=str(error))


def _attributed(
    event: Event, version: str | None, lineage: Lineage, archive: LineageSources
) -> Event:
    if lineage.features is None:
        raise DataError("the features that were scored are not in the lake any more")
    registry = archive.registry
    model = _version(version, archive)
    if model is None:
        raise DataError(f"{event.answered_by} is no model that the registry has")
    frame = archive.lake.read([lineage.features]).to_pandas()
    names = list(model.features)
    lacking = [name for name in names if name not in frame.columns]
    if lacking:
        raise DataError(f"the features that were scored have no {lacking}, which the model reads")
    mine = (event_keys(frame, archive.problem.key) == event.key).to_numpy()
    if mine.all():
        raise DataError("the day has no other event to compare it with")
    walks = Walks.of(names, frame.loc[~mine], frame.loc[mine])
    rows = pd.concat([frame[names], walks.rows], ignore_index=True)
    scores = _ask(
        ScoringRequest(event.answered_by, registry.fetch(model), rows), names, archive.workers
    )
    mean, gained = walks.contributions(scores[len(frame) :])
    return replace(
        event,
        values=frame.loc[mine, names].iloc[0].to_dict(),
        mean=mean,
        gained={str(name): float(gain) for name, gain in gained.items()},
        again=float(scores[: len(frame)][mine][0]),
    )


def _version(number: str | None, archive: LineageSources) -> ModelVersion | None:
    blessings = archive.warehouse.blessing
    return read_blessed(number, archive.registry, blessings) if number else None


def _ask(question: ScoringRequest, names: list[str], workers: ScoringPool) -> np.ndarray:
    reply = ask_one(question, workers)
    if reply.scores is None:
        raise DataError(f"{question.name}, asked again, does not answer: {reply.reason}")
    if list(reply.features) != names:
        raise DataError(
            f"{question.name}: its file reads {list(reply.features)}, and the registry says {names}"
        )
    return reply.scores
