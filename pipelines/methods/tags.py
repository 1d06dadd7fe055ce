"""What MLflow shows of blessings, held against what the warehouse says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipelines.core.contracts import Registry, Warehouse
from pipelines.core.records import BlessingEntry, ModelVersion
from pipelines.methods.invariants import Breach

QUALITY, INFRA = "redeye.quality", "redeye.infra"
SHOWN = (QUALITY, f"{QUALITY}.reason", INFRA, f"{INFRA}.reason")  # the tags, for people alone
TAG_LENGTH = 4000  # characters
UNJUDGED = "no blessing of this version and file stands in the warehouse, so it may not serve"


@dataclass(frozen=True)
class Contradiction:
    """Tags of a version that say otherwise than the warehouse, and what they ought to say."""

    version: str
    what: str
    tags: Mapping[str, str]

    def __str__(self) -> str:
        return f"version {self.version}: {self.what}"


def tags_of(entry: BlessingEntry) -> dict[str, str]:
    """What MLflow is to show of a judgement; the reasons first: what says `passed` always says why."""
    told = {QUALITY: entry.quality, INFRA: entry.infra}
    reasons = {f"{name}.reason": one.reason[:TAG_LENGTH] for name, one in told.items()}
    words = {name: "passed" if one.passed else "refused" for name, one in told.items()}
    return reasons | words


def contradictions(registry: Registry, warehouse: Warehouse) -> Iterator[Contradiction]:
    """Every version whose tags are forged, missing, or not what was found of it."""
    versions = registry.registered()
    if not versions:
        return
    entries = warehouse.blessings(versions[0].store, versions[0].model)
    for version in versions:
        found = contradiction(version, entries.get((version.version, version.sha256)))
        if found:
            yield found


def check_tags(registry: Registry, warehouse: Warehouse) -> Iterator[Breach]:
    """What MLflow shows of every version's blessings is what the warehouse says of them."""
    for one in contradictions(registry, warehouse):
        where = f"tags of version {one.version}"
        yield Breach(invariant="I6", where=where, what=one.what, next="redeye promote")


def contradiction(version: ModelVersion, entry: BlessingEntry | None) -> Contradiction | None:
    """What the tags of one version say that the warehouse does not, if anything."""
    if version.unreadable:
        return None  # it is told as such, and its tags are not known
    shown = version.shown
    if entry is None:
        forged = {name: "refused" for name in (QUALITY, INFRA) if shown.get(name) == "passed"}
        if not forged:
            return None
        what = f"{' and '.join(forged)} say `passed`, and nobody has judged this version and file"
        return Contradiction(
            version.version, what, {f"{n}.reason": UNJUDGED for n in forged} | forged
        )
    tags = tags_of(entry)
    wrong = [name for name in tags if shown.get(name) != tags[name]]
    if not wrong:
        return None
    missing = [name for name in wrong if name not in shown]
    words = " and ".join(sorted(wrong))
    told = "is missing" if missing == wrong else "is not what the gate wrote"
    what = f"{words} {told}: the warehouse says {tags[QUALITY]} (quality) and {tags[INFRA]} (infra)"
    return Contradiction(version.version, what, tags)


def mend_tags(registry: Registry, warehouse: Warehouse) -> list[Contradiction]:
    """Write tags that contradict the warehouse anew; what was mended."""
    found = list(contradictions(registry, warehouse))
    for one in found:
        registry.show(one.version, one.tags)
    return found
