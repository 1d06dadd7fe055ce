"""What a run published, computed anew from the kept features and the same models."""

from __future__ import annotations

from datetime import date
from functools import cache, partial

import pandas as pd

from pipelines.core.errors import DataError
from pipelines.core.records import ModelVersion, Partition, ScoringRun
from pipelines.data.partitions import checksum
from pipelines.serving.contenders import ScoringContext, ask_all, read_events
from pipelines.serving.publication import CHALLENGER, compose, shared_by
from pipelines.serving.rendezvous import Contender, ScheduledContender


def answer_again(desk: ScoringContext, run: ScoringRun) -> pd.DataFrame:
    """The rows of a run as they were published, bit by bit.

    Raises DataError when they cannot be had, TemporaryError when the registry is away.
    """
    where = f"predictions {run.day}, run {run.run_id}"
    table = _features(desk, run, where)
    turns = [
        ScheduledContender(
            Contender(run.answered_by, _model(desk, run.model_version, run.model_sha256))
        )
    ]
    shared = shared_by(run.rollout)
    if shared:
        turns.append(
            ScheduledContender(Contender(CHALLENGER, _model(desk, shared[0])), scheduled=False)
        )
    events = cache(partial(read_events, desk.problem, table, desk.lake))
    fared = {one.contender.name: one for one in ask_all(desk, turns, table, events)}
    main = fared[run.answered_by]
    if main.predictions is None:
        raise DataError(f"{where}: cannot be computed anew ({main.refusal}); {_instead(run.day)}")
    rows, _ = compose(turns, fared, events(), shared[1] if shared else 0.0)
    if checksum(rows) != run.checksum:
        raise DataError(
            f"{where}: the same features and model give other scores now than they gave then; "
            f"{_instead(run.day)}"
        )
    return rows


def _features(desk: ScoringContext, run: ScoringRun, where: str) -> Partition:
    revisions = desk.lake.revisions("features", run.day, run.day).get(run.day, ())
    found = [one for one in revisions if one.sha256 == run.features_sha256]
    if not found:
        raise DataError(f"{where}: its features table is not kept; {_instead(run.day)}")
    return found[-1]


def _model(
    desk: ScoringContext, version: str | None, sha256: str | None = None
) -> ModelVersion | None:
    """The version whose file it was; what is registered under its number now may be another."""
    if version is None:
        return None
    found = desk.registry.version(version)
    if found is None or sha256 not in (None, found.sha256):
        raise DataError(f"model version {version}: is not the one that answered, or is gone")
    return found


def _instead(day: date) -> str:
    return f"`redeye score --day {day} --republish` answers with today's champion"
