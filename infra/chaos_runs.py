"""Commands in processes of their own that can be killed, and what is there afterwards."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from signal import SIGKILL
from typing import Any, ClassVar, cast

from pipelines.app.services import Redeye, open_redeye, stores_of
from pipelines.core.errors import RedeyeError, TemporaryError
from pipelines.core.fault_injection import ANY, VARIABLE, counted

HEAVY = (  # imported once, so that a life costs what it does, not what it imports
    *("pipelines.cli", "pandas", "pyarrow.parquet", "sqlalchemy", "duckdb", "dvc.repo"),
    *("mlflow", "great_expectations", "sklearn.pipeline", "xgboost", "skops.io"),
)
LONGEST_SECONDS = 3600.0  # what takes longer hangs
NEVER = f"{ANY}:delay:{10**9}"  # points are counted, and none of them fails
Row = tuple[float, float | None, str, str | None]  # score, label, who answered, its version
Who = tuple[str, str | None]


@dataclass(frozen=True)
class Snapshot:
    """What consumers, and `redeye verify`, find of two nights."""

    rows: Mapping[tuple[date, str], Row]
    doubled: int
    approved: frozenset[Who]  # of those who answer
    broken: tuple[str, ...]
    ledger: tuple[tuple[str, str], ...] = ()
    # Of each dataset, by checksum.
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def unapproved(self, approved: Collection[Who]) -> int:
        """Rows of a version that was not proven, or of nobody."""
        return sum((row[2], row[3]) not in approved for row in self.rows.values())

    def unlike(self, other: Snapshot) -> list[str]:
        """What is other than there, but for the rows."""
        found = [
            f"{name} has other rows" for name in self.files if self.files[name] != other.files[name]
        ]
        if self.ledger != other.ledger:
            found.append(f"the ledger has {self.ledger} instead of {other.ledger}")
        return found


@dataclass(frozen=True)
class Lives:
    """Commands in one root, each in a process of its own, in silence."""

    MOMENT: ClassVar[str] = "a random moment"

    context: ForkServerContext
    environ: Mapping[str, str]
    said: Path  # what the last one said

    def within(self, environ: Mapping[str, str]) -> Lives:
        """The same with other places."""
        return Lives(self.context, {**self.environ, **environ}, self.said)

    def run(self, *words: str) -> int:
        return self._end(self._start(_live, words))

    def count(self, *words: str) -> tuple[int, Counter[str]]:
        """Run one: its exit code, and how often it reached each point."""
        points, code = self._hear(_live, words, fault=NEVER)
        return code, points

    def kill(self, words: Sequence[str], fault: str, seconds: float) -> str | None:
        """Begin one, and kill it at a point or after some seconds: where; None if it ended before."""
        process = self._start(_live, words, fault=fault)
        if not fault:
            process.join(seconds)
            process.kill()
        if self._end(process) != -SIGKILL:
            return None
        return fault.partition(":")[0] or self.MOMENT

    def look(self, day: date) -> Snapshot:
        """Everything there is of the day and the one before it, and what `redeye verify` says."""
        return self._see(day, _seen)

    def glance(self, day: date) -> Snapshot:
        """What consumers read of the two days, and whether the warehouse tells of them as it should."""
        return self._see(day, _glanced)

    def _see(
        self, day: date, how: Callable[[Redeye, Mapping[str, str], date], Snapshot]
    ) -> Snapshot:
        seen, _ = self._hear(_look, day, how)
        if isinstance(seen, RedeyeError):
            raise seen
        return cast("Snapshot", seen)

    def last_words(self) -> str:
        """The last line that a command printed."""
        lines = self.said.read_text(errors="replace").split("\n") if self.said.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def _hear(self, work: Any, *words: Any, fault: str = "") -> tuple[Any, int]:
        """What a process tells, and its exit code."""
        ours, theirs = self.context.Pipe(duplex=False)
        with ours:
            process = self._start(work, *words, theirs, fault=fault)
            theirs.close()  # so that nobody waits for who died
            try:
                told = ours.recv()
            except EOFError as error:
                self._end(process)
                raise TemporaryError(f"a command died: {self.last_words()}") from error
            return told, self._end(process)

    def _start(self, work: Any, *words: Any, fault: str = "") -> ForkServerProcess:
        environ = {**self.environ, VARIABLE: fault}
        process = self.context.Process(target=work, args=(self.said, environ, *words))
        process.start()
        return process

    def _end(self, process: ForkServerProcess) -> int:
        process.join(LONGEST_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise TemporaryError(f"a command ran for over {LONGEST_SECONDS:.0f} s: it hangs")
        return process.exitcode


def _settle(said: Path, environ: Mapping[str, str]) -> None:
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.environ.clear()
    os.environ.update({key: value for key, value in environ.items() if value})


def _live(
    said: Path, environ: Mapping[str, str], words: Sequence[str], told: Connection | None = None
) -> None:
    """One command in this process."""
    from pipelines.cli import main

    _settle(said, environ)
    code = main(list(words), environ)
    if told:
        told.send(counted())
    sys.exit(code)


def _look(
    said: Path,
    environ: Mapping[str, str],
    day: date,
    how: Callable[[Redeye, Mapping[str, str], date], Snapshot],
    told: Connection,
) -> None:
    """Look at what there is, in this process."""
    _settle(said, environ)
    try:
        told.send(how(open_redeye(environ), environ, day))
    except RedeyeError as error:
        told.send(error)


def _glanced(redeye: Redeye, _environ: Mapping[str, str], day: date) -> Snapshot:
    from pipelines.audit.predictions import check_book

    problem, warehouse, books = (
        redeye.services[name]() for name in ("problem", "warehouse", "books")
    )
    days = (day - timedelta(days=1), day)
    found = warehouse.predictions(*days)
    names = ["score", "label", "answered_by", "model_version"]
    plain = found[names].astype(object).where(found[names].notna(), None)
    keys = list(zip(found["day"], found["event_key"], strict=True))
    wrong = [one for each in days for one in check_book(books.open(each), problem.cutoff(each))]
    return Snapshot(
        rows=dict(zip(keys, plain.itertuples(index=False, name=None), strict=True)),
        doubled=len(keys) - len(set(keys)),
        approved=frozenset(),
        broken=tuple(f"{one.invariant} {one.where}: {one.what}" for one in wrong),
    )


def _seen(redeye: Redeye, environ: Mapping[str, str], day: date) -> Snapshot:
    from pipelines.audit.lake import datasets
    from pipelines.audit.verify import verify

    seen, stores = _glanced(redeye, environ, day), stores_of(redeye, environ)
    answered = {(row[2], row[3]) for row in seen.rows.values()}
    wrong = [one for invariant in verify(stores).broken for one in invariant.breaches]
    return replace(
        seen,
        approved=frozenset(who for who in answered if _is_approved(redeye, *who)),
        broken=tuple(f"{one.invariant} {one.where}: {one.what}" for one in wrong),
        ledger=tuple((one.kind, one.version) for one in stores.warehouse.ledger()),
        files={
            name: tuple(one.sha256 for one in stores.lake.find(name, date.min, date.max))
            for name in datasets(stores.problem)
        },
    )


def _is_approved(redeye: Redeye, answered_by: str, number: str | None) -> bool:
    """Whether a version may serve, or it is the baseline that answered."""
    from pipelines.promotion.eligibility import ineligibility

    if number is None:
        return answered_by == "baseline"
    registry, warehouse = redeye.services["registry"](), redeye.services["warehouse"]()
    version = registry.version(number)
    return version is not None and ineligibility(version, None, warehouse.blessing) is None
