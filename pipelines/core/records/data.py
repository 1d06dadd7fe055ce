"""Records of the data: what landed, what may be used, and the features made of it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pipelines.core.records.base import Record


class Partition(Record):
    """One day of one dataset, at one revision. Without a file: it was asked for and not to be had."""

    dataset: str
    day: date
    revision: int
    rows: int
    sha256: str
    file: str  # below the data folder
    origin: str = ""  # what it was made from, if that matters to whoever made it
    night: date | None = None  # the night that made this revision current; None: it always was
    for_all: bool = (
        False  # fetched anew for all nights: what was known when, its rows' known_at says
    )

    @property
    def there(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.file)


class IngestResult(Record):
    """ingest: what arrived, and the version of all raw data after it."""

    day: date
    version: str  # the DVC version: MD5 of the whole of data/raw
    recorded: str  # where the version's pointer is kept: a git commit, or why there is none
    partitions: tuple[Partition, ...]  # every raw partition that this night needs
    new: int  # how many of them arrived with this night
    rows: dict[str, int]  # rows that arrived with this night, by table
    missing: tuple[str, ...] = ()  # "flights 2013-09-03": not to be had; the next night asks again


class Finding(Record):
    """One rule that was not met."""

    table: str
    day: date
    rule: str
    severity: Literal["critical", "warning", "info"]
    rows: int  # rows that break it; 0 for a rule about the whole table
    observed: str
    expected: str


class TableCheck(Record):
    """What validation decided about one partition."""

    table: str
    day: date
    landed: int
    accepted: int
    quarantined: int
    passed: bool
    source: str  # SHA-256 of the raw partition that was judged


class Validation(Record):
    """validate: which partitions may be used, and what was wrong with the rest."""

    day: date
    passed: bool
    reason: str
    checks: tuple[TableCheck, ...]
    findings: tuple[Finding, ...]


class FeatureTable(Record):
    """features: the kept table of the day, and of every earlier day that training may read."""

    day: date
    names: tuple[str, ...]  # the features, in declared order
    partition: Partition
    history: tuple[Partition, ...]  # earlier days' tables, oldest first
    fingerprint: str  # SHA-256 over the declaration and every partition named here
    meanings: dict[str, str] = {}  # feature → hash of its declaration

    @property
    def declared(self) -> dict[str, str]:
        """Every feature, with the hash of its declaration if it is known."""
        return {name: self.meanings.get(name, "") for name in self.names}
