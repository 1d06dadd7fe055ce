"""What MLflow shows of blessings, held against what the warehouse says of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipelines.audit.invariants import Breach
from pipelines.core.records import BlessingEntry, Learned, ModelVersion
from pipelines.core.text import visible
from pipelines.monitoring.ports import Warehouse
from pipelines.promotion.ports import Registry

QUALITY, INFRA = "redeye.quality", "redeye.infra"
EVIDENCE = "redeye.evidence"  # a sentence of the gate's; nothing is asked of it
JUDGED = (QUALITY, f"{QUALITY}.reason", INFRA, f"{INFRA}.reason")  # the tags, for people alone
LEARNED = (
    *("candidate", "trained_until", "features", "features_sha256", "features_declared"),
    *("held_out_sha256", "held_out_until"),
)
SHOWN = (*JUDGED, *LEARNED)
QUOTED = 60  # characters of a tag, in a sentence
TAG_LENGTH = 4000  # characters
UNJUDGED = "no blessing of this version and file stands in the warehouse, so it may not serve"


@dataclass(frozen=True)
class Contradiction:
    """Tags of a version that say otherwise than the warehouse, and what they ought to say, if it knows."""

    version: str
    what: str
    tags: Mapping[str, str]

    def __str__(self) -> str:
        done = (
            "the tags were written anew"
            if self.tags
            else "correct it in MLflow, or delete it there"
        )
        return f"version {self.version}: {self.what}; {done}"


def tags_of(entry: BlessingEntry) -> dict[str, str]:
    """What MLflow is to show of a judgement; the reasons first: what says `passed` always says why.

    With it, what the version learned from, if that is known.
    """
    told = {QUALITY: entry.quality, INFRA: entry.infra}
    reasons = {f"{name}.reason": one.reason[:TAG_LENGTH] for name, one in told.items()}
    words = {name: "passed" if one.passed else "refused" for name, one in told.items()}
    return reasons | words | (learned_tags(entry.learned) if entry.learned else {})


def learned_tags(learned: Learned) -> dict[str, str]:
    """What MLflow shows of what a version learned from."""
    features = json.dumps(list(learned.features))
    return {
        "candidate": learned.candidate,
        "trained_until": learned.trained_until.isoformat(),
        "features": features,
        "features_sha256": hashlib.sha256(features.encode()).hexdigest(),
        "features_declared": json.dumps(learned.meanings),
        "held_out_sha256": learned.held_out_sha256,
        "held_out_until": learned.held_out_until.isoformat(),
    }


def contradictions(registry: Registry, warehouse: Warehouse) -> Iterator[Contradiction]:
    """Every version whose tags are forged, missing, or not what was found of it."""
    versions = registry.registered()
    if not versions:
        return
    entries = warehouse.blessings(versions[0].store, versions[0].model)
    for version in versions:
        found = contradiction(version, _entry(version, entries))
        if found:
            yield found


def _entry(
    version: ModelVersion, entries: Mapping[tuple[str, str], BlessingEntry]
) -> BlessingEntry | None:
    """What was found of a version; when it does not say of which file, of the only one under its number."""
    if version.unreadable and not version.sha256:
        mine = [entry for (number, _), entry in entries.items() if number == version.version]
        return mine[0] if len(mine) == 1 else None
    return entries.get((version.version, version.sha256))


def check_tags(registry: Registry, warehouse: Warehouse) -> Iterator[Breach]:
    """What MLflow shows of every version's blessings is what the warehouse says of them."""
    for one in contradictions(registry, warehouse):
        if one.tags:
            where = f"tags of version {one.version}"
            yield Breach(invariant="I6", where=where, what=one.what, next="redeye promote")


def contradiction(version: ModelVersion, entry: BlessingEntry | None) -> Contradiction | None:
    """What the tags of one version say that the warehouse does not, if anything."""
    shown, unreadable = version.shown, f"it cannot be read: {version.unreadable}"
    if version.unreadable and entry is None:
        return Contradiction(version.version, unreadable, {})
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
    if version.unreadable:
        hidden = {} if version.sha256 else {"sha256": entry.sha256}
        mended = {name: tags[name] for name in wrong} | hidden
        return Contradiction(version.version, unreadable, mended)
    learned = (_learned(name, shown, tags) for name in wrong if name in LEARNED)
    what = "; ".join((*_judged(wrong, shown, tags), *learned))
    return Contradiction(version.version, what, tags) if wrong else None


def _judged(wrong: list[str], shown: Mapping[str, str], tags: Mapping[str, str]) -> Iterator[str]:
    mine = sorted(set(wrong) & set(JUDGED))
    if mine:
        missing = all(name not in shown for name in mine)
        told = "is missing" if missing else "is not what the gate wrote"
        found = f"{tags[QUALITY]} (quality) and {tags[INFRA]} (infra)"
        yield f"{' and '.join(mine)} {told}: the warehouse says {found}"


def _learned(name: str, shown: Mapping[str, str], tags: Mapping[str, str]) -> str:
    says = f"says {visible(shown[name])[:QUOTED]}" if name in shown else "is missing"
    return f"{name} {says}: what was blessed is {tags[name][:QUOTED]}"


def mend_tags(registry: Registry, warehouse: Warehouse) -> list[Contradiction]:
    """Write tags that contradict the warehouse anew; what was mended."""
    found = list(contradictions(registry, warehouse))
    for one in found:
        registry.show(one.version, one.tags)
    return found
