"""Which rows are published, who answers each, and under which name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from pipelines.core.errors import GateRefused
from pipelines.core.records import FeatureTable, ScoringRun
from pipelines.data.partitions import checksum, run_name
from pipelines.serving.contenders import Events
from pipelines.serving.rendezvous import (
    ContenderResult,
    ScheduledContender,
    explain,
    first_successful,
    in_rollout,
    refusals_before,
)

CHALLENGER = "challenger"
_SHARED = "answers {:.12g}% of the keys (score.challenger_share)"
_TOLD = re.compile(r"\(version (\w+)\) answers ([0-9.]+)% of the keys")


def compose(
    turns: Sequence[ScheduledContender],
    fared: Mapping[str, ContenderResult],
    events: Events,
    share: float,
) -> tuple[pd.DataFrame, str | None]:
    """The rows of the one who answers, those of the challenger for its share of the keys, and why.

    Columns: event_key, score, contender, model_version; in key order. The challenger shares only with
    a champion that does its work: who stands in for it answers alone.
    """
    main, challenger = _answering(turns, fared), fared.get(CHALLENGER)
    rows = _rows(main)
    if not share or main.contender.name != "champion" or challenger is None:
        return rows, None
    if challenger.predictions is None:
        return rows, None
    mine = in_rollout(events.keys, share)
    why = f"{challenger.contender} {_SHARED.format(100 * share)}"
    theirs = _rows(challenger).loc[mine]
    return pd.concat([rows.loc[~mine], theirs]).sort_index(), why


def shared_by(rollout: str | None) -> tuple[str, float] | None:
    """The challenger's version and its share of the keys, of what `compose` tells; None without a share."""
    told = _TOLD.search(rollout or "")
    return (told[1], float(told[2]) / 100) if told else None


def name_run(
    table: FeatureTable,
    turns: Sequence[ScheduledContender],
    fared: Mapping[str, ContenderResult],
    rows: pd.DataFrame,
    asked: Sequence[str] = (),
) -> ScoringRun:
    """The run of these rows. Its name stands for the features, who answers with which model, and the
    scores as rounded: what is staged under it can only be these rows.
    """
    main, digest = _answering(turns, fared), checksum(rows)
    who, model = main.contender, main.contender.model
    version, identity = (model.version, model.sha256) if model else (None, main.note)
    features = table.partition.sha256
    name = run_name(table.day.isoformat(), features, who.name, str(version), identity, digest)
    reason = explain(who, table.day, [*asked, *refusals_before(main, turns, fared)])
    return ScoringRun(
        day=table.day,
        run_id=name,
        answered_by=who.name,
        model_version=version,
        model_sha256=model.sha256 if model else None,
        trained_until=model.trained_until if model else None,
        features_sha256=features,
        data_version="unknown",
        reason=f"{reason} with {main.note}" if main.note else reason,
        events=len(rows),
        checksum=digest,
    )


def _answering(
    turns: Sequence[ScheduledContender], fared: Mapping[str, ContenderResult]
) -> ContenderResult:
    main = first_successful(turns, fared)
    if main is None:
        raise GateRefused("score: nobody of the schedule has answered; add `baseline` to it")
    return main


def _rows(fared: ContenderResult) -> pd.DataFrame:
    model, rows = fared.contender.model, fared.predictions
    version = model.version if model else None
    columns = {"contender": fared.contender.name, "model_version": version}
    return pd.DataFrame(rows).assign(**columns)
