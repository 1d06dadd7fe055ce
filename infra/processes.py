"""Components as processes: each in a session of its own, so that all it started can be found and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

GRACE_SECONDS = 8.0  # a stage that is stopped has half of it to clean up
LINGER_SECONDS = 1.0  # what a server may take to end by itself when it has nothing left to do


@dataclass(frozen=True)
class Component:
    """A running component: its process is the leader of a session with the same number."""

    name: str
    pid: int
    started: float  # a number of a process is used again; number and birth are not

    def is_alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            born, status = process.create_time(), process.status()
        except psutil.NoSuchProcess:
            return False
        return abs(born - self.started) < 1 and bool(status != psutil.STATUS_ZOMBIE)


def start(name: str, argv: Sequence[str], environ: Mapping[str, str], log: Path) -> Component:
    """Start a component; what it says goes to its log."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            argv,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Component(name, process.pid, psutil.Process(process.pid).create_time())


def stop(components: Iterable[Component]) -> None:
    """Ask everything in the components' sessions to stop, and make what does not within GRACE_SECONDS.

    The whole session is asked, not only its leader: Airflow's scheduler waits for its tasks, and on
    its own leaves them behind.
    """
    # A session outlives its leader; one that was never ours does not begin with our leader's birth.
    sessions = {c.pid: c.started for c in components}
    _signal(sessions, signal.SIGTERM)
    asked = time.monotonic()
    while members := _members(sessions):
        waited = time.monotonic() - asked
        at_work = any(_has_own_group(member.pid) for member in members)
        if waited > (GRACE_SECONDS if at_work else LINGER_SECONDS):
            break
        time.sleep(0.1)
    _signal(sessions, signal.SIGKILL)
    while _members(sessions) and time.monotonic() < asked + 2 * GRACE_SECONDS:
        time.sleep(0.05)


def _members(sessions: Mapping[int, float]) -> list[psutil.Process]:
    found = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            leader = os.getsid(pid)
            process = psutil.Process(pid)
            if (
                leader in sessions
                and process.create_time() >= sessions[leader] - 1
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
    _reap(sessions)
    return found


def _has_own_group(pid: int) -> bool:
    """Whether it is a task, or a stage that a task runs; servers and idle workers keep to theirs."""
    try:
        return os.getpgid(pid) != os.getsid(pid)
    except ProcessLookupError:
        return False


def _reap(pids: Iterable[int]) -> None:
    """Forget children that ended, or they would stay as zombies while this process lives."""
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _signal(sessions: Mapping[int, float], number: signal.Signals) -> None:
    for process in _members(sessions):
        with suppress(psutil.Error):
            process.send_signal(number)
