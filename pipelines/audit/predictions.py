"""The invariants of publishing (I1 to I4, I7, I10), asked of one day's book."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from pipelines.audit.invariants import BACKUP, Breach
from pipelines.audit.ports import DayAudit
from pipelines.core.records import ScoringRun


def check_book(book: DayAudit, cutoff: datetime) -> Iterator[Breach]:
    """Everything that is wrong with a day in the warehouse; `cutoff` is the day's."""
    yield from _conserved(book)
    yield from _once(book)
    yield from _whole(book)
    yield from _repeatable(book)
    yield from _fenced(book)
    yield from _blind(book, cutoff)


def _breach(name: str, book: DayAudit, what: str, repair: str = "redeye repair") -> Breach:
    where = f"predictions {book.day}"
    return Breach(
        invariant=name, where=where, what=what, next=repair, otherwise=_otherwise(name, book)
    )


def _otherwise(name: str, book: DayAudit) -> str:
    """What is left to do when `redeye repair` could not."""
    if name in ("I2", "I3"):
        return _again(book)
    return BACKUP


def _again(book: DayAudit) -> str:
    return f"redeye score --day {book.day} --republish"


def _conserved(book: DayAudit) -> Iterator[Breach]:
    run = _published(book)
    if run and run.landed is not None:
        aside = run.quarantined or 0
        if run.landed != run.events + aside:
            yield _breach(
                "I1",
                book,
                f"{run.landed} rows landed, but {run.events} were scored and {aside} quarantined",
                f"redeye night --day {book.day}",
            )


def _once(book: DayAudit) -> Iterator[Breach]:
    now = book.current
    if now and now.rows != now.events:
        yield _breach("I2", book, f"{now.rows} rows answer {now.events} events")


def _whole(book: DayAudit) -> Iterator[Breach]:
    run, now = _published(book), book.current
    if book.run_id is None or now is None or now.rows != now.events:
        return
    if run is None:
        yield _breach("I3", book, f"the pointer names run {book.run_id}, which is not of this day")
    elif set(now.run_ids) - {run.run_id}:
        yield _breach("I3", book, f"rows of {', '.join(now.run_ids)} are seen at once")
    elif now.rows != run.events:
        yield _breach("I3", book, f"{now.rows} rows of run {run.run_id} instead of {run.events}")
    elif now.checksum != run.checksum:
        yield _breach("I3", book, f"the scores of run {run.run_id} are not those it published")
    elif run.rollout is None and now.rows and now.by != ((run.answered_by, run.model_version),):
        yield _breach(
            "I3",
            book,
            f"rows of run {run.run_id} name another contender or version than {run.answered_by}",
        )


def _repeatable(book: DayAudit) -> Iterator[Breach]:
    for run_id in sorted({move.run_id for move in book.moves} - {book.run_id}):
        if book.copy_of(run_id) is None:
            what = f"run {run_id} was published before and is not kept whole"
            yield _breach("I4", book, what)
    for contender in book.altered:
        what = f"the scores of {contender} beside run {book.run_id} are not those that it gave"
        yield _breach("I4", book, what)
    seen: dict[tuple[object, ...], ScoringRun] = {}
    for run in book.runs.values():
        if run.model_sha256 is None or run.rollout is not None:
            continue  # the baseline's answer, and a share of the keys, depend on more than these
        work = (run.features_sha256, run.answered_by, run.model_version, run.model_sha256)
        other = seen.setdefault(work, run)
        if other.checksum != run.checksum:
            what = f"runs {other.run_id} and {run.run_id} did the same work with other results"
            yield _breach("I4", book, what, _again(book))


def _fenced(book: DayAudit) -> Iterator[Breach]:
    moves = book.moves
    chain = [None, *(move.run_id for move in moves)]
    torn = [move for move, before in zip(moves, chain, strict=False) if move.before != before]
    if torn:
        what = (
            f"the move with token {torn[0].token} came from {torn[0].before}, which was not there"
        )
        yield _breach("I7", book, what)
    if any(later.token <= earlier.token for earlier, later in pairwise(moves)):
        yield _breach("I7", book, "the tokens of its moves do not increase")
    if book.run_id is None:
        if moves:
            yield _breach("I7", book, "it was published, and its pointer is gone")
        return
    if not moves or moves[-1].run_id != book.run_id:
        yield _breach("I7", book, f"no move led to run {book.run_id}, which the pointer names")
    elif book.token < moves[-1].token or book.fence < book.token:
        what = f"the pointer has token {book.token}, given out were {book.fence}, moved {moves[-1].token}"
        yield _breach("I7", book, what)


def _blind(book: DayAudit, cutoff: datetime) -> Iterator[Breach]:
    run = _published(book)
    knew = run.trained_until if run else None
    if run and knew and knew >= book.day and "though it learned" not in run.reason:
        what = f"its model learned from days until {knew}, and the reason hides it"
        yield _breach("I10", book, what, _again(book))
    if book.first_known_at and book.first_known_at < cutoff:
        yield Breach(
            invariant="I10",
            where=f"outcomes {book.day}",
            what=f"one was known at {book.first_known_at}, before the cutoff {cutoff}",
            next="redeye repair",
            otherwise=f"add a rule on `known_at` to the table's suite in expectations/, then run "
            f"`redeye validate --day {book.day}`",
        )


def _published(book: DayAudit) -> ScoringRun | None:
    return book.runs.get(book.run_id) if book.run_id else None
