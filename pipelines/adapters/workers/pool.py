"""Models asked in processes of their own, each with a deadline and limits of memory and of what it writes.

A model that hangs, crashes, fills the memory or is not what it says costs its own process, never the
one that asks. The children get no credentials: their environment is made anew.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING
from weakref import finalize

from pipelines.adapters.workers.child import REPLY_BYTES, STARVED
from pipelines.core.atomic_files import scratch_file, scratch_folder
from pipelines.core.errors import TemporaryError
from pipelines.training.ports import ScoringRequest, ScoringResult

if TYPE_CHECKING:
    import pandas as pd

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
POLL_SECONDS = 0.01
GRACE_SECONDS = 2.0
READY_SECONDS = 300.0  # for importing what models need, which is no model's fault
ON_ITS_OWN = "its process ended with"


@dataclass
class _Parent:
    """The process that imports what models need, and starts a child for each question."""

    process: subprocess.Popen[bytes]
    told: IO[bytes]
    begun: float
    ready: float | None = None  # since it was heard that all is imported
    imported: float = 0.0  # when that was, on the clock of files
    ended: dict[int, int] = field(default_factory=dict)  # question → exit code of its child
    _rest: bytes = b""

    def send(self, order: dict[str, object]) -> None:
        assert self.process.stdin is not None  # noqa: S101  for the type checker: it is a pipe
        with suppress(BrokenPipeError):  # its death is told by the replies
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()

    def listen(self, seconds: float) -> None:
        """Hear which children have ended; wait so long for the first of them."""
        assert self.process.stdout is not None  # noqa: S101  for the type checker: it is a pipe
        out = self.process.stdout.fileno()
        if not select.select([out], [], [], seconds)[0]:
            return
        said = os.read(out, 2**16)
        if not said:
            self.process.wait()
        *lines, self._rest = (self._rest + said).split(b"\n")
        for order in map(json.loads, lines):
            if "ready" in order:
                self.ready, self.imported = time.monotonic(), order["ready"]
            else:
                self.ended[order["number"]] = order["code"]

    def spent(self, child: _Child) -> float:
        """Seconds that a child has had, since the libraries are there."""
        now = time.monotonic()
        return now - max(child.started, now if self.ready is None else self.ready)

    def is_too_slow(self) -> bool:
        """Whether what models need is not imported in READY_SECONDS."""
        return self.ready is None and time.monotonic() - self.begun > READY_SECONDS


@dataclass
class _Child:
    number: int
    question: ScoringRequest
    reply: Path
    scores: Path
    told: Path
    rows: int
    seconds: float  # it may take
    started: float
    began: float  # the same moment, on the clock of files


class ProcessWorkers:
    """A process for each question; all of them at once.

    `seconds` is how long each may take for the rows of a day, from its question to its answer, once the
    libraries are imported; `memory_gb` its address space. The process that imports them and starts the
    others stays for the next questions.
    """

    def __init__(self, seconds: float, memory_gb: float) -> None:
        self._seconds, self._memory = seconds, int(memory_gb * 2**30)
        self._parent: _Parent | None = None
        self._end: Callable[[], object] = lambda: None
        self._asked = 0

    def prewarm(self) -> None:
        """Import already what models need. What is never asked ends with this process: its stdin closes."""
        if self._parent is None or self._parent.process.poll() is not None:
            self.close()
            self._parent = _spawn()
            ending = finalize(self, _end, self._parent)  # when nobody has this any more
            ending.atexit = False
            self._end = ending

    def close(self) -> None:
        """End what was started."""
        self._end()
        self._parent = None

    @contextmanager
    def ask(
        self, questions: Sequence[ScoringRequest]
    ) -> Iterator[Iterator[tuple[ScoringRequest, ScoringResult]]]:
        """All are at work while the context lasts, and none is left running after it. Inside: each
        question with its reply, in the order in which they come, nobody waited for longer than the
        deadline.
        """
        if not questions:
            yield iter(())
            return
        self.prewarm()
        parent = self._parent
        assert parent is not None  # noqa: S101  for the type checker: it was just started
        with scratch_folder() as scratch:
            waiting = self._put(questions, parent, scratch)
            try:
                yield self._replies(waiting, parent)
            finally:
                for child in waiting:
                    parent.send({"end": child.number})
                while waiting and parent.process.poll() is None:
                    parent.listen(POLL_SECONDS)
                    waiting = [one for one in waiting if one.number not in parent.ended]
                    if not parent.ready:
                        self.close()

    def _put(
        self, questions: Sequence[ScoringRequest], parent: _Parent, scratch: Path
    ) -> list[_Child]:
        threads = max(1, len(os.sched_getaffinity(0)) // len(questions))
        tables: dict[int, Path] = {}
        waiting = []
        for question in questions:
            self._asked += 1
            number = self._asked
            table, rows = _table(question.table, scratch, tables)
            reply, scores, told = (scratch / f"{number}.{it}" for it in ("reply", "scores", "told"))
            told.touch()
            asked = {
                "number": number,
                "model": str(question.model.path),
                "form": question.model.form,
                "sha256": question.model.sha256,
                "table": str(table) if table else None,
                "rows": rows,
                "reply": str(reply),
                "scores": str(scores),
                "told": str(told),
                "memory_bytes": self._memory,
                "threads": threads,
            }
            may = self._seconds * max(1, question.days)
            waiting.append(
                _Child(
                    number, question, reply, scores, told, rows, may, time.monotonic(), time.time()
                )
            )
            parent.send(asked)
        return waiting

    def _replies(
        self, waiting: list[_Child], parent: _Parent
    ) -> Iterator[tuple[ScoringRequest, ScoringResult]]:
        """`waiting` loses those that are over."""
        while waiting:
            parent.listen(0)  # whoever asks may have been busy since they ended
            over = [child for child in waiting if _is_over(child, parent)]
            for child in over:
                waiting.remove(child)
                yield child.question, self._reply(child, parent)
            if waiting and not over:
                parent.listen(POLL_SECONDS)

    def _reply(self, child: _Child, parent: _Parent) -> ScoringResult:
        if child.number in parent.ended:
            return _read(child, parent)
        took = parent.spent(child)
        if parent.process.poll() is not None:
            return _death(parent.told, parent.process.returncode, took)
        parent.send({"end": child.number})
        if parent.is_too_slow():
            why = f"the libraries of models were not imported after {READY_SECONDS:g} s"
            return ScoringResult("late", why, took, None)
        return ScoringResult("late", f"it had not answered after {child.seconds:g} s", took, None)


def _table(
    table: Path | pd.DataFrame | None, scratch: Path, written: dict[int, Path]
) -> tuple[Path | None, int]:
    """Where the rows are, and how many; a frame is written down once."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if table is None:
        return None, 0
    if isinstance(table, Path):
        return table, pq.read_metadata(table).num_rows
    path = written.setdefault(id(table), scratch / f"{len(written)}.parquet")
    if not path.exists():
        try:
            pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path)
        except OSError as error:
            raise TemporaryError(
                f"{path}: cannot be written ({error.strerror or error}); make room, and run the same "
                f"command again"
            ) from error
    return path, len(table)


def _is_over(child: _Child, parent: _Parent) -> bool:
    return (
        child.number in parent.ended
        or parent.process.poll() is not None
        or parent.spent(child) > child.seconds
        or parent.is_too_slow()
    )


def _read(child: _Child, parent: _Parent) -> ScoringResult:
    import numpy as np

    code, took = parent.ended.pop(child.number), time.monotonic() - child.started
    try:
        # Whoever asks may have been busy when the answer came.
        began = max(child.began, parent.imported)
        took = min(took, max(0.0, child.reply.stat().st_mtime - began))
        reply = json.loads(_some(child.reply, REPLY_BYTES))
        if reply["outcome"] == "crashed":
            return _crash(reply["reason"], took)
        if reply["outcome"] != "answered":
            return ScoringResult("refused", reply["reason"], took, None)
        (low, high), features = reply["bounds"], tuple(map(str, reply["features"]))
        scores = None
        if child.question.table is not None:
            scores = np.frombuffer(_some(child.scores, 8 * child.rows + 8), dtype="float64")
        return ScoringResult("answered", "", took, scores, (float(low), float(high)), features)
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        with child.told.open("rb") as told:
            return _death(told, code, took)


def _some(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most)


def _death(told: IO[bytes], code: int, took: float) -> ScoringResult:
    """What ended a process that said nothing."""
    told.seek(0)
    last = " ".join(told.read(REPLY_BYTES).decode(errors="replace").strip().splitlines()[-3:])
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    reply = _crash(last, took)
    return reply if reply.outcome != "crashed" else _crash(f"{ON_ITS_OWN} {how}", took)


def _crash(why: str, took: float) -> ScoringResult:
    if any(word in why for word in STARVED):
        return ScoringResult("out of memory", "it needs more memory than it may use", took, None)
    return ScoringResult("crashed", why, took, None)


def _spawn() -> _Parent:
    told = scratch_file()  # _end closes it
    environ = {key: os.environ[key] for key in INHERITED if key in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.adapters.workers.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=told,
        env={**environ, "OMP_WAIT_POLICY": "PASSIVE"},
        start_new_session=True,  # so that the whole of it can be killed
    )
    return _Parent(process, told, time.monotonic())


def _end(parent: _Parent) -> None:
    process = parent.process
    with suppress(BrokenPipeError):
        if process.stdin is not None:
            process.stdin.close()
    if parent.ready:  # it ends its children first, if it can
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for file in (process.stdout, parent.told):
        if file is not None:
            file.close()
