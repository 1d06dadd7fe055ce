"""Mend what can be mended without inventing anything, and say what cannot.

What is removed is nobody's, or can be made again from what is kept; published rows that are damaged are
computed anew from the kept features and the same model, and where they cannot be, the day goes back to the
last run that is whole; raw files come back from their version, bit by bit. In the database nothing that
was ever published is changed or removed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from pipelines.audit.invariants import Breach, Verification
from pipelines.audit.lake import (
    aside_untold,
    count_unexplained,
    datasets,
    relied_upon,
    stray_outcomes,
    unconserved,
)
from pipelines.audit.ports import AuditReader, DayAudit, OrphanFiles
from pipelines.audit.predictions import check_book
from pipelines.audit.restore import answer_again
from pipelines.audit.verify import Stores
from pipelines.core.atomic_files import scratch_folder, write_whole
from pipelines.core.errors import BusyError, DataError, GateRefused
from pipelines.core.records import Partition, Record
from pipelines.data.ports import Validator
from pipelines.data.quarantine import counts
from pipelines.promotion.eligibility import ALIASES
from pipelines.serving.contenders import ScoringContext
from pipelines.training.ports import ScoringPool

RepairKind = Literal[
    "run", "rows", "beside", "outcomes", "file", "pointer", "derived", "raw", "log"
]


class RepairStep(Record):
    """One thing to mend."""

    kind: RepairKind
    where: str
    what: str
    day: date | None = None
    run_id: str = ""  # of rows or a run; the checksum of a raw file; the table of a log
    path: str = ""
    contender: str = ""  # whose scores are removed
    next: str = ""  # what is left to do afterwards


class Repaired(Record):
    """repair: what was mended, and what could not be."""

    dry_run: bool
    mended: tuple[RepairStep, ...]
    left: tuple[Breach, ...] = ()
    kept: tuple[str, ...] = ()  # what could not be mended, and why


@dataclass(frozen=True)
class RepairContext:
    """What repair works with, and how old litter has to be: a younger file may be somebody's work."""

    stores: Stores
    attic: OrphanFiles
    age: timedelta
    validator: Validator
    workers: ScoringPool

    def desk(self, day: date) -> ScoringContext:
        """Where the answers of a day are computed anew."""
        stores = self.stores
        return ScoringContext(
            day, stores.problem, stores.lake, stores.registry, self.validator, self.workers
        )


def plan(shop: RepairContext) -> list[RepairStep]:
    """Everything that can be mended, in the order in which it is safe."""
    stores = shop.stores
    return [
        *_days(stores),
        *_damaged_files(shop),
        *_misjudged(shop),
        *_logs(stores),
        *_forsaken(shop),
        *_litter(shop),
    ]


def repair(
    shop: RepairContext, steps: list[RepairStep], verified: Callable[[], Verification]
) -> Repaired:
    """Do what was planned; `verified` tells afterwards what is left."""
    kept = mend(shop, steps)
    left = [breach for one in verified().broken for breach in one.breaches]
    told = tuple(
        one.model_copy(update={"next": one.otherwise})
        if one.next.startswith("redeye repair")
        else one
        for one in left
    )
    return Repaired(dry_run=False, mended=tuple(steps), left=told, kept=tuple(kept))


def mend(shop: RepairContext, steps: list[RepairStep]) -> list[str]:
    """Do it; what could not be done, and why.

    Raises DataError when no version of the raw data has a file that is damaged.
    """
    kept = [why for step in steps for why in _mend(shop, step)]
    litter = [Path(step.path) for step in steps if step.kind == "file"]
    if litter:
        shop.attic.sweep(litter, shop.age, _serving(shop.stores))
    raw = [step for step in steps if step.kind == "raw"]
    if raw:
        _restore(shop.stores, raw)
    return kept


def _mend(shop: RepairContext, step: RepairStep) -> Iterator[str]:
    """Do one step; why it could not be done, if so."""
    books = shop.stores.books
    if step.kind == "rows" and step.day:
        yield from _answer_again(shop, step.day, step.run_id)
    elif step.kind == "pointer" and step.day:
        yield from _point(books, step.day)
    elif step.kind in ("run", "beside", "outcomes") and step.day:
        if not _removed(shop, step, step.day):
            yield f"{step.where}: stays, for the database's role may not remove rows; its owner may"
    elif step.kind == "log" and step.day:
        _count_again(shop.stores, step.run_id, step.day)
    elif step.kind == "derived":
        shop.attic.discard(Path(step.path), step.run_id)


def _removed(shop: RepairContext, step: RepairStep, day: date) -> bool:
    if step.kind == "run":
        return shop.stores.books.drop(day, step.run_id, shop.age)
    if step.kind == "outcomes":
        stores = shop.stores
        return stores.books.drop_outcomes(day, _strays(stores, day), stores.problem.cutoff(day))
    return shop.stores.books.forget(day, step.run_id, step.contender)


def _answer_again(shop: RepairContext, day: date, run_id: str) -> Iterator[str]:
    book = shop.stores.books.open(day)
    try:
        again = answer_again(shop.desk(day), book.runs[run_id])
        shop.stores.books.restore(book.runs[run_id], again)
    except (DataError, GateRefused) as error:
        yield str(error)


def _point(books: AuditReader, day: date) -> Iterator[str]:
    """Point a day to the newest of its published runs that is kept whole."""
    book = books.open(day)
    good = next(filter(None, (book.copy_of(move.run_id) for move in reversed(book.moves))), None)
    if good is None:
        yield f"predictions {day}: none of its published runs is kept whole"
        return
    try:
        books.point(day, good, book.moves[-1].token)
    except BusyError as error:
        yield str(error)


def _days(stores: Stores) -> Iterator[RepairStep]:
    """Days whose published rows, or whose pointer, are not as they were."""
    for day in stores.books.days():
        book = stores.books.open(day)
        found = list(check_book(book, stores.problem.cutoff(day)))
        damaged = [
            run_id
            for run_id in dict.fromkeys(move.run_id for move in book.moves)
            if run_id in book.runs and book.copy_of(run_id) is None
        ]
        for run_id in damaged:
            yield RepairStep(
                kind="rows",
                where=f"predictions {day}",
                what=f"run {run_id} is computed anew from its features and its model",
                day=day,
                run_id=run_id,
            )
        for contender in book.altered:
            yield RepairStep(
                kind="beside",
                where=f"predictions {day}",
                what=f"the scores of {contender} beside run {book.run_id} are not those that it gave, and go",
                day=day,
                run_id=book.run_id or "",
                contender=contender,
            )
        yield from _outcomes(stores, book)
        broken = [one for one in found if one.invariant in POINTING]
        if broken and book.moves:
            what = f"{broken[0].what}; it points to the newest run that is whole"
            yield RepairStep(kind="pointer", where=broken[0].where, what=what, day=day)


def _outcomes(stores: Stores, book: DayAudit) -> Iterator[RepairStep]:
    """Outcomes that are nobody's, or were known before their event could end."""
    day, early = book.day, book.first_known_at
    if _strays(stores, day) or (early and early < stores.problem.cutoff(day)):
        yield RepairStep(
            kind="outcomes",
            where=f"outcomes {day}",
            what="those of no event, and those known before the cutoff, are removed",
            day=day,
            next=f"redeye settle --day {stores.problem.complete(day)}",
        )


def _strays(stores: Stores, day: date) -> list[str]:
    dataset = f"accepted/{stores.problem.outcomes}"
    facts = stores.lake.revisions(dataset, day, day).get(day, ())
    return stray_outcomes(stores.problem, stores.lake, facts, stores.books.ended(day))


POINTING = ("I2", "I3", "I7")


def _damaged_files(shop: RepairContext) -> Iterator[RepairStep]:
    lake, seen = shop.stores.lake, set()
    night = max((left.day for left in shop.stores.nights), default=None)
    for dataset in datasets(shop.stores.problem):
        for day, revisions in lake.revisions(dataset, date.min, date.max).items():
            for one in relied_upon(lake, dataset, revisions):
                path = shop.attic.path(one)
                if path in seen or _is_whole(shop, one):
                    continue
                seen.add(path)
                raw = one.file.startswith("raw/")
                yield RepairStep(
                    kind="raw" if raw else "derived",
                    where=f"{dataset} {day}",
                    what="its file comes back from its version" if raw else "its file is damaged",
                    day=day,
                    path=str(path),
                    run_id=one.sha256,
                    next="" if raw else f"redeye night --day {night or day}",
                )
                if dataset.startswith("quarantine/"):  # the rows beside it are judged together
                    yield from _beside(shop, one)


def _misjudged(shop: RepairContext) -> Iterator[RepairStep]:
    """What was accepted and put aside of a partition, and is not all that landed, or does not say why."""
    lake, between = shop.stores.lake, (date.min, date.max)
    for table in (one.name for one in shop.stores.problem.tables):
        kinds = ("raw", "accepted", "quarantine")
        raw, accepted, aside = (lake.revisions(f"{kind}/{table}", *between) for kind in kinds)
        wrong = {last.day for last, _ in unconserved(raw, accepted, aside)}
        wrong |= {day for day, revisions in aside.items() if _is_unexplained(shop, revisions[-1])}
        for day in sorted(wrong):
            for one in (*accepted.get(day, ())[-1:], *aside.get(day, ())[-1:]):
                if one.there and not one.file.startswith("raw/"):
                    yield RepairStep(
                        kind="derived",
                        where=f"{one.dataset} {day}",
                        what="it is not all that landed, or does not say why, and is judged again",
                        day=day,
                        path=str(shop.attic.path(one)),
                        next=f"redeye validate --day {day}",
                    )


def _is_unexplained(shop: RepairContext, aside: Partition) -> bool:
    whole = aside.there and shop.attic.path(aside).exists() and _is_whole(shop, aside)
    return whole and bool(count_unexplained(shop.stores.lake.read([aside])))


def _logs(stores: Stores) -> Iterator[RepairStep]:
    """Counts of quarantined rows that the warehouse lost, with a backup for example."""
    for table in (one.name for one in stores.problem.tables):
        lake, name = stores.lake, f"quarantine/{table}"
        accepted = lake.revisions(f"accepted/{table}", date.min, date.max)
        for day, revisions in lake.revisions(name, date.min, date.max).items():
            told = stores.books.open(day).quarantined.get(table, {})
            if aside_untold(lake, revisions[-1], accepted.get(day, ()), told):
                what = "its rows are counted again"
                yield RepairStep(
                    kind="log", where=f"{name} {day}", what=what, day=day, run_id=table
                )


def _count_again(stores: Stores, table: str, day: date) -> None:
    rows = stores.lake.read(stores.lake.find(f"quarantine/{table}", day, day))
    stores.warehouse.quarantine(day, table, counts(rows))


def _beside(shop: RepairContext, aside: Partition) -> Iterator[RepairStep]:
    dataset = aside.dataset.replace("quarantine/", "accepted/")
    for one in shop.stores.lake.revisions(dataset, aside.day, aside.day).get(aside.day, ()):
        if one.origin == aside.origin and one.there and not one.file.startswith("raw/"):
            yield RepairStep(
                kind="derived",
                where=f"{dataset} {aside.day}",
                what="it is judged again with the rows that were put aside",
                day=aside.day,
                path=str(shop.attic.path(one)),
            )


def _is_whole(shop: RepairContext, partition: Partition) -> bool:
    """Also of a file that repair took away, so that it is made again: there is nothing to mend."""
    if not partition.file.startswith("raw/") and not shop.attic.path(partition).exists():
        return True
    try:
        shop.stores.lake.path(partition)
    except DataError:
        return False
    return True


def _forsaken(shop: RepairContext) -> Iterator[RepairStep]:
    for run in shop.stores.books.forsaken(shop.age):
        what = f"{run.rows} rows of a run that was never published"
        where = f"predictions {run.day}, run {run.run_id}"
        yield RepairStep(kind="run", where=where, what=what, day=run.day, run_id=run.run_id)


def _litter(shop: RepairContext) -> Iterator[RepairStep]:
    for path, what in shop.attic.litter(shop.age, _serving(shop.stores)):
        yield RepairStep(kind="file", where=path.name, what=what, path=str(path))


def _serving(stores: Stores) -> set[str]:
    """Checksums of the models that have an alias."""
    named = [stores.registry.version(alias) for alias in ALIASES]
    return {version.sha256 for version in named if version}


def _restore(stores: Stores, wanted: list[RepairStep]) -> None:
    """Bring raw files back from the newest version that has them as they were."""
    with scratch_folder() as scratch:
        for number, version in enumerate(entry["version"] for entry in stores.versions.log()):
            folder = scratch / str(number)
            stores.versions.checkout(version, folder)
            wanted = [step for step in wanted if not _taken(folder, step)]
            shutil.rmtree(folder)
            if not wanted:
                return
    raise DataError(
        f"{wanted[0].where}: {wanted[0].path} is damaged, and no version of data/raw has it; "
        f"delete the partition's folder and land it again"
    )


def _taken(folder: Path, step: RepairStep) -> bool:
    name = Path(step.path)
    found = next(folder.rglob(f"{name.parent.name}/{name.name}"), None)
    if found is None or not step.run_id.startswith(name.stem):
        return False
    write_whole(name, found.read_bytes())
    return True
