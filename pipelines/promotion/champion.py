"""Who is champion, who was before, and every move from one to the other.

The alias in the registry is what people move; the ledger is what happened. An alias says nothing of
who was there before, and anybody may put anything there: so each move is checked when it is seen, and
written down with the champion before it. A version that is not proven never serves, wherever the
alias points; the last one that was proven does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.core.errors import GateRefused, RegistryAway, UsageError
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import LedgerEntry, ModelVersion
from pipelines.promotion.eligibility import as_blessed, ineligibility, read_blessed
from pipelines.promotion.ports import Ledger, Registry

MADE = ("promoted", "rolled back")  # the entries that made a version champion


@dataclass(frozen=True)
class ChampionState:
    """Who is champion as far as anybody is proven, who stands in, and why not the alias's version."""

    champion: ModelVersion | None  # what the alias says
    stand_in: ModelVersion | None  # the last proven champion, when it is another
    refusal: str | None = None  # why the alias's version may not serve
    entry: LedgerEntry | None = None  # what this look added to the ledger

    @property
    def serving(self) -> ModelVersion | None:
        """The proven champion: the alias's version, or who stands in for it."""
        return self.stand_in if self.refusal else self.champion


def past_champions(ledger: Sequence[LedgerEntry]) -> list[str]:
    """Every version that was made champion, in that order."""
    return [entry.version for entry in ledger if entry.kind in MADE]


def current_champion(ledger: Sequence[LedgerEntry]) -> str | None:
    """The version that the ledger says is champion."""
    return next(reversed(past_champions(ledger)), None)


def sync_champion(
    registry: Registry, warehouse: Ledger, features: Mapping[str, str] | None = None
) -> ChampionState:
    """See whether somebody moved the alias, check what it points to now, and write down what that means.

    `features` are those that there are, with the hashes of their declarations, if it is known: a
    version that needs others may not serve.
    Looking again changes nothing. Raises TemporaryError when the registry does not answer.
    """
    ledger = warehouse.ledger()
    last = current_champion(ledger)
    champion = read_blessed("champion", registry, warehouse.blessing)
    if champion is None:
        return _vacant(ledger, registry, warehouse)
    if champion.version == last:
        # It was proven when it came; its number may stand on another file since, or another store's.
        lack = ineligibility(champion, None, warehouse.blessing)
        refusal = f"it {lack}" if lack else None
        if refusal is None:
            return ChampionState(champion, None)
    else:
        refusal = _unproven(champion, registry, warehouse, features)
    if refusal:
        told = _entry(champion.version, last, refusal, "refused")
        good = _last_good(ledger, registry, warehouse)
        return ChampionState(champion, good, refusal, _tell_once(told, ledger, registry, warehouse))
    entry = _entry(champion.version, last, "alias moved in MLflow", "promoted")
    if last:
        registry.point("previous-champion", last)
    _tell_once(entry, ledger, registry, warehouse)
    return ChampionState(champion, None, None, entry)


def set_champion(entry: LedgerEntry, registry: Registry, warehouse: Ledger) -> None:
    """Make the entry's version champion, the one before it previous champion, and write it down.

    The ledger is last: a move that was cut short is seen, checked and written down by `sync_champion`.
    """
    fault_point("promote.before_previous")
    if entry.before and entry.before != entry.version:
        registry.point("previous-champion", entry.before)
    fault_point("promote.before_champion")
    registry.point("champion", entry.version)
    fault_point("promote.before_ledger")
    warehouse.append(entry)


def _last_good(
    ledger: Sequence[LedgerEntry], registry: Registry, warehouse: Ledger
) -> ModelVersion | None:
    """The last champion that is blessed still."""
    for number in dict.fromkeys(reversed(past_champions(ledger))):
        found = read_blessed(number, registry, warehouse.blessing)
        if found and ineligibility(found, None, warehouse.blessing) is None:
            return found
    return None


def proven_version(
    version: str,
    registry: Registry,
    warehouse: Ledger,
    features: Mapping[str, str] | None = None,
) -> ModelVersion:
    """The version with that number; raises UsageError when there is none, GateRefused when it is not proven."""
    wanted = registry.version(version)
    if wanted is None:
        raise UsageError(f"there is no version {version!r}; the MLflow UI lists them")
    refusal = _unproven(wanted, registry, warehouse, features)
    if refusal:
        raise GateRefused(f"version {version} may not serve: {refusal}")
    return wanted


def promote_by_hand(
    version: str,
    reason: str,
    registry: Registry,
    warehouse: Ledger,
    features: Mapping[str, str] | None = None,
) -> None:
    """Make a version champion because a person says so; raises as `proven_version`."""
    proven_version(version, registry, warehouse, features)
    before = current_champion(warehouse.ledger())
    entry = LedgerEntry(version=version, before=before, actor="command line", reason=reason)
    set_champion(entry, registry, warehouse)


@dataclass(frozen=True)
class Ways:
    """Which versions could serve in place of the champion: the one a roll-back goes to, and all of them."""

    back: str | None = None
    proven: frozenset[str] = frozenset()


def find_ways(
    registry: Registry, warehouse: Ledger, features: Mapping[str, str] | None = None
) -> Ways:
    """The versions that may serve now; none as long as the registry does not answer."""
    made = past_champions(warehouse.ledger())
    earlier = [version for version in dict.fromkeys(reversed(made)) if version != made[-1]]
    try:
        canary = registry.version("canary")
        asked = [*earlier, *([canary.version] if canary else [])]
        found = [registry.version(version) for version in asked]
        there = [one for one in found if one]
        proven = [o.version for o in there if not _unproven(o, registry, warehouse, features)]
    except RegistryAway:
        return Ways()
    back = next((version for version in earlier if version in proven), None)
    return Ways(back, frozenset(proven))


def roll_back(
    reason: str,
    registry: Registry,
    warehouse: Ledger,
    features: Mapping[str, str] | None = None,
    line: str | None = None,
) -> LedgerEntry:
    """Give the place back to the champion before: the last one that is proven still.

    With a `line` it is the gate that does so, to the last champion of that line. Raises GateRefused when
    there is none.
    """
    made = past_champions(warehouse.ledger())
    if not made:
        raise GateRefused("there was no champion yet, so there is nothing to roll back to")
    refusals = []
    for version in dict.fromkeys(one for one in reversed(made) if one != made[-1]):
        found, gone = registry.version(version), "it is gone from the registry"
        if line and found and as_blessed(found, warehouse.blessing).line != line:
            continue
        refusal = _unproven(found, registry, warehouse, features) if found else gone
        if refusal is None:
            entry = LedgerEntry(
                version=version,
                before=made[-1],
                actor="gate" if line else "command line",
                reason=reason,
                kind="rolled back",
            )
            set_champion(entry, registry, warehouse)
            return entry
        refusals.append(f"version {version}: {refusal}")
    told = "; ".join(refusals) or "it is the only one there ever was"
    another = _another(made, registry, warehouse, features)
    raise GateRefused(f"no champion before version {made[-1]} may serve ({told}); {another}")


def _another(
    made: Sequence[str],
    registry: Registry,
    warehouse: Ledger,
    features: Mapping[str, str] | None,
) -> str:
    """What to do when no earlier champion may serve: promote the canary, if it may, or wait."""
    canary = registry.version("canary")
    unmade = canary is not None and canary.version not in made
    if canary and unmade and _unproven(canary, registry, warehouse, features) is None:
        return f"run `redeye promote --version {canary.version} --reason 'nothing else may serve'`"
    return "the gate of the next night may find another"


def _unproven(
    version: ModelVersion,
    registry: Registry,
    warehouse: Ledger,
    features: Mapping[str, str] | None,
) -> str | None:
    """Why a version may not be champion, or None."""
    lack = ineligibility(version, features, warehouse.blessing)
    if lack:
        return f"it {lack}"
    try:
        registry.fetch(version)
    except GateRefused as error:
        return str(error)
    return None


def _vacant(ledger: Sequence[LedgerEntry], registry: Registry, warehouse: Ledger) -> ChampionState:
    """Nobody stands there: the alias was taken away, or its version deleted."""
    last = current_champion(ledger)
    if last is None:
        return ChampionState(None, None, "there is no champion")
    there, good = registry.version(last), _last_good(ledger, registry, warehouse)
    why = "the alias `champion` is gone" if there else f"version {last} is gone from the registry"
    entry = _entry(last, last, why, "gone")
    if entry == (ledger[-1] if ledger else None):
        return ChampionState(None, good, why)
    warehouse.append(entry)
    return ChampionState(None, good, why, entry)


def _entry(
    version: str, before: str | None, reason: str, kind: Literal["promoted", "refused", "gone"]
) -> LedgerEntry:
    """What was seen in MLflow, which does not tell who did it."""
    return LedgerEntry(version=version, before=before, actor="mlflow", reason=reason, kind=kind)


def _tell_once(
    entry: LedgerEntry,
    ledger: Sequence[LedgerEntry],
    registry: Registry,
    warehouse: Ledger,
) -> LedgerEntry | None:
    """Write an entry to the ledger, and on the version in MLflow, where whoever moved it sees it."""
    if ledger and ledger[-1] == entry:
        return None
    registry.annotate(entry.version, f"{entry.kind} as champion: {entry.reason}")
    warehouse.append(entry)
    return entry
