"""The invariants of what a night leaves for people (I11, I12)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pipelines.audit.invariants import Breach
from pipelines.core.errors import RedeyeError
from pipelines.core.records import Publication, Record, Report


@dataclass(frozen=True)
class StageLog:
    """How the last try of a stage went."""

    stage: str
    stem: str  # of the record that it makes
    exit_code: int
    error: str | None


@dataclass(frozen=True)
class RunFolder:
    """What is in one night's folder."""

    day: date
    notes: tuple[StageLog, ...]
    records: Mapping[str, Record]  # by stem; those that can be read
    files: frozenset[str]  # every file's name


def check_night(night: RunFolder, runs: Collection[str]) -> Iterator[Breach]:
    """A stage that succeeded left its record; one that failed says so by a code and a sentence.

    `runs` are those of the day that the warehouse knows.
    """
    for note in night.notes:
        what = _unsaid(note) if note.exit_code else _missing(note, night)
        if what:
            yield _breach(night, note.stage, what)
    publication = night.records.get("publication")
    if isinstance(publication, Publication) and publication.run_id not in runs:
        yield _breach(night, "score", f"run {publication.run_id} is not in the warehouse")


def find_secrets(texts: Iterable[tuple[str, str]], secrets: Sequence[str]) -> Iterator[Breach]:
    """Texts, by where they stand, that give one of the secrets away."""
    for where, text in texts:
        if any(secret in text for secret in secrets):
            yield Breach(
                invariant="I11",
                where=where,
                what="a password or key of the environment stands there",
                next="delete the file, and give out another password or key",
            )


def _unsaid(note: StageLog) -> str | None:
    if note.exit_code not in exit_codes():
        return f"it ended with {note.exit_code}, which is no code of the list"
    return None if note.error else f"it ended with {note.exit_code} and does not say why"


def _missing(note: StageLog, night: RunFolder) -> str | None:
    record = night.records.get(note.stem)
    if record is None:
        return f"it succeeded, but its {note.stem}.json is missing or cannot be read"
    page = record.page.rpartition("/")[2] if isinstance(record, Report) else None
    return f"it succeeded, but {page} is missing" if page and page not in night.files else None


def exit_codes(error: type[RedeyeError] = RedeyeError) -> set[int]:
    """The closed list of codes with which anything may fail."""
    return {error.exit_code}.union(*map(exit_codes, error.__subclasses__()))


def _breach(night: RunFolder, stage: str, what: str) -> Breach:
    return Breach(
        invariant="I12",
        where=f"{stage} {night.day}",
        what=what,
        next=f"redeye {stage} --day {night.day}",
    )
