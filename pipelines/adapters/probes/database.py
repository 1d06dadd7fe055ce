"""The database, read in a transaction that cannot write: its step, the role's rights, and its clock."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, exc, func, select, text

from pipelines.adapters.database import migration
from pipelines.adapters.database.connection import hide, open_engine, parse_url, shown
from pipelines.adapters.database.tables import metadata, published
from pipelines.adapters.probes.machine import nearest_folder
from pipelines.core.errors import ConfigError, TemporaryError

# What a login needs that runs whole nights; infra/roles.sql grants it.
RIGHTS: Mapping[str, tuple[str, ...]] = {
    "SELECT": tuple(table.name for table in metadata.sorted_tables),
    "INSERT": (
        *("scoring_run", "contender_run", "prediction", "publication", "ledger", "sample"),
        *("outlier", "event_key", "evidence", "fence", "published", "outcome", "daily_metric"),
        *("incident", "quarantine_log", "blessing", "tuning"),
    ),
    "UPDATE": ("fence", "published", "outcome", "daily_metric", "incident"),
    "DELETE": ("quarantine_log",),
}


@dataclass(frozen=True)
class DatabaseLook:
    """What was seen of the database."""

    where: str
    step: str | None = None  # of its tables; None: there are none yet
    days: int = 0  # published
    lacking: tuple[str, ...] = ()  # rights
    login: str = ""
    now: datetime | None = None  # by its own clock; None: it is this machine's


def look(url: str) -> DatabaseLook:
    """Look at the database that a URL names.

    Raises ConfigError when it cannot be used as it is, TemporaryError when it does not answer.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return look_at_file(Path(str(parsed.database)), shown(parsed))
    try:
        return _look_at_server(parsed)
    except exc.SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        kind = ConfigError if "authentication" in cause or "does not exist" in cause else None
        raise (kind or TemporaryError)(
            f"database {shown(parsed)}: {hide(parsed, cause)}"
        ) from error


def look_at_file(path: Path, where: str, table: str = "published") -> DatabaseLook:
    """Look at a SQLite file, without making it, or a log beside it, and without waiting for its writers."""
    if not path.exists():
        return DatabaseLook(where, lacking=_missing_rights(nearest_folder(path.parent)))
    # Without a log all is in the file itself: to open it as one that cannot change makes none.
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master").fetchall()
            step = days = None
            if (migration.MARK,) in names:
                (step,) = connection.execute(
                    f"SELECT version_num FROM {migration.MARK}"
                ).fetchone() or (None,)
            if (table,) in names:
                (days,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    except sqlite3.OperationalError as error:
        raise TemporaryError(f"database {where}: cannot be read ({error})") from error
    except sqlite3.DatabaseError as error:
        raise ConfigError(f"database {where}: is damaged, or no database ({error})") from error
    lacking = (*_missing_rights(path), *_missing_rights(path.parent))
    return DatabaseLook(where, step, days or 0, lacking)


def _look_at_server(url: URL) -> DatabaseLook:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SET TRANSACTION READ ONLY"))
            login, now = connection.execute(text("SELECT current_user, clock_timestamp()")).one()
            seen = DatabaseLook(shown(url), login=login, now=now.astimezone(UTC))
            if not _may_read_step(connection):
                return replace(seen, lacking=(f"SELECT on {migration.MARK}",))
            step = migration.step(connection)
            if step != migration.LATEST:
                return replace(seen, step=step)
            asked = [
                (right, table, func.has_table_privilege(table, right))
                for right, tables in RIGHTS.items()
                for table in tables
            ]
            given = connection.execute(select(*(found for *_, found in asked))).one()
            lacking = tuple(
                f"{right} on {table}"
                for (right, table, _), may in zip(asked, given, strict=True)
                if not may
            )
            days = 0
            if f"SELECT on {published.name}" not in lacking:
                days = connection.execute(select(func.count()).select_from(published)).scalar_one()
            return replace(seen, step=step, days=days, lacking=lacking)
    finally:
        engine.dispose()


def _may_read_step(connection: Connection) -> bool:
    """Whether this role may see how far the tables are; True when there are none yet."""
    name = func.to_regclass(migration.MARK)
    there = connection.execute(select(name)).scalar() is not None
    asked = select(func.has_table_privilege(migration.MARK, "SELECT"))
    return not there or bool(connection.execute(asked).scalar())


def _missing_rights(path: Path) -> tuple[str, ...]:
    return () if os.access(path, os.W_OK) else (f"to write {path}",)
