"""What landing and validation need from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from sqlglot.expressions import Query

    from pipelines.core.records import (
        Amount,
        BlessingEntry,
        Incident,
        LedgerEntry,
        ModelVersion,
        Partition,
        ScoringRun,
        TaskName,
    )
    from pipelines.data.expectations import Suite


class Lake(Protocol):
    """Partitions of datasets, one a day, visible whole or not at all.

    A dataset is a path such as `raw/flights` or `features`.
    """

    def write(  # noqa: PLR0913  what a revision is, and from when on it counts
        self,
        dataset: str,
        day: date,
        rows: pa.Table | None,
        origin: str = "",
        night: date | None = None,
        *,
        for_all: bool = False,
    ) -> Partition:
        """Keep the rows as the partition's current revision; the same rows of the same origin again
        change nothing. `origin` names what they were made from, `night` when they became known; they
        count from then on, or `for_all` nights.
        Without rows: remember that there was nothing to be had.
        """
        ...

    def adopt(
        self, dataset: str, partition: Partition, origin: str = "", night: date | None = None
    ) -> Partition:
        """Make another dataset's partition the current one of `dataset`, without copying it; if it
        counted for all nights, so it does here.
        """
        ...

    def find(
        self, dataset: str, first: date, last: date, known: date | None = None
    ) -> list[Partition]:
        """Partitions of the days from first to last, oldest first; missing days are left out.

        Each as it was known for the night `known` (data/partitions.py); without it, as it is now.
        """
        ...

    def revisions(self, dataset: str, first: date, last: date) -> dict[date, tuple[Partition, ...]]:
        """Every revision of these days' partitions, oldest first."""
        ...

    def has(self, partition: Partition) -> bool:
        """Whether the partition's file is there, whole or not."""
        ...

    def path(self, partition: Partition) -> Path:
        """The partition's file, its checksum verified. Raises DataError when it is missing or damaged."""
        ...

    def check(self, partitions: Sequence[Partition]) -> None:
        """Verify files that are relied upon and not read. Raises DataError as `path`.

        A file's bytes are compared when its stat is not what it was when they were last right.
        """
        ...

    def read(
        self, partitions: Sequence[Partition], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows of all partitions, in their order, each file verified; all columns, or these."""
        ...

    def schema(self, partition: Partition) -> pa.Schema:
        """The partition's columns, without its rows."""
        ...


class Versions(Protocol):
    """Versions of the whole of data/raw."""

    def record(self, day: date) -> tuple[str, str]:
        """Version everything in data/raw, push it, keep the pointer: (version, where it is kept)."""
        ...

    def log(self) -> list[dict[str, str]]:
        """Known versions, newest first."""
        ...

    def checkout(self, version: str, to: Path) -> int:
        """Restore a version byte for byte into `to`; the number of files."""
        ...


@dataclass(frozen=True)
class RuleResult:
    """How one rule of a suite came out on one frame."""

    rule: str  # e.g. expect_column_values_to_be_between(distance)
    severity: Literal["critical", "warning", "info"]
    passed: bool
    bad_rows: tuple[
        int, ...
    ]  # positions of the rows that break it; empty for rules about the table
    observed: str
    expected: str


class Validator(Protocol):
    """Judges frames against the suites of expectations/."""

    def suite(self, name: str) -> Suite | None:
        """The suite as it is written, or None: nobody wrote one. Raises ConfigError for a broken one."""
        ...

    def judge(self, suite: str, frame: pd.DataFrame) -> list[RuleResult]:
        """Every rule of the suite, in its order. Raises ConfigError when there is no such suite, or a
        rule cannot be applied to this frame.
        """
        ...

    def judge_each(self, suite: str, frames: Sequence[pd.DataFrame]) -> list[list[RuleResult]]:
        """As judge, of each frame for itself, in one go: many days cost little more than one."""
        ...


class QuarantineLog(Protocol):
    """How many rows were put aside, by table, day and rule."""

    def quarantine(self, day: date, table: str, counts: Mapping[str, int]) -> None:
        """Keep how many rows of a partition each rule put aside."""
        ...
