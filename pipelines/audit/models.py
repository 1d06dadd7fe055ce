"""The invariants of models (I5, I6): where a score comes from, and who is champion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial

from pipelines.audit.invariants import BACKUP, Breach
from pipelines.core.records import LedgerEntry, ModelVersion, Partition, ScoringRun
from pipelines.monitoring.ports import Warehouse
from pipelines.promotion.champion import current_champion, past_champions
from pipelines.promotion.eligibility import ineligibility
from pipelines.promotion.ports import Registry
from pipelines.training.ports import ScoringPool
from pipelines.training.scoring import find_damage


def check_origin(
    run: ScoringRun, tables: Sequence[Partition], versions: set[str], registry: Registry
) -> Iterator[Breach]:
    """Every link from a published run back to where it comes from, up to the first that is broken.

    `tables` are all revisions of the day's features table; `versions` are those of the raw data.
    """
    mine = [one for one in tables if one.sha256 == run.features_sha256]
    again = f"redeye night --day {run.day}"
    if not mine:
        yield _breach(run, f"features {run.features_sha256[:12]} are not in the lake", again)
    elif mine[-1].rows != run.events:
        what = f"{run.events} scores come from {mine[-1].rows} rows of features"
        yield _breach(run, what, again)
    elif run.data_version not in versions:
        yield _breach(run, f"data version {run.data_version[:12]} is in no pointer", BACKUP)
    elif run.model_version is not None:
        yield from _model(run, run.model_version, versions, registry)


def check_champion(
    registry: Registry,
    warehouse: Warehouse,
    features: Mapping[str, str] | None,
    to_come: date,
    workers: ScoringPool,
) -> Iterator[Breach]:
    """The alias is where the ledger says; its version is blessed in the warehouse, whole, can be opened,
    and learned from `features` as they are declared today. `to_come` is the first day without a night:
    when no version may serve, its gate may find one.
    """
    ledger: Sequence[LedgerEntry] = warehouse.ledger()
    damage = partial(_damage, registry=registry, workers=workers)
    unfit = partial(_unfit, warehouse=warehouse, features=features, damage=damage)
    ways = partial(_way_out, registry, past_champions(ledger), unfit, to_come)
    champion, last = registry.version("champion"), current_champion(ledger)
    if champion is None:
        if last is not None:
            what = f"the alias is gone; the ledger says version {last}"
            yield _dethroned(what, ways(last))
        return
    wrong = unfit(champion)
    if champion.version != last:
        what = f"the alias is on version {champion.version}; the ledger says {last or 'nobody'}"
        proven = wrong is None
        yield _dethroned(what, "redeye promote" if proven else ways(last))
    elif wrong:
        yield _dethroned(wrong, ways(None))


def _model(
    run: ScoringRun, number: str, versions: set[str], registry: Registry
) -> Iterator[Breach]:
    """What is wrong with the model of a run: another one can answer, but what MLflow lost is in its backup."""
    version, another = registry.version(number), f"redeye score --day {run.day} --republish"
    if version is None:
        yield _breach(run, f"model version {number} is gone from the registry", another)
        return
    if version.sha256 != run.model_sha256:
        yield _breach(run, f"model version {number} is not the one that answered", another)
        return
    facts = registry.run_params(version.run_id)
    if facts is None:
        yield _breach(run, f"the training run of version {number} is gone from MLflow", BACKUP)
    elif facts.get("data_version") not in versions:
        told = facts.get("data_version")
        what = f"version {number} was trained on data version {told}, in no pointer"
        yield _breach(run, what, BACKUP)
    elif not facts.get("git_commit"):
        yield _breach(run, f"version {number} does not say from which commit", BACKUP)


def _unfit(
    version: ModelVersion,
    warehouse: Warehouse,
    features: Mapping[str, str] | None,
    damage: Callable[[ModelVersion], str | None],
) -> str | None:
    """Why a version may not serve, or cannot be opened; None if it may and can."""
    lack = ineligibility(version, features, warehouse.blessing)
    return f"version {version.version} {lack}" if lack else damage(version)


def _way_out(
    registry: Registry,
    made: Sequence[str],
    unfit: Callable[[ModelVersion], str | None],
    to_come: date,
    last: str | None,
) -> str:
    """A command that is not refused: the ledger's champion again, the one before it, or a new night.

    `redeye promote` of an alias that was refused would repeat the refusal.
    """
    for version in dict.fromkeys([last, *reversed(made)]):
        found = registry.version(version) if version else None
        if found is None or unfit(found):
            continue
        if version == last:
            return f"redeye promote --version {version} --reason 'the alias was lost'"
        return "redeye rollback"
    return f"redeye night --day {to_come}"


def _damage(version: ModelVersion, registry: Registry, workers: ScoringPool) -> str | None:
    return find_damage(lambda: registry.fetch(version), workers)


def _breach(run: ScoringRun, what: str, mending: str) -> Breach:
    return Breach(
        invariant="I5",
        where=f"predictions {run.day}, run {run.run_id}",
        what=what,
        next=mending,
    )


def _dethroned(what: str, repair: str) -> Breach:
    return Breach(invariant="I6", where="champion", what=what, next=repair)
