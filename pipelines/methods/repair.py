"""Mend what can be mended without inventing anything, and say what cannot.

What is removed is nobody's, or can be made again from what is kept; a day whose published rows are
damaged goes back to the last run that is whole; raw files come back from their version, bit by bit.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from pipelines.core.books import Attic, Book
from pipelines.core.errors import DataError
from pipelines.core.files import write_whole
from pipelines.core.records import Partition, Record
from pipelines.methods.invariants import Breach
from pipelines.methods.quarantine import counts
from pipelines.methods.rendezvous import ALIASES
from pipelines.methods.verify import Stores
from pipelines.methods.verify_book import check_book
from pipelines.methods.verify_lake import aside_untold, datasets, relied_upon

Kind = Literal["run", "file", "pointer", "derived", "raw", "log"]


class Mend(Record):
    """One thing to mend."""

    kind: Kind
    where: str
    what: str
    day: date | None = None
    run_id: str = ""  # of a pointer or a run; the checksum of a raw file; the table of a log
    damaged: str = ""  # the run that a pointer leaves
    path: str = ""
    next: str = ""  # what is left to do afterwards


class Repaired(Record):
    """repair: what was mended, and what could not be."""

    dry_run: bool
    mended: tuple[Mend, ...]
    left: tuple[Breach, ...] = ()


@dataclass(frozen=True)
class Workshop:
    """What repair works with, and how old litter has to be: a younger file may be somebody's work."""

    stores: Stores
    attic: Attic
    age: timedelta


def plan(shop: Workshop) -> list[Mend]:
    """Everything that can be mended, in the order in which it is safe."""
    stores = shop.stores
    return [
        *_pointers(stores),
        *_damaged_files(shop),
        *_logs(stores),
        *_forsaken(shop),
        *_litter(shop),
    ]


def mend(shop: Workshop, steps: list[Mend]) -> None:
    """Do it. Raises DataError when no version of the raw data has a file that is damaged."""
    for step in steps:
        if step.kind == "pointer" and step.day:
            shop.stores.books.point(step.day, step.run_id)
            if step.damaged:
                shop.stores.books.drop(step.day, step.damaged)
        elif step.kind == "run" and step.day:
            shop.stores.books.drop(step.day, step.run_id)
        elif step.kind == "log" and step.day:
            _count_again(shop.stores, step.run_id, step.day)
        elif step.kind in ("derived", "file"):
            shop.attic.remove(Path(step.path))
    raw = [step for step in steps if step.kind == "raw"]
    if raw:
        _restore(shop.stores, raw)


def _pointers(stores: Stores) -> Iterator[Mend]:
    for day in stores.books.days():
        book = stores.books.open(day)
        broken = [
            b for b in check_book(book, stores.problem.cutoff(day)) if b.invariant in POINTING
        ]
        good = _last_whole(book)
        if not broken or good is None:
            continue
        damaged = book.moves[-1].run_id if book.moves[-1].run_id != good else ""
        yield Mend(
            kind="pointer",
            where=broken[0].where,
            what=f"{broken[0].what}; it goes back to run {good}",
            day=day,
            run_id=good,
            damaged=damaged,
            next=f"redeye score --day {day}" if damaged else "",
        )


POINTING = ("I2", "I3", "I7")


def _last_whole(book: Book) -> str | None:
    """The newest run that was published and is kept as it was."""
    for move in reversed(book.moves):
        run, kept = book.runs.get(move.run_id), book.kept.get(move.run_id)
        empty = run is not None and run.events == 0 and kept is None
        if run and (empty or (kept and (kept.rows, kept.checksum) == (run.events, run.checksum))):
            return move.run_id
    return None


def _damaged_files(shop: Workshop) -> Iterator[Mend]:
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
                yield Mend(
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


def _logs(stores: Stores) -> Iterator[Mend]:
    """Counts of quarantined rows that the warehouse lost, with a backup for example."""
    for table in (one.name for one in stores.problem.tables):
        lake, name = stores.lake, f"quarantine/{table}"
        accepted = lake.revisions(f"accepted/{table}", date.min, date.max)
        for day, revisions in lake.revisions(name, date.min, date.max).items():
            told = stores.books.open(day).quarantined.get(table, {})
            if aside_untold(lake, revisions[-1], accepted.get(day, ()), told):
                what = "its rows are counted again"
                yield Mend(kind="log", where=f"{name} {day}", what=what, day=day, run_id=table)


def _count_again(stores: Stores, table: str, day: date) -> None:
    rows = stores.lake.read(stores.lake.find(f"quarantine/{table}", day, day))
    stores.warehouse.quarantine(day, table, counts(rows))


def _beside(shop: Workshop, aside: Partition) -> Iterator[Mend]:
    dataset = aside.dataset.replace("quarantine/", "accepted/")
    for one in shop.stores.lake.revisions(dataset, aside.day, aside.day).get(aside.day, ()):
        if one.origin == aside.origin and one.there and not one.file.startswith("raw/"):
            yield Mend(
                kind="derived",
                where=f"{dataset} {aside.day}",
                what="it is judged again with the rows that were put aside",
                day=aside.day,
                path=str(shop.attic.path(one)),
            )


def _is_whole(shop: Workshop, partition: Partition) -> bool:
    """Also of a file that repair took away, so that it is made again: there is nothing to mend."""
    if not partition.file.startswith("raw/") and not shop.attic.path(partition).exists():
        return True
    try:
        shop.stores.lake.path(partition)
    except DataError:
        return False
    return True


def _forsaken(shop: Workshop) -> Iterator[Mend]:
    for run in shop.stores.books.forsaken(shop.age):
        what = f"{run.rows} rows of a run that was never published"
        where = f"predictions {run.day}, run {run.run_id}"
        yield Mend(kind="run", where=where, what=what, day=run.day, run_id=run.run_id)


def _litter(shop: Workshop) -> Iterator[Mend]:
    named = [shop.stores.registry.version(alias) for alias in ALIASES]
    needed = {version.sha256 for version in named if version}
    for path, what in shop.attic.litter(shop.age, needed):
        yield Mend(kind="file", where=path.name, what=what, path=str(path))


def _restore(stores: Stores, wanted: list[Mend]) -> None:
    """Bring raw files back from the newest version that has them as they were."""
    with tempfile.TemporaryDirectory(prefix="redeye-repair-") as scratch:
        for number, version in enumerate(entry["version"] for entry in stores.versions.log()):
            folder = Path(scratch) / str(number)
            stores.versions.checkout(version, folder)
            wanted = [step for step in wanted if not _taken(folder, step)]
            shutil.rmtree(folder)
            if not wanted:
                return
    raise DataError(
        f"{wanted[0].where}: {wanted[0].path} is damaged, and no version of data/raw has it; "
        f"delete the partition's folder and land it again"
    )


def _taken(folder: Path, step: Mend) -> bool:
    name = Path(step.path)
    found = next(folder.rglob(f"{name.parent.name}/{name.name}"), None)
    if found is None or not step.run_id.startswith(name.stem):
        return False
    write_whole(name, found.read_bytes())
    return True
