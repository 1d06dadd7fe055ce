"""Starts Airflow: its database, its components, and the wait until it has read the DAGs."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from infra.airflow_config import (
    LOOPBACK,
    POOLS,
    REPOSITORY,
    Home,
    component_environ,
    open_secrets,
    write_config,
)
from infra.postgres import migrate, start_postgres
from infra.processes import Component, start
from infra.running import Stack, stop_stack
from pipelines.core.config import Paths
from pipelines.core.errors import ConfigError

SERVER, SCHEDULER, READER, TRIGGERER = "api-server", "scheduler", "dag-processor", "triggerer"
COMPONENTS = {
    SERVER: [SERVER],
    READER: [READER],
    SCHEDULER: [SCHEDULER, "--skip-serve-logs"],
    TRIGGERER: [TRIGGERER, "--skip-serve-logs"],
}
AIRFLOW = str(Path(sys.executable).parent / "airflow")
DAGS = ("redeye_nightly", "redeye_backfill", "redeye_monitor", "redeye_promotion")


@dataclass(frozen=True)
class Boot:
    """Starts an Airflow, and says what it waits for."""

    home: Home
    say: Callable[[str], None]

    def __call__(self, address: str, *, schedule: bool) -> Stack:
        """A healthy Airflow at the address, DAGs read and unpaused; nothing is left if that fails."""
        began = datetime.now(UTC).isoformat()
        try:
            stack = self._start(Stack(address, schedule, os.getpid()))
            self._settle(stack, began)
        except BaseException:
            stop_stack(self.home)
            raise
        return stack

    def _start(self, stack: Stack) -> Stack:
        keys, database = open_secrets(self.home), start_postgres(self.home, self.say)
        write_config(self.home, keys, database, stack.address, schedule=stack.schedule)
        migrate(self.home, AIRFLOW, component_environ(self.home, os.environ))
        # The reader of DAGs costs as much as the scheduler: for one night it stays away if what it
        # read last time still stands.
        reads = stack.schedule or not _has_read(self.home)
        stack = self._grown(stack, SERVER, *[READER] * reads)
        # A task that starts before the server answers fails: there is no scheduler until it does.
        self._wait_for(stack, "metadatabase", SERVER)
        return self._grown(stack, SCHEDULER, *[TRIGGERER] * stack.schedule)

    def _grown(self, stack: Stack, *names: str) -> Stack:
        environ = component_environ(self.home, os.environ)
        for name in names:
            argv = [AIRFLOW, *COMPONENTS[name]]
            stack = stack.grown(self.home, start(name, argv, environ, self.home.log(name)))
        return stack

    def _wait_for(self, stack: Stack, part: str, name: str) -> None:
        """Until Airflow itself says that a part of it is healthy."""
        api = stack.api(self.home)
        stack.patience(self.home, self.say).until(
            lambda: api.health().get(part) == "healthy",
            f"Airflow's {name} ({self.home.log(name)} says why)",
        )

    def _settle(self, stack: Stack, began: str) -> None:
        api, started = stack.api(self.home, self.say), {one.name for one in stack.components}

        def read() -> bool:
            if broken := api.broken_since(began):
                raise ConfigError(f"the DAGs cannot be read: {broken}")
            return all(api.parsed_since(dag, began) for dag in DAGS)

        for name in (SCHEDULER, TRIGGERER):
            if name in started:
                self._wait_for(stack, name, name)
        api.make_pools(POOLS)
        if READER in started:
            fingerprint = _fingerprint()
            patience = stack.patience(self.home, self.say)
            patience.until(read, f"the DAGs ({self.home.log(READER)} says why)")
            _mark(self.home).write_text(fingerprint)
        for dag in DAGS:
            if not stack.schedule:
                api.give_up(dag)  # a night that was cut off must not go on beside this one
            api.unpause(dag)


def start_mlflow(home: Home, places: Paths, port: int) -> Component:
    """The MLflow UI, over the store that the stages write to."""
    words = ["server", "--host", LOOPBACK, "--port", str(port), "--workers", "1"]
    store = ["--backend-store-uri", places.tracking_uri]
    files = ["--artifacts-destination", str(places.var / "artifacts")]
    argv = [str(Path(sys.executable).parent / "mlflow"), *words, *store, *files]
    return start("mlflow", argv, component_environ(home, os.environ), home.log("mlflow"))


def _has_read(home: Home) -> bool:
    mark = _mark(home)
    return mark.exists() and mark.read_text() == _fingerprint()


def _mark(home: Home) -> Path:
    return home.postgres / "dags-fingerprint"  # it goes when the database goes


def _fingerprint() -> str:
    """SHA-256 over all that makes the DAGs what they are."""
    files = [REPOSITORY / "dvc.yaml", REPOSITORY / "params.yaml"]
    for folder in ("dags", "plugins", "pipelines/core"):
        files += sorted((REPOSITORY / folder).glob("*.py"))
    digest = hashlib.sha256(version("apache-airflow").encode())
    for file in files:
        digest.update(str(file).encode() + file.read_bytes())
    return digest.hexdigest()
