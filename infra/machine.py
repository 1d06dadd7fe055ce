"""Airflow on this machine, shared: who comes first starts it, who leaves last stops it."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from infra.airflow_config import LOOPBACK, Home, any_port, is_free
from infra.local_airflow import Boot
from infra.running import Stack, read_stack, stop_stack
from pipelines.core.errors import BusyError


@dataclass(frozen=True)
class Machine:
    """The Airflow of this checkout; `say` tells a person what takes so long."""

    home: Home
    say: Callable[[str], None]

    @contextmanager
    def airflow(self, port: int | None = None) -> Iterator[Stack]:
        """Airflow, healthy: the one that runs, or a new one. The last user to leave stops it.

        With a port it is there for people: its pages are at that port, and the schedule is on.
        """
        with (self.home.path / "use.lock").open("w") as use:
            with self._alone():
                stack = self._boot(port) if _is_only_user(use) else self._found()
                fcntl.flock(use, fcntl.LOCK_SH)
            try:
                yield stack
            finally:
                with self._alone():
                    if _is_only_user(use):
                        stop_stack(self.home)

    def in_use(self) -> bool:
        """Whether a night, a backfill or `make up` works with what runs."""
        with (self.home.path / "use.lock").open("w") as use:
            return not _is_only_user(use)

    def _found(self) -> Stack:
        """What others use at this moment."""
        stack = read_stack(self.home)
        if stack is None or not stack.is_alive():
            raise BusyError("an Airflow that is in use has broken down; wait for its users to end")
        return stack

    def _boot(self, port: int | None) -> Stack:
        if read_stack(self.home) is not None:
            self.say("stopping an Airflow that was left behind")
            stop_stack(self.home)
        if port is not None:
            require_free(port, "AIRFLOW_PORT")
        self.say("starting Airflow")
        address = f"http://{LOOPBACK}:{port or any_port()}"
        return Boot(self.home, self.say)(address, schedule=port is not None)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While Airflow is started or stopped, others wait."""
        with (self.home.path / "boot.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def require_free(port: int, variable: str) -> None:
    """Raises BusyError if somebody listens there already."""
    if not is_free(port):
        raise BusyError(
            f"port {port} is taken by another program; stop it, or choose another: "
            f"{variable}={port + 10} make up"
        )


def _is_only_user(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
