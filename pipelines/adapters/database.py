"""One database, SQLite or PostgreSQL: how it is opened, first made, locked, and how it fails."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    exc,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite

from pipelines.adapters import schema
from pipelines.core.errors import ConfigError, DataError, RedeyeError, TemporaryError

WAIT_SECONDS = 30  # for a lock that somebody else holds
CONNECT_SECONDS = 10
STATEMENT_SECONDS = 600  # what takes longer hangs
MISCONFIGURED = ("authentication failed", "does not exist", "permission denied", "not a database")

_TAKE_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class Database:
    """Transactions on the tables of schema.py, which are made on first use.

    Raises ConfigError when the database cannot be used as it is, TemporaryError when it does not
    answer, DataError when it refuses rows; none of them shows a password.
    """

    def __init__(self, url: str) -> None:
        self._url = _parse(url)
        self._engine = _open(self._url)
        self._ready = False

    @property
    def is_postgresql(self) -> bool:
        return self._engine.dialect.name == "postgresql"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that changes nothing and waits for nobody."""
        with self._translated():
            self._prepare()
            with self._begin(writes=False) as connection:
                yield connection

    @contextmanager
    def write(self, alone: str = "") -> Iterator[Connection]:
        """A transaction that is committed at its end, or undone by an error.

        Those that name the same thing `alone` take turns; on SQLite, all of them do.
        """
        with self._translated():
            self._prepare()
            with self._begin(writes=True) as connection:
                if alone and self.is_postgresql:
                    connection.execute(_TAKE_TURN, {"name": f"redeye {alone}"})
                yield connection

    def insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """An INSERT that can say ON CONFLICT."""
        return postgresql.insert(table) if self.is_postgresql else sqlite.insert(table)

    @contextmanager
    def _begin(self, *, writes: bool) -> Iterator[Connection]:
        with self._engine.connect() as plain:
            connection = plain.execution_options(writes=writes)
            with connection.begin():
                yield connection

    def _prepare(self) -> None:
        """Make the tables if there are none; refuse those of another program."""
        if self._ready:
            return
        with self._first_use():
            found = self._version() or self._create()
        if found != schema.VERSION:
            raise ConfigError(
                f"database {self._shown}: its tables are version {found}, this program's are "
                f"{schema.VERSION}; run the Redeye that made them, or give another REDEYE_DATABASE_URL"
            )
        self._ready = True

    @contextmanager
    def _first_use(self) -> Iterator[None]:
        """On SQLite, one process at a time: changing the journal does not wait for others by itself."""
        if self.is_postgresql:
            yield
            return
        path = Path(str(self._url.database))
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            with self._engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA journal_mode=WAL")
            yield
        finally:
            os.close(handle)

    def _version(self) -> int | None:
        with self._begin(writes=False) as connection:
            return _version(connection)

    def _create(self) -> int:
        with self._begin(writes=True) as connection:
            if self.is_postgresql:
                connection.execute(_TAKE_TURN, {"name": "redeye schema"})
            if _version(connection) is None:
                schema.metadata.create_all(connection)
                connection.execute(schema.schema_version.insert().values(version=schema.VERSION))
            return _version(connection) or 0

    @property
    def _shown(self) -> str:
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (exc.SQLAlchemyError, OSError) as error:
            raise self._sentence(error) from error

    def _sentence(self, error: Exception) -> RedeyeError:
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        if self._url.password:
            cause = cause.replace(str(self._url.password), "***")
        where = f"database {self._shown}"
        if isinstance(error, exc.IntegrityError | exc.DataError):
            return DataError(f"{where}: refuses these rows ({cause}); nothing was changed")
        if any(word in cause for word in MISCONFIGURED):
            return ConfigError(
                f"{where}: {cause}; correct REDEYE_DATABASE_URL or its role's rights"
            )
        return TemporaryError(
            f"{where}: did not do its work ({cause}); nothing half done can be seen, "
            f"run the same command again once it is back"
        )


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as a driver wants them: None for what is missing."""
    plain = frame.astype(object)
    rows: list[Any] = plain.where(plain.notna(), None).to_dict("records")
    return rows


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (exc.ArgumentError, ValueError) as error:
        raise ConfigError(
            "REDEYE_DATABASE_URL: not a database URL; write sqlite:///folder/file.db "
            "or postgresql+psycopg://user:password@host/name"
        ) from error
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise ConfigError(
            f"REDEYE_DATABASE_URL: {parsed.render_as_string(hide_password=True)} is neither a SQLite "
            f"file nor PostgreSQL; write sqlite:///folder/file.db or postgresql+psycopg://…"
        )
    return parsed


def _open(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return create_engine(url, pool_pre_ping=True, connect_args=_limits(url))
    engine = create_engine(url, connect_args={"timeout": WAIT_SECONDS})
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _limits(url: URL) -> dict[str, Any]:
    """No call waits for ever; what the URL says itself stands."""
    limits: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "options": f"-c lock_timeout={WAIT_SECONDS}s -c statement_timeout={STATEMENT_SECONDS}s",
    }
    return {name: value for name, value in limits.items() if name not in url.query}


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin transactions by rules of its own
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _on_begin(connection: Connection) -> None:
    # A transaction that reads and then writes loses updates unless it is a writer from the start.
    writes = connection.get_execution_options().get("writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(schema.schema_version.name):
        return None
    return connection.execute(select(schema.schema_version.c.version)).scalar()
