"""A small world in which every invariant holds, and all that `verify` asks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pyarrow as pa

from pipelines.adapters.database.audit import SqlBooks
from pipelines.audit.invariants import Verification
from pipelines.audit.runs import RunFolder, StageLog
from pipelines.audit.verify import Stores, verify
from pipelines.core.records import IngestResult, Partition, Publication
from tests.integration.flights import PROBLEM
from tests.integration.serving import DAY, MemoryWorkers, Serving

SAID = (0.2, 0.4, 0.6)
SAYING = replace(
    PROBLEM, features=replace(PROBLEM.features, columns={"said": "What the model says."})
)


@dataclass
class MemoryVersions:
    """Versions of raw data, by name."""

    known: list[str] = field(default_factory=lambda: ["data-1"])

    def record(self, day: date) -> tuple[str, str]:
        return self.known[-1], "nowhere"

    def log(self) -> list[dict[str, str]]:
        return [{"version": version} for version in reversed(self.known)]

    def checkout(self, version: str, to: Path) -> int:
        to.mkdir(parents=True)  # of which nothing is left
        return 0


@dataclass
class Audited(Serving):
    """A day that landed, lost a row to quarantine, was scored and settled."""

    versions: MemoryVersions = field(default_factory=MemoryVersions)
    secrets: tuple[str, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    left: list[RunFolder] = field(default_factory=list)

    @property
    def books(self) -> SqlBooks:
        return SqlBooks(self.url or f"sqlite:///{self.root}/redeye.db")

    @property
    def stores(self) -> Stores:
        return Stores(
            problem=SAYING,
            lake=self.lake,
            registry=self.registry,
            workers=MemoryWorkers(self.registry),
            warehouse=self.warehouse,
            books=self.books,
            versions=self.versions,
            nights=self.left,
            texts=self.texts,
            secrets=self.secrets,
        )

    def crew(self) -> None:
        """Version 1 was champion, version 2 is."""
        for version, times in (("1", 0.5), ("2", 1.0)):
            self.registry.add(version, times=times)
            self.serve(version)

    def land(self, day: date = DAY, said: tuple[float, ...] = SAID) -> IngestResult:
        """One row more than is scored lands; it is put aside."""
        rows = pa.table(
            {"flight": pa.array(range(len(said) + 1), pa.int32()), "said": [*said, -1.0]}
        )
        raw = self.lake.write("raw/schedule", day, rows, night=day)
        origin = f"judged {raw.sha256}"
        aside = rows.slice(len(said)).append_column("rule", pa.array(["floor"]))
        aside = aside.append_column("reason", pa.array(["floor: expected 0"]))
        self.lake.write("quarantine/schedule", day, aside, origin)
        self.warehouse.quarantine(day, "schedule", {"floor": 1})
        self.lake.write("accepted/schedule", day, rows.slice(0, len(said)), origin, day)
        return self.landed(day, (raw,))

    def landed(self, day: date, partitions: tuple[Partition, ...]) -> IngestResult:
        version = self.versions.known[-1]
        return IngestResult(
            day=day, version=version, recorded="nowhere", partitions=partitions, new=1, rows={}
        )

    def night(self, day: date = DAY, said: tuple[float, ...] = SAID) -> Publication:
        """Land and score a day, and keep what the night left."""
        landed = self.land(day, said)
        publication = self.score(day, self.features(day, said), landed=landed)
        note = StageLog("score", "publication", 0, None)
        records = {"landed": landed, "publication": publication}
        self.left.append(RunFolder(day, (note,), records, frozenset()))
        return publication

    def verify(self) -> Verification:
        return verify(self.stores)

    def broken(self) -> dict[str, str]:
        """What is broken, by invariant: what `verify` says of it first."""
        return {one.name: one.breaches[0].what for one in self.verify().broken}


def an_audited_world(root: Path, url: str = "") -> Audited:
    """A day answered by version 1, then by version 2, with its outcomes."""
    world = Audited(root, url=url)
    world.crew()
    world.registry.point("champion", "1")
    world.serve("1")
    world.night()
    world.serve("2")
    world.left.clear()
    world.night()
    world.flew(DAY, [20.0, 5.0, None])
    (flown,) = world.lake.find("accepted/flights", DAY, DAY)
    raw = world.lake.write("raw/flights", DAY, world.lake.read([flown]))
    world.lake.adopt("accepted/flights", raw, "judged")
    return world
