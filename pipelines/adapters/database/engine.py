"""One database, SQLite or PostgreSQL: its transactions, how its tables are kept up to date, how it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Result, Table, exc, text
from sqlalchemy.dialects import postgresql, sqlite

from pipelines.adapters.database import migration
from pipelines.adapters.database.connection import hide, open_engine, parse_url, shown
from pipelines.core.config import EXPERIMENTS_SCHEMA
from pipelines.core.errors import ConfigError, DataError, RedeyeError, TemporaryError
from pipelines.core.fault_injection import fault_point

MISCONFIGURED = ("authentication failed", "does not exist", "permission denied", "not a database")

_TAKE_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class Database:
    """Transactions on the tables of tables.py, which are made, or brought up to date, on first use.

    Raises ConfigError when the database cannot be used as it is, TemporaryError when it does not
    answer, DataError when it refuses rows; none of them shows a password.
    """

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        self._engine = open_engine(self._url)
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
                if writes:
                    fault_point("database.before_commit")
            if writes:
                fault_point("database.after_commit")

    def _prepare(self) -> None:
        """Bring the tables up to date; refuse those of a newer program."""
        if self._ready:
            return
        if not self.is_postgresql:
            Path(str(self._url.database)).parent.mkdir(parents=True, exist_ok=True)
        with self._begin(writes=False) as connection:
            current = migration.step(connection) == migration.LATEST
        if not current:
            with self._begin(writes=True) as connection:
                if self.is_postgresql:
                    connection.execute(_TAKE_TURN, {"name": "redeye schema"})
                    _make_own_schema(connection)
                migration.upgrade(connection, f"database {self._shown}")
        self._ready = True

    @property
    def _shown(self) -> str:
        return shown(self._url)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (exc.SQLAlchemyError, OSError) as error:
            raise self._sentence(error) from error

    def _sentence(self, error: Exception) -> RedeyeError:
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        cause = hide(self._url, cause)
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


def _make_own_schema(connection: Connection) -> None:
    """Make the schema of experiments, if that is where this connection works."""
    where = connection.execute(text("SELECT current_setting('search_path')")).scalar()
    if where == EXPERIMENTS_SCHEMA:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {EXPERIMENTS_SCHEMA}"))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as a driver wants them: None for what is missing."""
    plain = frame.astype(object)
    rows: list[Any] = plain.where(plain.notna(), None).to_dict("records")
    return rows


def plain_frame(result: Result[Any]) -> pd.DataFrame:
    """All rows of a result, under its columns' names.

    As tuples: pandas asks a row of SQLAlchemy's for attributes that it has not, which costs ten times the
    reading.
    """
    rows = [tuple(row) for row in result]
    return pd.DataFrame.from_records(rows, columns=list(result.keys()))


def frame(result: Result[Any]) -> pd.DataFrame:
    """All rows of a result, under its columns' names; a text that is missing is None, not NaN.

    pandas fills columns of text with NaN, which is true where a condition asks for it.
    """
    found = plain_frame(result)
    texts = found.select_dtypes(include=["str", "object"]).astype(object)
    return found.assign(
        **{str(name): texts[name].where(texts[name].notna(), None) for name in texts}
    )
