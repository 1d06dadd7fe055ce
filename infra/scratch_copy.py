"""Scratch databases on a PostgreSQL server: made under names of their own, filled, and dropped."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, NullPool, Table, create_engine, exc, func, select, text

from infra.postgres import serve
from pipelines.adapters.database import migration
from pipelines.adapters.database.connection import hide, parse_url, shown
from pipelines.adapters.database.tables import metadata, prediction_current
from pipelines.core.errors import ConfigError, TemporaryError


@dataclass(frozen=True)
class Server:
    """Databases on a server that nobody else has; the one that `url` names is only connected to."""

    url: URL
    prefix: str = field(default_factory=lambda: f"redeye_chaos_{secrets.token_hex(4)}")

    def make(self, name: str, template: str | None = None) -> str:
        """A new database in place of the one that had the name, empty or as another one is; its URL."""
        like = f' TEMPLATE "{self.prefix}_{template}"' if template else ""
        if template:  # a database in use is not copied
            connected = f"FROM pg_stat_activity WHERE datname = '{self.prefix}_{template}'"
            self._run(f"SELECT pg_terminate_backend(pid) {connected}")
        self._run(
            f'DROP DATABASE IF EXISTS "{self.prefix}_{name}" WITH (FORCE)',
            f'CREATE DATABASE "{self.prefix}_{name}"{like}',
        )
        return self.url.set(database=f"{self.prefix}_{name}").render_as_string(hide_password=False)

    def clear(self) -> None:
        """Drop all of them."""
        mine = f"SELECT datname FROM pg_database WHERE datname LIKE '{self.prefix}%'"
        self._run(
            *(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in self._ask(mine)),
        )

    def _run(self, *statements: str) -> None:
        for statement in statements:
            self._ask(statement)

    def _ask(self, statement: str) -> list[str]:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        try:
            with engine.connect() as connection:
                found = connection.execute(text(statement))
                return list(found.scalars()) if found.returns_rows else []
        except exc.SQLAlchemyError as error:
            cause = hide(self.url, str(getattr(error, "orig", error)).strip().partition("\n")[0])
            if isinstance(error, exc.OperationalError):
                raise TemporaryError(
                    f"REDEYE_DATABASE_URL: {shown(self.url)} does not answer ({cause}); see that it is up, or "
                    f"unset the variable: then a server of its own is started"
                ) from error
            raise ConfigError(
                f"REDEYE_DATABASE_URL: no scratch database can be made beside {shown(self.url)} ({cause}); "
                f"give its role CREATEDB, or unset the variable: then a server of its own is started"
            ) from error


@contextmanager
def scratch_server(url: str) -> Iterator[Server]:
    """The server that a URL names if it is PostgreSQL, or else one of its own, for as long as it takes."""
    named = parse_url(url) if url else None
    if named is not None and named.get_backend_name() == "postgresql":
        server = Server(named)
        try:
            yield server
        finally:
            server.clear()
        return
    # A folder of its own, for the server does not run as root, and may not enter a folder of root's.
    with tempfile.TemporaryDirectory(prefix="redeye-pg-") as folder:
        own = serve(Path(folder), lambda _: None, cleanup_mode="stop")
        try:
            yield Server(parse_url(own.get_uri()))
        finally:
            own.cleanup()


def copy_warehouse(source: str, target: str) -> None:
    """Copy every table of a warehouse in SQLite into an empty database on PostgreSQL."""
    old, new = (create_engine(parse_url(url), poolclass=NullPool) for url in (source, target))
    with old.connect() as reading, new.begin() as writing:
        migration.upgrade(writing, "scratch database")
        for table in metadata.sorted_tables:
            if table is not prediction_current:
                rows = [_row(table, row) for row in reading.execute(select(table)).mappings()]
                if rows:
                    writing.execute(table.insert(), rows)
            number = table.autoincrement_column
            if number is not None:  # what is added later goes on from the last one
                sequence = func.pg_get_serial_sequence(table.name, number.name)
                last = select(func.coalesce(func.max(number), 1)).scalar_subquery()
                writing.execute(select(func.setval(sequence, last)))


def _row(table: Table, row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row as PostgreSQL takes it: an instant of SQLite's says its zone."""
    zoned = {column.name for column in table.columns if getattr(column.type, "timezone", False)}
    return {
        name: value.replace(tzinfo=UTC) if name in zoned and isinstance(value, datetime) else value
        for name, value in row.items()
    }
