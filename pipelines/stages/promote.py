"""promote: bless every candidate or say why not, and let the gate decide on the chosen one."""

from __future__ import annotations

import pandas as pd

from pipelines.core.config import PromoteParams
from pipelines.core.contracts import Lake, Registry, Warehouse
from pipelines.core.errors import DataError, GateRefused
from pipelines.core.records import (
    Candidate,
    Candidates,
    Evaluation,
    FeatureTable,
    LedgerEntry,
    Verdict,
)
from pipelines.methods.gate import Blessing, judge, quality
from pipelines.methods.golden import golden_day, golden_scores


def promote(
    params: PromoteParams,
    candidates: Candidates,
    evaluation: Evaluation,
    feature_table: FeatureTable,
    lake: Lake,
    registry: Registry,
    warehouse: Warehouse,
) -> Verdict:
    """The verdict on tonight's chosen candidate, written where people and `score` see it.

    Every candidate gets both blessings, so that a person may promote any that has them. Only a
    verdict moves an alias. A refusal is a verdict, not an error.
    """
    batch = lake.read([golden_day(feature_table.history)]).to_pandas()
    measured = {model.name: model for model in evaluation.models}
    blessings = {}
    for candidate in candidates.candidates:
        good = quality(measured[candidate.name], params)
        sound = _infra(candidate, batch, registry)
        registry.bless(candidate.version, "quality", good.passed, good.reason)
        registry.bless(candidate.version, "infra", sound.passed, sound.reason)
        blessings[candidate.name] = {"quality": good, "infra": sound}
    serving = registry.version("champion")
    mine = measured[evaluation.chosen].version
    taken_down = frozenset(entry.version for entry in warehouse.ledger())
    if serving is not None and serving.version == mine:
        taken_down = frozenset()
    verdict = judge(evaluation, params, blessings[evaluation.chosen], taken_down)
    return _enact(verdict, evaluation, registry, warehouse)


def _infra(candidate: Candidate, batch: pd.DataFrame, registry: Registry) -> Blessing:
    """Whether the version, loaded back as `score` will, answers as training did, bit for bit."""
    version = registry.version(candidate.version)
    if version is None:
        return Blessing(passed=False, reason="the version is gone from the registry")
    try:
        answered = golden_scores(registry.load(version), batch)
    except (GateRefused, DataError) as error:
        return Blessing(passed=False, reason=str(error))
    if answered != candidate.golden:
        return Blessing(
            passed=False,
            reason=f"{candidate.name}, loaded from the registry, scores the golden batch of {len(batch)} "
            f"events otherwise than in training",
        )
    return Blessing(
        passed=True,
        reason=f"loaded from the registry, it scores the golden batch of {len(batch)} events as in "
        f"training, bit for bit",
    )


def _enact(
    verdict: Verdict, evaluation: Evaluation, registry: Registry, warehouse: Warehouse
) -> Verdict:
    """Move the aliases and write the ledger; done before, nothing moves."""
    serving = registry.version("champion")
    now = serving.version if serving else None
    if verdict.outcome == "challenger" and now != verdict.version:
        registry.point("challenger", verdict.version)
    if verdict.outcome != "champion":
        return verdict.model_copy(update={"champion": now})
    if now != verdict.version:
        if now is not None:
            registry.point("previous-champion", now)
        registry.point("champion", verdict.version)
    # Also after a kill between the two: the alias has moved, and the ledger does not know.
    if all(entry.version != verdict.version for entry in warehouse.ledger()):
        warehouse.append(
            LedgerEntry(
                version=verdict.version,
                before=evaluation.champion,
                actor="gate",
                reason=verdict.reason,
            )
        )
    return verdict
