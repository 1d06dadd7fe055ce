"""A night's process and its supervisor: a stage that the kernel kills costs the stage, not the night.

What memory that runs out, or a library that crashes, does to a process no `except` can catch. So the
command is run in a child; when a signal ends it, the next child runs the night again, whose stages know
what is done already. A stage in which two children ended is given up, and the others go on without it.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import sys
from collections import Counter
from types import FrameType

TRIES = 2  # as many as Airflow gives a stage that failed unexpectedly
PR_SET_PDEATHSIG = 1
NAME_BYTES = 64

_running: mmap.mmap | None = None  # the name of the stage, as the child has written it
_given_up: dict[str, str] = {}


def mark_stage(stage: str) -> None:
    """Say which stage runs now."""
    if _running is not None:
        _running[:] = stage.encode()[:NAME_BYTES].ljust(NAME_BYTES, b"\0")


def given_up() -> dict[str, str]:
    """The stages that ended their processes too often, and how."""
    return dict(_given_up)


def supervise() -> None:
    """Go on in a child, and in another one when a signal ended it; this process ends as the last did."""
    global _running  # noqa: PLW0603  whether a process is supervised is a fact of the process
    _running = mmap.mmap(-1, NAME_BYTES)
    killed: Counter[str] = Counter()
    while True:
        mark_stage("")
        sys.stdout.flush()
        sys.stderr.flush()
        supervisor = os.getpid()
        child = os.fork()
        if child == 0:
            die_with(supervisor)
            return
        code, stopped = _wait(child)
        if code >= 0 or stopped:
            os._exit(code if code >= 0 else 128 - code)
        stage = bytes(_running).rstrip(b"\0").decode()
        how = f"its process was ended by {signal.Signals(-code).name}"
        killed[stage] += 1
        if not stage or killed[stage] > TRIES:
            where = f"in {stage}" if stage else "outside of any stage"
            os.write(2, f"redeye night: {how}, {where}; run it again\n".encode())
            os._exit(1)
        if killed[stage] == TRIES:
            _given_up[stage] = f"{how}, {TRIES} times; see how much memory the machine has left"


def die_with(supervisor: int) -> None:
    """End this process when the supervisor is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:  # it was killed before
            os._exit(1)


def _wait(child: int) -> tuple[int, bool]:
    """How the child ended, and whether it was asked to: what asks this process asks the child."""
    asked = []

    def ask(signum: int, _frame: FrameType | None) -> None:
        asked.append(signum)
        os.kill(child, signum)

    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, ask),
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: asked.append(signal.SIGINT)),
    }  # a terminal interrupts both
    _, status = os.waitpid(child, 0)
    for signum, handler in before.items():
        signal.signal(signum, handler)
    return os.waitstatus_to_exitcode(status), bool(asked)
