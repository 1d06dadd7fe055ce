"""DuckDB inside the process: no network, bounded memory, and the same rows every time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow as pa
from sqlglot import exp

from pipelines.adapters.code_version import features_sha256
from pipelines.core.errors import ConfigError, DataError, TemporaryError


class DuckEngine:
    """Runs one query at a time over Arrow tables and Parquet files.

    What does not fit into `memory_limit_gb` is spilled to the folder.
    """

    def __init__(self, memory_limit_gb: float, spill: Path, threads: int | None = None) -> None:
        self._settings = {
            "memory_limit": f"{memory_limit_gb}GB",
            "threads": threads or len(os.sched_getaffinity(0)),
            "temp_directory": str(spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,  # a table is one that was given, never a variable
        }

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(":memory:", config=self._settings)

    @property
    def code(self) -> str:
        """SHA-256 of the source that computes features, on whichever engine."""
        return features_sha256()

    def run(self, query: exp.Query, tables: Mapping[str, pa.Table | Sequence[Path]]) -> pa.Table:
        """The query's rows; `tables` are its inputs by name.

        Raises DataError when an input is not what the query expects, TemporaryError when neither
        memory nor disk suffice, ConfigError when the query itself is wrong.
        """
        try:
            with self._database.cursor() as connection:
                for name, table in tables.items():
                    _open(connection, name, table)
                rows = connection.execute(query.sql("duckdb", identify=True)).to_arrow_table()
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            raise TemporaryError(
                f"duckdb: {_first_line(error)}; make room for {self._settings['temp_directory']}, "
                f"or raise features.memory_limit_gb"
            ) from error
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as error:
            raise ConfigError(
                f"duckdb: {_first_line(error)}; correct the declared features"
            ) from error
        except duckdb.Error as error:
            raise DataError(f"duckdb: {_first_line(error)}; land the tables again") from error
        return rows


def _open(
    connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table | Sequence[Path]
) -> None:
    if isinstance(table, pa.Table):
        connection.register(name, table)
        return
    # Partition folders are named day=…, and the files have a column `day` of their own.
    files = exp.array(*(exp.Literal.string(str(path)) for path in table)).sql("duckdb")
    view = exp.to_identifier(name, quoted=True).sql("duckdb")
    # Temporary: it goes with its cursor, and the next query has none but its own tables.
    connection.execute(
        f"CREATE TEMP VIEW {view} AS "
        f"FROM read_parquet({files}, hive_partitioning = false, union_by_name = true)"
    )


def _first_line(error: duckdb.Error) -> str:
    return str(error).splitlines()[0]
