"""The door between raw and accepted: what passed it before, and from which night on it counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import pyarrow as pa

from pipelines.data.ports import Lake
from pipelines.core.records import IngestResult, Partition
from pipelines.data.partitions import as_of
from pipelines.data.expectations import Suite
from pipelines.data.validation import PartitionDecision, recall


@dataclass(frozen=True)
class AcceptanceCheck:
    """One table's way from raw to accepted, and what it takes to pass."""

    table: str
    needs: Mapping[str, str]  # column without which the table means nothing → what it is
    suite: Suite | None
    budget: float
    cutoff: Callable[[date], datetime]
    day: date
    released: Mapping[date, tuple[Partition, ...]] = field(default_factory=dict)  # see release.py

    @property
    def dataset(self) -> str:
        return f"accepted/{self.table}"

    def origin(self, raw: Partition) -> str:
        """Names a raw partition, with what was repaired of it, and the suite it is judged by."""
        return self._named(raw, self.repaired(raw))

    def origins(self, raw: Partition) -> set[str]:
        """Its names for all nights, whichever repairs they know of."""
        return {self._named(raw, one) for one in (None, *self.released.get(raw.day, ()))}

    def repaired(self, raw: Partition) -> Partition | None:
        """The rows that were repaired of this very partition, as far as the night may know of them."""
        revisions = self.released.get(raw.day)
        found = as_of(revisions, self.day) if revisions else None
        return found if found and found.origin == raw.sha256 else None

    def night(self, raw: Partition) -> date | None:
        """The night from which on a partition counts: the one that landed it, or its repair.

        When it is accepted does not matter: what a corrected suite lets in was there all along.
        """
        repaired = self.repaired(raw)
        told = (raw.night, repaired.night if repaired else None)
        return max((night for night in told if night), default=None)

    def for_all(self, raw: Partition) -> bool:
        """Whether it counts for all nights: it was fetched anew, and nothing of it repaired since."""
        return raw.for_all and not self.repaired(raw)

    def _named(self, raw: Partition, repaired: Partition | None) -> str:
        judge = self.suite.fingerprint if self.suite else "no suite"
        parts = [raw.sha256, judge, *([repaired.sha256] if repaired and repaired.there else [])]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def named_raws(lake: Lake, door: AcceptanceCheck, landed: IngestResult) -> list[Partition]:
    """The table's raw partitions that the night needs, oldest first.

    Those that were accepted before stay as they are named. Of the others the newest revision counts: a
    correction that another night landed meanwhile supersedes what this one wrote down, and to accept
    the older one now would undo it for everybody.
    """
    named = {p.day: p for p in landed.partitions if p.dataset == f"raw/{door.table}"}
    accepted = _made_from(lake, door.dataset, named)
    current = current_of(lake, f"raw/{door.table}", named)
    return [
        raw
        if (day, door.origin(raw)) in accepted
        else max((raw, current.get(day, raw)), key=lambda one: one.revision)
        for day, raw in sorted(named.items())
    ]


def recall_all(lake: Lake, door: AcceptanceCheck, raws: Sequence[Partition]) -> dict[date, PartitionDecision]:
    """Judgements that stand: of these very bytes, by this very suite.

    Rows that came, were corrected, and came again are no longer what is accepted: judge them again; as
    those whose file is gone.
    """
    days = [raw.day for raw in raws]
    accepted = _made_from(lake, door.dataset, days)
    noted = _made_from(lake, f"findings/{door.table}", days)
    newest, standing = (
        current_of(lake, f"raw/{door.table}", days),
        current_of(lake, door.dataset, days),
    )
    known = {}
    for raw in raws:
        name = (raw.day, door.origin(raw))
        if name not in accepted:
            continue
        if door.for_all(raw) and accepted[name].revision and not accepted[name].for_all:
            continue
        now = standing.get(raw.day)
        if newest.get(raw.day) == raw and not (
            now and lake.has(now) and now.origin in door.origins(raw)
        ):
            continue
        kept = lake.read([noted[name]]) if name in noted else None
        known[raw.day] = recall(door.table, raw, accepted[name], kept)
    return known


def accept(lake: Lake, door: AcceptanceCheck, raw: Partition, landed: pa.Table, good: pa.Table) -> None:
    """Make the good rows of a partition the accepted ones; if all are good, without a copy."""
    origin, night = door.origin(raw), door.night(raw)
    if raw.revision:
        _remember_absence(lake, door, raw)
    as_landed = good.num_rows == landed.num_rows and good.schema.equals(landed.schema)
    if as_landed and not door.repaired(raw):
        lake.adopt(door.dataset, raw, origin, night)
    else:
        lake.write(door.dataset, raw.day, good, origin, night, for_all=door.for_all(raw))


def leave_out(lake: Lake, door: AcceptanceCheck, raw: Partition) -> None:
    """Say that a blocked partition has landed; what was accepted before it stays."""
    if not current_of(lake, door.dataset, [raw.day]):
        lake.write(door.dataset, raw.day, None, night=door.night(raw))


def generations(lake: Lake, door: AcceptanceCheck, raws: Sequence[Partition]) -> list[Partition]:
    """What is to be judged for these partitions, oldest revision first.

    When nothing of a day was ever accepted, also what earlier nights had landed of it: a corrected
    suite gives each night what the source had brought by then, and not to all what came last.
    """
    corrected = [raw.day for raw in raws if raw.revision]
    accepted = set(current_of(lake, door.dataset, corrected))
    wanted = [raw for raw in raws if raw.revision and raw.day not in accepted]
    if not wanted:
        return list(raws)
    first, last = min(raw.day for raw in wanted), max(raw.day for raw in wanted)
    landed = lake.revisions(f"raw/{door.table}", first, last)
    found = [one for raw in wanted for one in _last_of_nights(landed[raw.day][: raw.revision], raw)]
    return [*found, *raws]


def _last_of_nights(earlier: Sequence[Partition], raw: Partition) -> list[Partition]:
    """Of each night before that of `raw` what it ended with."""
    ended = {one.night: one for one in earlier if one.there}
    return [one for night, one in ended.items() if night != raw.night]


def _remember_absence(lake: Lake, door: AcceptanceCheck, raw: Partition) -> None:
    """What was not to be had, and came later, counts from then on behind the door too."""
    if not lake.revisions(door.dataset, raw.day, raw.day):
        (landed,) = lake.revisions(raw.dataset, raw.day, raw.day).values()
        if not landed[0].there:
            lake.write(door.dataset, raw.day, None, night=landed[0].night)


def current_of(lake: Lake, dataset: str, days: Iterable[date]) -> dict[date, Partition]:
    """What the lake has of a dataset for these days."""
    wanted = set(days)
    found = lake.find(dataset, min(wanted), max(wanted)) if wanted else []
    return {partition.day: partition for partition in found if partition.day in wanted}


def _made_from(lake: Lake, dataset: str, days: Iterable[date]) -> dict[tuple[date, str], Partition]:
    """Every revision that the lake has of these days, by day and what it was made from."""
    wanted = set(days)
    found = lake.revisions(dataset, min(wanted), max(wanted)) if wanted else {}
    return {(day, one.origin): one for day in found for one in found[day] if lake.has(one)}
