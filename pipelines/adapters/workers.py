"""Models asked in processes of their own, each with a deadline and a memory limit.

A model that hangs, crashes, fills the memory or is not what it says costs its own process, never the
one that asks. The children get no credentials: their environment is made anew.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipelines.adapters.worker import STARVED
from pipelines.core.contracts import Question, Reply

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
POLL_SECONDS = 0.01


@dataclass
class _Process:
    """A worker that imports what it needs, and waits for a question on its stdin."""

    process: subprocess.Popen[bytes]
    said: IO[bytes]
    told: IO[bytes]


@dataclass
class _Child:
    question: Question
    worker: _Process
    scores: Path
    started: float
    began: float  # the same moment, on the clock of files

    @property
    def process(self) -> subprocess.Popen[bytes]:
        return self.worker.process


class ProcessWorkers:
    """A process for each question; all of them at once.

    `seconds` is how long each may take, from its question to its answer; `memory_gb` its address space.
    """

    def __init__(self, seconds: float, memory_gb: float) -> None:
        self._seconds, self._memory = seconds, int(memory_gb * 2**30)
        self._idle: list[_Process] = []

    def expect(self) -> None:
        """Start a process already. If it is never asked, it ends with this one: its stdin closes."""
        self._idle.append(_spawn())

    @contextmanager
    def ask(self, questions: Sequence[Question]) -> Iterator[Iterator[tuple[Question, Reply]]]:
        """All are at work while the context lasts, and none is left running after it. Inside: each
        question with its reply, in the order in which they come, nobody waited for longer than the
        deadline.
        """
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="redeye-ask-")))
            stack.callback(self._dismiss)
            threads = max(1, len(os.sched_getaffinity(0)) // max(1, len(questions)))
            waiting = []
            for number, question in enumerate(questions):
                worker = self._idle.pop() if self._idle else _spawn()
                stack.callback(_end, worker)
                waiting.append(self._put(question, worker, scratch / f"{number}.npy", threads))
            yield self._replies(waiting)

    def _dismiss(self) -> None:
        while self._idle:
            _end(self._idle.pop())

    def _put(self, question: Question, worker: _Process, scores: Path, threads: int) -> _Child:
        asked = {
            "model": str(question.model.path),
            "form": question.model.form,
            "sha256": question.model.sha256,
            "table": str(question.table),
            "scores": str(scores),
            "memory_bytes": self._memory,
            "threads": threads,
        }
        assert worker.process.stdin is not None  # noqa: S101  for the type checker: it is a pipe
        with (
            suppress(BrokenPipeError),
            worker.process.stdin as stdin,
        ):  # its death is told by the reply
            stdin.write(json.dumps(asked).encode())
        return _Child(question, worker, scores, time.monotonic(), time.time())

    def _replies(self, waiting: list[_Child]) -> Iterator[tuple[Question, Reply]]:
        while waiting:
            ready = [child for child in waiting if self._is_over(child)]
            waiting = [child for child in waiting if child not in ready]
            for child in ready:
                yield child.question, self._reply(child)
            if waiting and not ready:
                time.sleep(POLL_SECONDS)

    def _is_over(self, child: _Child) -> bool:
        return child.process.poll() is not None or time.monotonic() - child.started > self._seconds

    def _reply(self, child: _Child) -> Reply:
        took = time.monotonic() - child.started
        said = os.fstat(child.worker.said.fileno())
        if said.st_size:  # whoever asks may have been busy when the answer came
            took = min(took, max(0.0, said.st_mtime - child.began))
        if child.process.poll() is None:
            _end(child.worker)
            why = f"it had not answered after {self._seconds:g} s"
            return Reply("late", why, took, None)
        return _read(child, took)


def _read(child: _Child, took: float) -> Reply:
    import numpy as np

    said = child.worker.said
    said.seek(0)
    try:
        reply = json.loads(said.read())
        if reply["outcome"] == "crashed":
            return _crash(reply["reason"], took)
        if reply["outcome"] != "answered":
            return Reply(reply["outcome"], reply["reason"], took, None)
        scores, (low, high) = np.load(child.scores, allow_pickle=False), reply["bounds"]
        return Reply("answered", "", took, scores, (float(low), float(high)))
    except (ValueError, KeyError, OSError):
        return _death(child, took)


def _death(child: _Child, took: float) -> Reply:
    """What ended a process that said nothing."""
    told = child.worker.told
    told.seek(0)
    last = " ".join(told.read().decode(errors="replace").strip().splitlines()[-3:])
    code = child.process.returncode
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    reply = _crash(last, took)
    return reply if reply.outcome != "crashed" else _crash(f"its process ended with {how}", took)


def _crash(why: str, took: float) -> Reply:
    if any(word in why for word in STARVED):
        return Reply("out of memory", "it needs more memory than it may use", took, None)
    return Reply("crashed", why, took, None)


def _spawn() -> _Process:
    said, told = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  _end closes them
    environ = {key: os.environ[key] for key in INHERITED if key in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.adapters.worker"],
        stdin=subprocess.PIPE,
        stdout=said,
        stderr=told,
        env={**environ, "OMP_WAIT_POLICY": "PASSIVE"},
        start_new_session=True,  # so that the whole of it can be killed
    )
    return _Process(process, said, told)


def _end(worker: _Process) -> None:
    if worker.process.poll() is None:
        os.killpg(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
    for file in (worker.process.stdin, worker.said, worker.told):
        if file is not None:
            with suppress(BrokenPipeError):
                file.close()
