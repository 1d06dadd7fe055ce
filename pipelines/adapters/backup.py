"""A copy of what cannot be made again: the warehouse, the registry with its models, and the pointers to data.

A SQLite file that is copied by hand may lack what its write-ahead log holds; its own backup does not.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from pipelines.adapters.database.connection import parse_url
from pipelines.core.config import Paths
from pipelines.core.errors import TemporaryError, UsageError
from pipelines.core.records import Record

FOLDERS = ("artifacts", "models", "versions")  # of var/


class Backup(Record):
    """backup: what was copied, and what has to be kept by other means."""

    to: str
    copied: tuple[str, ...]  # below `to`, as below the root
    elsewhere: tuple[str, ...]


def back_up(places: Paths, to: Path) -> Backup:
    """Copy into a new folder, in the places that the files have below the root.

    The registry comes before the warehouse, whose runs and ledger name its versions. Raises UsageError
    for a folder that is not empty, TemporaryError when it cannot be written.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(f"{to}: is not empty, and would be mixed up; name a new folder")
    copied, elsewhere = [], [f"{places.data}: raw data come back with `redeye data checkout`"]
    try:
        for variable, url in (
            ("MLFLOW_TRACKING_URI", places.tracking_uri),
            ("REDEYE_DATABASE_URL", places.database_url),
        ):
            name = "mlflow.db" if variable == "MLFLOW_TRACKING_URI" else "redeye.db"
            if url.startswith("sqlite:"):
                _copy_database(Path(str(parse_url(url).database)), to / "var" / name)
                copied.append(f"var/{name}")
            else:
                elsewhere.append(_server(variable, url, name))
        for folder in FOLDERS:
            if (places.var / folder).is_dir():
                shutil.copytree(places.var / folder, to / "var" / folder)
                copied.append(f"var/{folder}")
    except (OSError, sqlite3.Error) as error:
        raise TemporaryError(
            f"{to}: the backup is not whole ({error}); remove the folder, and run the same again"
        ) from error
    return Backup(to=str(to), copied=tuple(copied), elsewhere=tuple(elsewhere))


def _copy_database(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        raise UsageError(f"{path}: there is no database to be copied yet; run a night first")
    with closing(sqlite3.connect(path)) as now, closing(sqlite3.connect(to)) as copy:
        now.backup(copy)


def _server(variable: str, url: str, name: str) -> str:
    """How a database behind a server is copied; no address is told, for it may hold a password."""
    if url.startswith("postgresql"):
        return f"{variable} is PostgreSQL: pg_dump --format=custom --file={Path(name).stem}.dump, with its URL"
    return f"{variable} is a server: copy its database and its artefacts there"
