"""Ask every store whether the invariants hold. Nothing is changed, and no record is believed unasked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from pipelines.audit.invariants import BACKUP, Breach, Verification, conclude
from pipelines.audit.lake import (
    DatasetPartitions,
    check_aside,
    check_conserved,
    check_cutoff,
    check_files,
    check_landed,
    check_names,
    datasets,
)
from pipelines.audit.models import check_champion, check_origin
from pipelines.audit.ports import AuditReader, DayAudit
from pipelines.audit.predictions import check_book
from pipelines.audit.runs import RunFolder, check_night, find_secrets
from pipelines.audit.tags import check_tags
from pipelines.core.errors import DataError
from pipelines.core.records import IngestResult, Partition
from pipelines.data.ports import Lake, Versions
from pipelines.define.problem import Problem
from pipelines.features.meaning import meanings
from pipelines.monitoring.ports import Warehouse
from pipelines.promotion.ports import Registry
from pipelines.training.ports import ScoringPool

BOOK = ("I1", "I2", "I3", "I4", "I7", "I10")  # what is asked of each day in the warehouse


@dataclass(frozen=True)
class Stores:
    """Everything that is asked."""

    problem: Problem
    lake: Lake
    registry: Registry
    workers: ScoringPool
    warehouse: Warehouse
    books: AuditReader
    versions: Versions
    nights: Sequence[RunFolder] = ()
    texts: Iterable[tuple[str, str]] = ()  # what people read, by where it stands
    secrets: Sequence[str] = ()


@dataclass
class _Findings:
    """What was checked so far, and what was wrong."""

    checked: Counter[str] = field(default_factory=Counter)
    breaches: list[Breach] = field(default_factory=list)

    def add(self, names: Sequence[str], breaches: Iterable[Breach], number: int = 1) -> None:
        self.checked.update(dict.fromkeys(names, number))
        self.breaches += breaches


def verify(stores: Stores, first: date = date.min, last: date = date.max) -> Verification:
    """All invariants, of the days from first to last; models and champion are of no day.

    Raises TemporaryError when a store does not answer.
    """
    found = _Findings()
    books = {day: stores.books.open(day) for day in stores.books.days() if first <= day <= last}
    shelves = {name: _shelf(stores, name, first, last, found) for name in datasets(stores.problem)}
    _ask_books(stores, books, shelves, found)
    _ask_lake(stores, books, shelves, found)
    found.add(["I6"], _champion(stores))
    for night in stores.nights:
        if first <= night.day <= last:
            book = books.get(night.day)
            found.add(["I12"], check_night(night, book.runs if book else ()), len(night.notes))
    texts = [*stores.texts, *_told(stores, books)]
    found.add(["I11"], find_secrets(texts, stores.secrets), len(texts))
    days = {day for shelf in shelves.values() for day in shelf.days} | set(books)
    return conclude(days, found.checked, found.breaches)


def _champion(stores: Stores) -> Iterator[Breach]:
    declared = meanings(stores.problem)
    nights = [*stores.books.days(), *(night.day for night in stores.nights)]
    to_come = max(nights, default=stores.problem.first_day) + timedelta(days=1)
    registry, warehouse = stores.registry, stores.warehouse
    yield from check_champion(registry, warehouse, declared, to_come, stores.workers)
    yield from check_tags(registry, warehouse)


def _ask_books(
    stores: Stores,
    books: Mapping[date, DayAudit],
    shelves: Mapping[str, DatasetPartitions],
    found: _Findings,
) -> None:
    known = {entry["version"] for entry in stores.versions.log()} if books else set()
    for day, book in books.items():
        found.add(BOOK, check_book(book, stores.problem.cutoff(day)))
        facts = shelves[f"accepted/{stores.problem.outcomes}"].days.get(day, ())
        ended = stores.books.ended(day)
        found.add([], check_names(stores.problem, stores.lake, facts, ended))
        run = book.runs.get(book.run_id or "")
        if run is not None:
            tables = shelves["features"].days.get(day, ())
            found.add(["I5"], check_origin(run, tables, known, stores.registry))
            mine = [one for one in tables if one.sha256 == run.features_sha256]
            for table in mine[-1:]:
                found.add([], check_cutoff(stores.lake, table, stores.problem.cutoff(day)))


def _ask_lake(
    stores: Stores,
    books: Mapping[date, DayAudit],
    shelves: Mapping[str, DatasetPartitions],
    found: _Findings,
) -> None:
    for shelf in shelves.values():
        found.add([shelf.invariant], check_files(stores.lake, shelf), len(shelf.days))
    for table in (one.name for one in stores.problem.tables):
        raw, accepted = shelves[f"raw/{table}"], shelves[f"accepted/{table}"].days
        aside = shelves[f"quarantine/{table}"]
        found.add([], check_conserved(table, raw.days, accepted, aside.days))
        if raw.readable:
            found.add([], check_landed(raw, accepted, _named(stores, raw)))
        told = {day: book.quarantined.get(table, {}) for day, book in books.items()}
        told |= {
            d: stores.books.open(d).quarantined.get(table, {}) for d in aside.days if d not in told
        }
        found.add([], check_aside(stores.lake, aside, accepted, told))


def _shelf(
    stores: Stores, dataset: str, first: date, last: date, found: _Findings
) -> DatasetPartitions:
    newest = next((entry["version"] for entry in stores.versions.log()), "")
    try:
        return DatasetPartitions(dataset, stores.lake.revisions(dataset, first, last), newest)
    except DataError as error:
        shelf = DatasetPartitions(dataset, {}, newest, readable=False)
        where, _, what = str(error).partition(": ")
        mending = shelf.land_again if dataset.startswith("raw/") else BACKUP
        found.add([], [Breach(invariant=shelf.invariant, where=where, what=what, next=mending)])
        return shelf


def _named(stores: Stores, raw: DatasetPartitions) -> list[Partition]:
    """What the nights say that landed, of days that were asked for."""
    landed = [n.records["landed"] for n in stores.nights if "landed" in n.records]
    named = {
        (one.day, one.file): one
        for record in landed
        if isinstance(record, IngestResult)
        for one in record.partitions
        if one.dataset == raw.dataset and raw.days and min(raw.days) <= one.day <= max(raw.days)
    }
    return list(named.values())


def _told(stores: Stores, books: Mapping[date, DayAudit]) -> list[tuple[str, str]]:
    """What the ledger, the runs and MLflow tell in words."""
    runs = [run for book in books.values() for run in book.runs.values()]
    told = [(f"scoring run {run.run_id}", run.reason) for run in runs]
    told += [("the ledger", entry.reason) for entry in stores.warehouse.ledger()]
    for number in sorted({run.model_version for run in runs if run.model_version}):
        version = stores.registry.version(number)
        facts = stores.registry.run_params(version.run_id) if version else None
        told += [(f"MLflow run of version {number}", text) for text in (facts or {}).values()]
    return told
