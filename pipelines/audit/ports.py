"""What an auditor reads of the warehouse: everything kept about one day, as it stands there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipelines.core.records import Partition, ScoringRun

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PublicationMove:
    """One move of a day's pointer."""

    token: int
    run_id: str
    before: str | None


@dataclass(frozen=True)
class RowSummary:
    """Answers that stand somewhere: how many, of how many events, of which runs, and their checksum."""

    rows: int
    events: int
    run_ids: tuple[str, ...]
    checksum: str
    by: tuple[tuple[str, str | None], ...] = ()  # contenders and model versions


@dataclass(frozen=True)
class DayAudit:
    """One day in the warehouse."""

    day: date
    run_id: str | None = None  # the pointer …
    token: int = 0  # … and the token it was moved with
    fence: int = 0  # the last token that was given out
    moves: tuple[PublicationMove, ...] = ()  # by token
    runs: Mapping[str, ScoringRun] = field(default_factory=dict)  # every one that was begun
    kept: Mapping[str, RowSummary] = field(default_factory=dict)  # answers of every run, by its id
    current: RowSummary | None = None  # what consumers see
    # Contenders whose scores beside the published run are not what they gave.
    altered: tuple[str, ...] = ()
    first_known_at: datetime | None = None  # the earliest outcome of the day's events
    quarantined: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict
    )  # table → rule → rows

    def copy_of(self, run_id: str) -> str | None:
        """The run that keeps what a run published, as it was: itself, or one of the same content that was
        staged in its place; None if there is none.
        """
        run = self.runs.get(run_id)
        if run is None:
            return None
        same = [run, *(one for one in self.runs.values() if one.checksum == run.checksum)]
        return next((one.run_id for one in same if self._is_whole(one)), None)

    def _is_whole(self, run: ScoringRun) -> bool:
        kept = self.kept.get(run.run_id)
        if kept is None:
            return run.events == 0
        whole = (kept.rows, kept.checksum) == (run.events, run.checksum)
        answered = ((run.answered_by, run.model_version),)
        return whole and (not kept.rows or run.rollout is not None or kept.by == answered)


@dataclass(frozen=True)
class Staged:
    """A run that was begun and never published."""

    day: date
    run_id: str
    rows: int


class AuditReader(Protocol):
    """The warehouse, as an auditor reads it, and as a caretaker clears it up."""

    def days(self) -> list[date]:
        """Every day that anything is kept of."""
        ...

    def open(self, day: date) -> DayAudit:
        """Everything kept about a day. Raises TemporaryError when the database does not answer."""
        ...

    def ended(self, day: date) -> set[str]:
        """The names of the day's events that an outcome is kept of."""
        ...

    def forsaken(self, age: timedelta) -> list[Staged]:
        """Runs begun longer ago than `age`, by the database's clock, and never published."""
        ...

    def drop(self, day: date, run_id: str, age: timedelta) -> bool:
        """Remove a run that is forsaken still; False if the database's role may not remove anything."""
        ...

    def forget(self, day: date, run_id: str, contender: str) -> bool:
        """Remove the scores that are kept of a contender beside a run; False if the role may not."""
        ...

    def drop_outcomes(self, day: date, keys: Collection[str], before: datetime) -> bool:
        """Remove outcomes of a day: of these events, and those known before that time; False if the role
        may not.
        """
        ...

    def point(self, day: date, run_id: str, last: int) -> None:
        """Point a day to a whole run of its own, by the rules of publishing. Raises BusyError when the
        day was published since its move with the token `last`.
        """
        ...

    def restore(self, run: ScoringRun, rows: pd.DataFrame) -> None:
        """Stage what a run published anew, beside what is left of it; the pointer stays."""
        ...


class OrphanFiles(Protocol):
    """What lies about in the folders, and belongs to nobody."""

    def litter(self, age: timedelta, models: Collection[str]) -> list[tuple[Path, str]]:
        """Files older than `age` that no manifest names, and copies of other models than those of
        these checksums: the path, and what it is.
        """
        ...

    def sweep(self, wanted: Collection[Path], age: timedelta, models: Collection[str]) -> None:
        """Remove what is litter still, of these, while nobody writes."""
        ...

    def discard(self, path: Path, sha256: str) -> None:
        """Remove a damaged file, unless somebody has made it again meanwhile."""
        ...

    def path(self, partition: Partition) -> Path:
        """Where a partition's file is, or ought to be."""
        ...
