"""`dvc repro` and `dvc exp run`, as people type them, beside a production that stays as it is."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from clone import NOBODY, RAIN_DAY, Clone

DVC = str(Path(sys.executable).parent / "dvc")


@pytest.fixture
def clone(rain: Clone) -> Clone:
    """A clone whose production has had its first night, for the day that DVC is asked for."""
    params = rain.folder / "params.yaml"
    params.write_text(params.read_text().replace("policy: ask", "policy: auto"))
    assert f'day: "{RAIN_DAY}"' in params.read_text()
    return rain


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr)
            for (name,) in tables.fetchall()
        }


def production(clone: Clone) -> dict[str, Any]:
    """All that production keeps: both databases, and every file's size and time of change."""
    files = {
        str(path.relative_to(clone.folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for name in ("data", "runs", "var")
        for path in (clone.folder / name).rglob("*")
        if path.is_file() and path.parent != clone.folder / "var"
    }
    databases = {name: contents(clone.folder / "var" / name) for name in ("redeye.db", "mlflow.db")}
    return {"files": files, **databases}


def dvc(clone: Clone, *words: str) -> str:
    path = f"{Path(DVC).parent}:{clone.environ['PATH']}"
    done = subprocess.run(
        [DVC, *words],
        cwd=clone.folder,
        env={**clone.environ, **NOBODY, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stderr


def test_experiments_leave_production_as_it_is(clone: Clone) -> None:
    before = production(clone)

    said = dvc(clone, "repro")
    assert "an experiment, in" in said
    dvc(clone, "exp", "run", "-S", "train.test_days=21")

    assert production(clone) == before
    own = clone.folder / "experiments"
    assert (own / "runs" / RAIN_DAY / "publication.json").exists()
    versions = contents(own / "var" / "mlflow.db")["model_versions"]
    assert len({row[0] for row in versions}) == 1
    assert versions[0][0] == "rain-experiment-wet"
    assert "rain-experiment-wet" in (own / "runs" / RAIN_DAY / "report.html").read_text()
    status = clone.redeye("status", "--day", RAIN_DAY, REDEYE_EXPERIMENT="yes")
    assert status.returncode == 0, status.stderr
    assert "an experiment, in" in status.stderr
    assert "15 March 2013" in status.stdout
