"""Starts Airflow: its database, its components, and the wait until it has read the DAGs."""

from __future__ import annotations

import hashlib
import os
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from infra.api import wait_until
from infra.database import migrate, start_postgres
from infra.processes import Component, start
from infra.running import Stack, check_alive, stop_stack
from infra.settings import (
    LOOPBACK,
    POOLS,
    REPOSITORY,
    Home,
    component_environ,
    open_secrets,
    write_config,
)
from pipelines.core.config import Places
from pipelines.core.errors import ConfigError

READER = "dag-processor"
COMPONENTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    READER: [READER],
}
DAGS = ("redeye_nightly", "redeye_backfill", "redeye_monitor", "redeye_promotion")
BOOT_SECONDS = 180.0


def boot(home: Home, address: str, *, schedule: bool) -> Stack:
    """A healthy Airflow at the address, DAGs read and unpaused; nothing is left if that fails."""
    began = datetime.now(UTC).isoformat()
    try:
        stack = _start(home, Stack(address, schedule, os.getpid()))
        _settle(home, stack, began)
    except BaseException:
        stop_stack(home)
        raise
    return stack


def _start(home: Home, stack: Stack) -> Stack:
    keys, database = open_secrets(home), start_postgres(home)
    write_config(home, keys, database, stack.address, schedule=stack.schedule)
    environ = component_environ(home, os.environ)
    airflow = str(Path(sys.executable).parent / "airflow")
    migrate(home, airflow, environ)
    # The reader of DAGs costs as much as the scheduler: for one night it stays away if what it
    # read last time still stands.
    spare = {READER} if not stack.schedule and _has_read(home) else set()
    for name, words in COMPONENTS.items():
        if name not in spare:
            one = start(name, [airflow, *words], environ, home.log(name))
            stack = stack.grown(home, one)
    return stack


def _settle(home: Home, stack: Stack, began: str) -> None:
    api = stack.api(home)

    def healthy() -> bool:
        check_alive(home, stack.components)
        return api.health().get("scheduler") == "healthy"

    def read() -> bool:
        check_alive(home, stack.components)
        if broken := api.broken_since(began):
            raise ConfigError(f"the DAGs cannot be read: {broken}")
        return all(api.parsed_since(dag, began) for dag in DAGS)

    wait_until(healthy, BOOT_SECONDS, f"Airflow ({home.path / 'logs'} says why)")
    api.make_pools(POOLS)
    if any(component.name == READER for component in stack.components):
        fingerprint = _fingerprint()
        wait_until(read, BOOT_SECONDS, f"the DAGs ({home.log(READER)} says why)")
        _mark(home).write_text(fingerprint)
    for dag in DAGS:
        if not stack.schedule:
            api.give_up(dag)  # a night that was cut off must not go on beside this one
        api.unpause(dag)


def start_mlflow(home: Home, places: Places, port: int) -> Component:
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
    files = [REPOSITORY / "dvc.yaml"]
    for folder in ("dags", "pipelines/core"):
        files += sorted((REPOSITORY / folder).glob("*.py"))
    digest = hashlib.sha256(version("apache-airflow").encode())
    for file in files:
        digest.update(str(file).encode() + file.read_bytes())
    return digest.hexdigest()
