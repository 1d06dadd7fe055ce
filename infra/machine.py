"""Airflow on this machine: who comes first starts it, who leaves last stops it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from infra.api import Api, wait_until
from infra.database import migrate, start_postgres, stop_postgres
from infra.processes import Component, start, stop
from infra.settings import (
    LOGIN,
    LOOPBACK,
    POOLS,
    Home,
    airflow_environ,
    any_port,
    is_free,
    open_home,
    open_secrets,
    quiet_environ,
)
from pipelines.core.config import Places
from pipelines.core.errors import BusyError, ConfigError, TemporaryError

COMPONENTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
}
DAGS = ("redeye_nightly", "redeye_backfill")
BOOT_SECONDS = 180.0


@dataclass(frozen=True)
class Stack:
    """What runs: Airflow's address, the processes, and whether the schedule is on."""

    address: str
    schedule: bool
    owner: int  # the process that started it
    components: tuple[Component, ...]

    def is_alive(self) -> bool:
        return all(component.is_alive() for component in self.components)


@dataclass(frozen=True)
class Machine:
    """The Airflow of this checkout; `say` tells a person what takes so long."""

    places: Places
    say: Callable[[str], None]

    @property
    def home(self) -> Home:
        return open_home(self.places)

    @contextmanager
    def airflow(self, port: int, *, schedule: bool) -> Iterator[Stack]:
        """Airflow, healthy: the one that runs, or a new one. The last user to leave stops it."""
        with (self.home.path / "use.lock").open("w") as use:
            with self._alone():
                stack = self._found() or self._boot(port, schedule=schedule)
                fcntl.flock(use, fcntl.LOCK_SH)
            try:
                yield stack
            finally:
                with self._alone():
                    if _alone_with(use):
                        self.stop()

    def api(self, stack: Stack) -> Api:
        return Api(stack.address, LOGIN, open_secrets(self.home).password)

    def running(self) -> Stack | None:
        """What runs, as far as it is known."""
        try:
            told = json.loads(self.home.state.read_text())
        except FileNotFoundError:
            return None
        components = tuple(Component(**one) for one in told.pop("components"))
        return Stack(**told, components=components)

    def in_use(self) -> bool:
        """Whether a night, a backfill or `make up` works with what runs."""
        with (self.home.path / "use.lock").open("w") as use:
            return not _alone_with(use)

    def stop(self) -> None:
        """Stop all that runs; safe to call again."""
        if (stack := self.running()) is not None:
            stop(stack.components)
        stop_postgres(self.home)
        self.home.state.unlink(missing_ok=True)

    def _found(self) -> Stack | None:
        stack = self.running()
        if stack is None or stack.is_alive():
            return stack
        self.say("Airflow was left half running; starting it anew")
        self.stop()
        return None

    def _boot(self, port: int, *, schedule: bool) -> Stack:
        address = f"http://{LOOPBACK}:{_port(port, must=schedule)}"
        self.say("starting Airflow")
        began = datetime.now(UTC).isoformat()
        try:
            stack = self._start(Stack(address, schedule, os.getpid(), ()))
            self._settle(stack, began)
        except BaseException:
            self.stop()
            raise
        return stack

    def _start(self, stack: Stack) -> Stack:
        environ = quiet_environ(os.environ) | airflow_environ(
            self.home,
            open_secrets(self.home),
            start_postgres(self.home),
            stack.address,
            schedule=stack.schedule,
        )
        airflow = str(Path(sys.executable).parent / "airflow")
        migrate(self.home, airflow, environ)
        for name, words in self._wanted(schedule=stack.schedule).items():
            one = start(name, [airflow, *words], environ, self.home.log(name))
            stack = self._keep(stack, one)
        return stack

    def _wanted(self, *, schedule: bool) -> dict[str, list[str]]:
        """The components; for one night none that reads DAGs, if they are as they were."""
        mark = self._dags_mark
        same = mark.exists() and mark.read_text() == dags_fingerprint(self.places.repository)
        skipped = {"dag-processor"} if same and not schedule else set()
        return {name: words for name, words in COMPONENTS.items() if name not in skipped}

    @property
    def _dags_mark(self) -> Path:
        # In the database's own folder: it goes when the database goes.
        return self.home.postgres / "dags-fingerprint"

    def _keep(self, stack: Stack, component: Component) -> Stack:
        """Write down at once what was started, so that it can be stopped whatever happens."""
        grown = Stack(stack.address, stack.schedule, stack.owner, (*stack.components, component))
        self.home.state.write_text(json.dumps(asdict(grown)))
        return grown

    def _settle(self, stack: Stack, began: str) -> None:
        """Wait until Airflow is healthy and has read the DAGs as they are now."""
        api = self.api(stack)

        def up() -> bool:
            self._check(stack)
            health = api.health()
            return health.get("scheduler") == "healthy"

        def read() -> bool:
            self._check(stack)
            if broken := api.broken():
                raise ConfigError(f"the DAGs cannot be read: {broken}")
            return all(api.parsed_since(dag, began) for dag in DAGS)

        wait_until(up, BOOT_SECONDS, f"Airflow ({self.home.log('scheduler').parent} says why)")
        api.make_pools(POOLS)
        if any(component.name == "dag-processor" for component in stack.components):
            fingerprint = dags_fingerprint(self.places.repository)
            wait_until(read, BOOT_SECONDS, f"the DAGs ({self.home.log('dag-processor')} says why)")
            self._dags_mark.write_text(fingerprint)
        for dag in DAGS:
            if not stack.schedule:
                api.give_up(dag)
            api.unpause(dag)

    def _check(self, stack: Stack) -> None:
        for component in stack.components:
            if not component.is_alive():
                raise TemporaryError(
                    f"Airflow's {component.name} ended by itself; "
                    f"{self.home.log(component.name)} says why"
                )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While Airflow is started or stopped, others wait."""
        with (self.home.path / "boot.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def dags_fingerprint(repository: Path) -> str:
    """SHA-256 over all that makes the DAGs what they are."""
    files = [repository / "dvc.yaml"]
    for folder in ("dags", "pipelines/core"):
        files += sorted((repository / folder).glob("*.py"))
    digest = hashlib.sha256(version("apache-airflow").encode())
    for file in files:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _alone_with(lock: object) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[arg-type]  # an open file
    except BlockingIOError:
        return False
    return True


def _port(wanted: int, *, must: bool) -> int:
    if is_free(wanted):
        return wanted
    if must:
        raise BusyError(
            f"port {wanted} is taken by another program; stop it, or choose another: "
            f"AIRFLOW_PORT=8090 make up"
        )
    return any_port()
