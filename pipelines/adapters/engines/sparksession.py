"""The one Spark session of a process: on this machine, or wherever Spark is told to run."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.adapters.engines.java import java_found
from pipelines.core.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

INSTALL = "pip install '.[spark]', and Java 17 or 21 where JAVA_HOME or PATH finds it"
LEAST_GB = 0.5  # Spark itself refuses to start with less
# Whoever sets one of these has a Spark of their own: what it is told there, it is not told here.
CONFIGURED = ("SPARK_CONF_DIR", "SPARK_HOME", "PYSPARK_SUBMIT_ARGS", "PYSPARK_GATEWAY_PORT")
# What a query means must not depend on where it runs.
MEANING = {
    "spark.sql.ansi.enabled": "true",  # an overflow or a bad cast is an error, as in DuckDB
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.caseSensitive": "false",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.driver.maxResultSize": "0",  # rows come back a piece of days at a time
}


def spark_settings(
    memory_limit_gb: float, spill: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    """What Spark is told at its start: everything on this machine, and little where it is configured.

    Raises ConfigError when the memory is not enough for Spark.
    """
    master = environ.get("SPARK_MASTER", "")
    told = MEANING | {"spark.app.name": "redeye"} | ({"spark.master": master} if master else {})
    if not master.startswith("local") and any(
        environ.get(n) for n in ("SPARK_MASTER", *CONFIGURED)
    ):
        return told
    if memory_limit_gb < LEAST_GB:
        raise ConfigError(
            f"params.yaml: features.memory_limit_gb is {memory_limit_gb}; "
            f"Spark needs at least {LEAST_GB}, or features.engine: duckdb"
        )
    return (
        {"spark.master": "local[*]"}
        | told
        | {
            "spark.driver.memory": f"{int(memory_limit_gb * 1024)}m",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.local.dir": str(spill),
            "spark.sql.warehouse.dir": str(spill / "warehouse"),
            "spark.sql.shuffle.partitions": "8",  # of one machine; Spark's own 200 are a cluster's
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
    )


def open_session(settings: Mapping[str, str], log: Path) -> SparkSession:
    """The session of this process, started when it is first asked for and stopped with the process.

    What Spark has to say goes to the log. Raises ConfigError when Spark is not installed, or does
    not start.
    """
    return _session(tuple(settings.items()), log)


@cache
def _session(settings: tuple[tuple[str, str], ...], log: Path) -> Any:
    try:
        from pyspark import SparkConf, SparkContext
        from pyspark.errors import PySparkException
        from pyspark.java_gateway import launch_gateway
        from pyspark.logger import PySparkLogger
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise ConfigError(f"features.engine is spark, but {error}; {INSTALL}") from error
    log.parent.mkdir(parents=True, exist_ok=True)
    conf = SparkConf(loadDefaults=False).setAll(list(settings))
    try:
        with log.open("wb") as said, java_found():
            gateway = launch_gateway(conf, {"stderr": said, "stdout": said})
        session = SparkSession(SparkContext(gateway=gateway, conf=conf))
    except PySparkException as error:
        raise ConfigError(f"spark: it does not start, see {log}; {INSTALL}") from error
    for kind in ("SQL", "DataFrame"):  # what they would print is also raised
        PySparkLogger.getLogger(f"{kind}QueryContextLogger").disabled = True
    atexit.register(_stop, session, gateway)
    return session


def _stop(session: SparkSession, gateway: Any) -> None:
    started = gateway.proc  # none where spark-submit started it
    if started and started.poll() is not None:
        return  # it died before
    # What a farewell would be written to is closed by now.
    logging.getLogger("py4j").setLevel(logging.ERROR)
    session.stop()
    gateway.shutdown()
    if started:
        started.stdin.close()
        started.wait()
