"""Spark, for data that outgrow one machine: the same queries, the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp
from sqlglot.errors import ErrorLevel, UnsupportedError

from pipelines.adapters.code_version import features_sha256
from pipelines.adapters.engines.sparksession import open_session, spark_settings
from pipelines.core.errors import ConfigError, DataError, RedeyeError, TemporaryError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FULL = ("OutOfMemory", "OUT_OF_MEMORY", "No space left", "ExecutorLost")
GONE = ("PATH_NOT_FOUND", "FILE_NOT_EXIST")


class SparkEngine:
    """Runs one query at a time over Arrow tables and Parquet files.

    Without settings of its own Spark runs in this process's machine, with `memory_limit_gb` of heap,
    and spills to the folder. With `SPARK_MASTER`, or where spark-defaults.conf says so
    (`SPARK_CONF_DIR`), it runs on a cluster, whose machines must find the files under the same paths.
    """

    def __init__(self, memory_limit_gb: float, spill: Path, environ: Mapping[str, str]) -> None:
        self._spill = spill
        self._settings = spark_settings(memory_limit_gb, spill, environ)

    @property
    def code(self) -> str:
        """SHA-256 of the source that computes features, on whichever engine."""
        return features_sha256()

    def run(self, query: exp.Query, tables: Mapping[str, pa.Table | Sequence[Path]]) -> pa.Table:
        """The query's rows; `tables` are its inputs by name.

        Raises DataError when an input is not what the query expects, TemporaryError when neither
        memory nor disk suffice, ConfigError when the query itself is wrong or there is no Spark.
        """
        text = _spelled(query)
        session = open_session(self._settings, self._spill / "spark.log")
        with _translated(self._spill):
            try:
                for name, table in tables.items():
                    _open(session, name, table)
                rows = session.sql(text).toArrow()
            finally:
                for name in tables:
                    session.catalog.dropTempView(name)
        # Anew, for Spark notes in the schema which columns happen to have no nulls.
        return pa.table({name: rows[name] for name in rows.column_names})


def _spelled(query: exp.Query) -> str:
    try:
        return query.transform(_weekday).sql(
            "spark", identify=True, unsupported_level=ErrorLevel.RAISE
        )
    except UnsupportedError as error:
        raise ConfigError(f"spark: {error}; say it otherwise in the declared features") from error


def _weekday(node: exp.Expr) -> exp.Expr:
    """From 1, a Monday; sqlglot spells it (DAYOFWEEK(d) % 7) + 1, which would be 1 on a Saturday."""
    if not isinstance(node, exp.DayOfWeekIso):
        return node
    return exp.paren(exp.Anonymous(this="WEEKDAY", expressions=[node.this]) + 1)


def _open(session: SparkSession, name: str, table: pa.Table | Sequence[Path]) -> None:
    if isinstance(table, pa.Table):
        frame = session.createDataFrame(table)
    else:
        # Spark takes the columns of one file for those of all: files that are alike are read together, and
        # joined by name, where a missing column is empty and a narrower type widens.
        frames = [session.read.parquet(*files) for files in _alike(table)]
        frame = reduce(lambda one, more: one.unionByName(more, allowMissingColumns=True), frames)
    frame.createOrReplaceTempView(name)


def _alike(files: Sequence[Path]) -> list[list[str]]:
    """The files by the names and types of their columns."""
    found: dict[frozenset[tuple[str, str]], list[str]] = {}
    for path in files:
        columns = frozenset((field.name, str(field.type)) for field in _schema(path))
        found.setdefault(columns, []).append(str(path))
    return list(found.values())


def _schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except FileNotFoundError as error:
        raise TemporaryError(
            f"spark: {path} is gone; try again, and land the tables again if it stays"
        ) from error
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"spark: {path} is no Parquet file ({error}); land the tables again"
        ) from error


@contextmanager
def _translated(spill: Path) -> Iterator[None]:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        raise _in_our_words(error, spill) from error


def _in_our_words(error: Exception, spill: Path) -> RedeyeError:
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import AnalysisException, PySparkException

    thrown = isinstance(error, PySparkException | Py4JJavaError)  # otherwise Spark itself is gone
    said = _root(error.java_exception) if isinstance(error, Py4JJavaError) else str(error)
    first_line = f"spark: {said.partition(chr(10))[0]}"
    if any(word in said for word in GONE):
        return TemporaryError(f"{first_line}; try again, and land the tables again if it stays")
    if not thrown or any(word in said for word in FULL):
        return TemporaryError(
            f"{first_line}; make room for {spill}, or raise features.memory_limit_gb"
        )
    if isinstance(error, AnalysisException):
        return ConfigError(f"{first_line}; correct the declared features")
    return DataError(f"{first_line}; land the tables again")


def _root(thrown: Any) -> str:
    """What went wrong at first: what Java throws is wrapped again and again on its way here."""
    while cause := thrown.getCause():
        thrown = cause
    return str(thrown.toString())
