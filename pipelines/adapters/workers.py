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
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipelines.core.contracts import Question, Reply

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
POLL_SECONDS = 0.01
STARVED = (  # how libraries say that there is no memory left
    "MemoryError",
    "bad_alloc",
    "Cannot allocate memory",
    "Unable to allocate",
    "failed to map segment",
)


@dataclass
class _Child:
    question: Question
    process: subprocess.Popen[bytes]
    scores: Path
    said: IO[bytes]
    told: IO[bytes]
    started: float


class ProcessWorkers:
    """A process for each question; all of them at once.

    `seconds` is how long each may take, from its start to its answer; `memory_gb` its address space.
    """

    def __init__(self, seconds: float, memory_gb: float) -> None:
        self._seconds, self._memory = seconds, int(memory_gb * 2**30)

    def ask(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Reply]]:
        """Each question with its reply, in the order in which they come; nobody is waited for longer
        than the deadline, and none is left running.
        """
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="redeye-ask-")))
            threads = max(1, len(os.sched_getaffinity(0)) // max(1, len(questions)))
            waiting = []
            for number, question in enumerate(questions):
                child = self._start(question, scratch / f"{number}", threads, stack)
                stack.callback(_end, child.process)
                waiting.append(child)
            while waiting:
                ready = [child for child in waiting if self._is_over(child)]
                waiting = [child for child in waiting if child not in ready]
                for child in ready:
                    yield child.question, self._reply(child)
                if waiting and not ready:
                    time.sleep(POLL_SECONDS)

    def _start(self, question: Question, name: Path, threads: int, stack: ExitStack) -> _Child:
        asked = {
            "model": str(question.model.path),
            "form": question.model.form,
            "sha256": question.model.sha256,
            "table": str(question.table),
            "scores": str(name.with_suffix(".npy")),
            "memory_bytes": self._memory,
        }
        given = name.with_suffix(".json")
        given.write_text(json.dumps(asked))
        stdin, said, told = (
            stack.enter_context(path.open(mode))
            for path, mode in (
                (given, "rb"),
                (name.with_suffix(".out"), "w+b"),
                (name.with_suffix(".err"), "w+b"),
            )
        )
        environ = {key: os.environ[key] for key in INHERITED if key in os.environ}
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.adapters.worker"],
            stdin=stdin,
            stdout=said,
            stderr=told,
            env={**environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"},
            start_new_session=True,  # so that the whole of it can be killed
        )
        return _Child(
            question, process, name.with_suffix(".npy"), said, told, started=time.monotonic()
        )

    def _is_over(self, child: _Child) -> bool:
        return child.process.poll() is not None or time.monotonic() - child.started > self._seconds

    def _reply(self, child: _Child) -> Reply:
        took = time.monotonic() - child.started
        if child.process.poll() is None:
            _end(child.process)
            why = f"it had not answered after {self._seconds:g} s"
            return Reply("late", why, took, None)
        return _read(child, took)


def _read(child: _Child, took: float) -> Reply:
    import numpy as np

    child.said.seek(0)
    try:
        reply = json.loads(child.said.read())
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
    child.told.seek(0)
    last = " ".join(child.told.read().decode(errors="replace").strip().splitlines()[-3:])
    code = child.process.returncode
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    reply = _crash(last, took)
    return reply if reply.outcome != "crashed" else _crash(f"its process ended with {how}", took)


def _crash(why: str, took: float) -> Reply:
    if any(word in why for word in STARVED):
        return Reply("out of memory", "it needs more memory than it may use", took, None)
    return Reply("crashed", why, took, None)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
