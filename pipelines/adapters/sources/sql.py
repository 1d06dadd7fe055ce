"""A database as a source: any table or query behind a SQLAlchemy URL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import exc

from pipelines.adapters.database.connection import hide, shown
from pipelines.adapters.sources.rows import of_day
from pipelines.core.atomic_files import is_there
from pipelines.core.errors import ConfigError, DataError, RedeyeError, TemporaryError

if TYPE_CHECKING:
    from pipelines.define.problem import Table

# What no second try mends: the message says so, the class of the error does not.
REFUSED = re.compile(
    r"authentication failed|access denied|password|no pg_hba|does not exist|permission denied|"
    r"unable to open database file|not a database",
    re.IGNORECASE,
)
TYPES: tuple[tuple[type[sa.types.TypeEngine[Any]], pa.DataType], ...] = (
    (sa.Boolean, pa.bool_()),
    (sa.Integer, pa.int64()),
    (sa.Float, pa.float64()),
    (sa.Numeric, pa.float64()),
    (sa.DateTime, pa.timestamp("us")),
    (sa.Date, pa.date32()),
    (sa.String, pa.string()),
)


class SqlSource:
    """Reads a table's day from a database.

    A table with a `query` is that query, `:day` bound to the day; another is the database's table
    of its name: the rows whose column `day` is the day, or, of a dimension table, all of them.
    """

    def __init__(self, url: str, tables: Sequence[Table]) -> None:
        self._tables = {table.name: table for table in tables}
        self._engine = _engine(url)
        self._where = shown(self._engine.url)
        self._reflected = cache(self._reflect)

    def read(self, table: str, day: date) -> pa.Table:
        """The rows of one day, in the order of their values, for a database promises none."""
        if table not in self._tables:
            raise ConfigError(f"{self._where}: no table {table!r} in problem.tables; declare it")
        declared = self._tables[table]
        try:
            rows = self._ask(declared, day)
        except exc.SQLAlchemyError as error:
            raise self._translate(table, error) from error
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise DataError(
                f"{self._where}: {table} {day}: a value is not of its column's type ({error}); "
                f"correct it, or cast it in the Table's query"
            ) from error
        return _ordered(rows if declared.kind == "dimension" else of_day(rows, day))

    def _ask(self, table: Table, day: date) -> pa.Table:
        with self._engine.connect() as connection:
            if table.query is not None:
                # A dimension table's query may do without the day.
                query = sa.text(table.query)
                if ":day" in table.query:
                    query = query.bindparams(sa.bindparam("day", day, type_=sa.Date))
                return _table(connection.execute(query), {})
            kept = self._reflected(table.name)
            where = sa.true() if table.kind == "dimension" else _on(kept.c["day"], day)
            types = {column.name: _arrow_type(column.type) for column in kept.columns}
            return _table(connection.execute(sa.select(kept).where(where)), types)

    def _reflect(self, name: str) -> sa.Table:
        kept = sa.Table(name, sa.MetaData(), autoload_with=self._engine)
        if self._tables[name].kind != "dimension" and "day" not in kept.c:
            raise ConfigError(
                f"{self._where}: table {name!r} has no column 'day'; "
                f"give its Table a query with :day that selects the rows of a day"
            )
        return kept

    def _translate(self, table: str, error: exc.SQLAlchemyError) -> RedeyeError:
        if isinstance(error, exc.NoSuchTableError):
            return ConfigError(
                f"{self._where}: there is no table {table!r}; create it, or give its Table a query"
            )
        told = self._redact(str(getattr(error, "orig", None) or error))
        lost = isinstance(error, exc.OperationalError | exc.InterfaceError | exc.TimeoutError)
        if lost and not REFUSED.search(told) and not _is_broken_query(error):
            return TemporaryError(
                f"{self._where}: {table}: the database does not answer ({told}); try again later"
            )
        return ConfigError(
            f"{self._where}: {table}: the database refuses ({told}); "
            f"correct the URL, the credentials or the query"
        )

    def _redact(self, message: str) -> str:
        first = message.strip().splitlines()[0] if message.strip() else "no reason given"
        return hide(self._engine.url, first)


def _engine(url: str) -> sa.Engine:
    """An engine; nothing is connected to yet. A broken URL is not repeated: it may hold a password."""
    try:
        parsed = sa.make_url(url)
        waits = {"connect_timeout": 10} if parsed.get_backend_name() == "postgresql" else {}
        engine = sa.create_engine(parsed, connect_args=waits, pool_pre_ping=True)
    except (exc.ArgumentError, ImportError, ValueError) as error:
        raise ConfigError(
            f"the source's URL is none that SQLAlchemy knows ({type(error).__name__}); "
            f"write it as dialect+driver://user:password@host/database"
        ) from None
    # SQLite makes an empty database of a file that is not there.
    file = parsed.database
    named = parsed.get_backend_name() == "sqlite" and file and not file.startswith((":", "file:"))
    if named and not is_there(Path(str(file))):
        raise ConfigError(f"{str(file)[:200]}: there is no such database; correct the source's URL")
    return engine


def _is_broken_query(error: exc.SQLAlchemyError) -> bool:
    """SQLite reports a mistake in a query, such as an unknown column, as an operational error."""
    return re.search(r"no such (table|column)|syntax error", str(error)) is not None


def _on(column: sa.ColumnElement[Any], day: date) -> sa.ColumnElement[bool]:
    """The rows of a day, whatever the database calls a day."""
    if isinstance(column.type, sa.DateTime):
        start = datetime.combine(day, time())
        return sa.and_(column >= start, column < start + timedelta(days=1))
    if isinstance(column.type, sa.String):
        return column == day.isoformat()
    return column == sa.bindparam("day", day, type_=sa.Date)


def _arrow_type(kind: sa.types.TypeEngine[Any]) -> pa.DataType | None:
    return next((arrow for known, arrow in TYPES if isinstance(kind, known)), None)


def _table(result: sa.CursorResult[Any], types: dict[str, pa.DataType | None]) -> pa.Table:
    """Columns of the declared types; where there is none, of the type that their values have."""
    names = list(result.keys())
    columns = list(zip(*result.all(), strict=True)) or [()] * len(names)
    arrays = [_array(values, types.get(name)) for name, values in zip(names, columns, strict=True)]
    return pa.table(arrays, names=names)


def _array(values: Sequence[Any], kind: pa.DataType | None) -> pa.Array:
    array = pa.array(values, from_pandas=False)
    if pa.types.is_timestamp(array.type):
        return array.cast(pa.timestamp("us"))  # with a zone: the instant, in UTC
    return array if kind is None else array.cast(kind)


def _ordered(rows: pa.Table) -> pa.Table:
    keys = [
        (field.name, "ascending")
        for field in rows.schema
        if not (pa.types.is_nested(field.type) or pa.types.is_null(field.type))
    ]
    return rows.sort_by(keys) if keys else rows
