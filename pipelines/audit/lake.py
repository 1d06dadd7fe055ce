"""The invariants of kept data (I1, I5, I8, I9, I10), asked of the lake."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

import pyarrow as pa

from pipelines.audit.invariants import BACKUP, Breach
from pipelines.core.errors import DataError
from pipelines.core.records import Partition
from pipelines.data.ports import Lake
from pipelines.data.quarantine import counts
from pipelines.data.release import released
from pipelines.define.problem import Problem
from pipelines.training.labels import event_keys

Revisions = Mapping[date, Sequence[Partition]]

KEEPERS = {"raw": "I9", "accepted": "I1", "quarantine": "I8", "features": "I5", "history": "I5"}


@dataclass(frozen=True)
class DatasetPartitions:
    """The partitions of one dataset."""

    dataset: str
    days: Revisions
    newest: str = ""  # version of the raw data
    readable: bool = True  # False: a manifest is broken, so that nobody knows what there is

    @property
    def invariant(self) -> str:
        """The invariant that is broken when one of its files is."""
        return KEEPERS[self.dataset.partition("/")[0]]

    @property
    def land_again(self) -> str:
        """What brings back raw data that no file of the lake tells of any more."""
        return f"redeye data checkout {self.newest[:12]}" if self.newest else BACKUP


def datasets(problem: Problem) -> list[str]:
    """Every dataset of a problem that is kept in the lake."""
    tables = [
        f"{kind}/{t.name}" for t in problem.tables for kind in ("raw", "accepted", "quarantine")
    ]
    tables += [released(t.name) for t in problem.tables]
    declared = problem.features.history if problem.features else ()
    return [*tables, *dict.fromkeys(f"history/{one.name}" for one in declared), "features"]


def check_files(lake: Lake, shelf: DatasetPartitions) -> Iterator[Breach]:
    """Every file that a manifest names is there, and as it was written; raw data in all revisions.

    Totals that are not there are made when they are needed; those that are there have to be right.
    """
    raw = shelf.dataset.startswith("raw/")
    for day, revisions in shelf.days.items():
        yield from _numbered(shelf, day, revisions) if raw else ()
        for one in relied_upon(lake, shelf.dataset, revisions):
            if one.file.startswith("raw/") and not raw:
                continue  # what is accepted as it landed is raw's to answer for
            try:
                lake.path(one)
            except DataError as error:
                yield Breach(
                    invariant=shelf.invariant,
                    where=f"{shelf.dataset} {day}",
                    what=str(error).partition("; ")[0],
                    next=_restore(shelf, day),
                    otherwise=shelf.land_again if raw else f"redeye night --day {day}",
                )


def relied_upon(lake: Lake, dataset: str, revisions: Sequence[Partition]) -> list[Partition]:
    """The revisions of a partition whose files have to be right."""
    if dataset.startswith("history/"):
        return [one for one in revisions if lake.has(one)]
    return (
        [one for one in revisions if one.there]
        if dataset.startswith("raw/")
        else [one for one in revisions[-1:] if one.there]
    )


def check_conserved(
    table: str, raw: Revisions, accepted: Revisions, aside: Revisions
) -> Iterator[Breach]:
    """Accepted rows and those put aside with them are all the rows of something that landed."""
    for last, put in unconserved(raw, accepted, aside):
        yield Breach(
            invariant="I1",
            where=f"accepted/{table} {last.day}",
            what=f"{last.rows} rows are accepted and {put} quarantined, "
            f"but {raw[last.day][-1].rows} landed",
            next=f"redeye repair; redeye validate --day {last.day}",
            otherwise=f"redeye validate --day {last.day}",
        )


def unconserved(
    raw: Revisions, accepted: Revisions, aside: Revisions
) -> Iterator[tuple[Partition, int]]:
    """Accepted partitions that, with the rows put aside beside them, are not all of something that landed;
    and how many rows were put aside.
    """
    for day, revisions in accepted.items():
        last = revisions[-1]
        if last.there and day in raw:
            beside = [one.rows for one in aside.get(day, ()) if one.origin == last.origin]
            put = beside[-1] if beside else 0
            if all(one.rows != last.rows + put for one in raw[day]):
                yield last, put


def check_landed(
    raw: DatasetPartitions, accepted: Revisions, named: Sequence[Partition]
) -> Iterator[Breach]:
    """What was accepted, or what a night says that landed, is still known to have landed."""
    known = {(day, one.file) for day, revisions in raw.days.items() for one in revisions}
    adopted = [one for all_ in accepted.values() for one in all_ if one.file.startswith("raw/")]
    lost = sorted({p.day for p in (*adopted, *named) if (p.day, p.file) not in known})
    for day in lost:
        yield Breach(
            invariant="I9",
            where=f"{raw.dataset} {day}",
            what="a revision that landed is in no manifest",
            next=raw.land_again,
        )


def check_aside(
    lake: Lake,
    shelf: DatasetPartitions,
    accepted: Revisions,
    told: Mapping[date, Mapping[str, int]],
) -> Iterator[Breach]:
    """Every row put aside says why, and the warehouse counts the same rows.

    A partition that is being judged right now is not counted yet: its rows are not accepted yet.
    """
    for day, revisions in shelf.days.items():
        rows = _read(lake, revisions[-1])
        if rows is None:
            continue
        unexplained = count_unexplained(rows)
        if unexplained:
            yield _aside(shelf, day, f"{unexplained} rows do not say why they are there")
        elif aside_untold(lake, revisions[-1], accepted.get(day, ()), told.get(day, {})):
            what = f"{rows.num_rows} rows, the warehouse tells of {dict(told.get(day, {}))}"
            yield _aside(shelf, day, what)


def aside_untold(
    lake: Lake, aside: Partition, accepted: Sequence[Partition], told: Mapping[str, int]
) -> bool:
    """Whether the warehouse counts other rows than were put aside of a partition that was accepted."""
    rows = _read(lake, aside)
    judged = any(one.origin == aside.origin for one in accepted[-1:])
    return judged and rows is not None and "rule" in rows.column_names and counts(rows) != told


def check_cutoff(lake: Lake, table: Partition, cutoff: datetime) -> Iterator[Breach]:
    """A features table says of each row that it was made as of its own day's cutoff."""
    rows = _read(lake, table)
    if rows is None:
        return
    told = rows["cutoff"].to_pylist() if "cutoff" in rows.column_names else []
    wrong = rows.num_rows - sum(one == cutoff for one in told)
    if wrong:
        yield Breach(
            invariant="I10",
            where=f"features {table.day}",
            what=f"{wrong} rows are as of another time than the cutoff {cutoff}",
            next=f"redeye night --day {table.day}",
        )


def check_names(
    problem: Problem, lake: Lake, facts: Sequence[Partition], ended: Collection[str]
) -> Iterator[Breach]:
    """Every outcome that is kept is of an event that some revision of the day's facts names."""
    strays = stray_outcomes(problem, lake, facts, ended)
    if strays:
        day = facts[0].day
        yield Breach(
            invariant="I1",
            where=f"outcomes {day}",
            what=f"{len(strays)} of {len(ended)} are of events that no accepted row of {problem.outcomes} "
            f"names by the key ({', '.join(problem.key)}), first {strays[0]!r}",
            next="redeye repair",
            otherwise="run the same as the owner of the tables (REDEYE_DATABASE_URL)",
        )


def stray_outcomes(
    problem: Problem, lake: Lake, facts: Sequence[Partition], ended: Collection[str]
) -> list[str]:
    """Outcomes of a day that no revision of its facts names, by event.

    One was named by another key, and stands beside the same event's outcome of today.
    """
    found = [_read(lake, one) for one in facts if one.there]
    if not found or not ended or any(rows is None for rows in found):
        return []  # of what cannot be read nobody knows what it names
    wanted = ["day", *problem.key]
    named: set[str] = set()
    for rows in found:
        if rows is not None and set(wanted) <= set(rows.column_names):
            named |= set(event_keys(rows.select(wanted).to_pandas(), problem.key))
    return sorted(set(ended) - named)


def _numbered(
    shelf: DatasetPartitions, day: date, revisions: Sequence[Partition]
) -> Iterator[Breach]:
    nights = [one.night for one in revisions if one.night]
    if [one.revision for one in revisions] != list(range(len(revisions))):
        what = "its revisions are not numbered one after the other"
    elif any(later < earlier for earlier, later in pairwise(nights)):
        what = "a revision says that it landed before the one before it"
    else:
        return
    yield Breach(invariant="I9", where=f"{shelf.dataset} {day}", what=what, next=shelf.land_again)


def _read(lake: Lake, partition: Partition) -> pa.Table | None:
    """The rows; None for what check_files has to tell about."""
    try:
        return lake.read([partition]) if partition.there else None
    except DataError:
        return None


def count_unexplained(rows: pa.Table) -> int:
    """How often a row that was put aside does not say its rule or its reason."""
    told = [rows[name].to_pylist() for name in ("rule", "reason") if name in rows.column_names]
    return 2 * int(rows.num_rows) - sum(bool(one) for said in told for one in said)


def _aside(shelf: DatasetPartitions, day: date, what: str) -> Breach:
    return Breach(
        invariant="I8",
        where=f"{shelf.dataset} {day}",
        what=what,
        next=_restore(shelf, day),
        otherwise=f"redeye validate --day {day}",
    )


def _restore(shelf: DatasetPartitions, day: date) -> str:
    kind = shelf.dataset.partition("/")[0]
    if kind == "raw":
        return "redeye repair"
    made_by = "features" if kind in ("features", "history") else "validate"
    return f"redeye repair; redeye {made_by} --day {day}"
