"""A root of its own with a first night in it, and the command."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

FIRST, SECOND, THIRD = "2013-03-20", "2013-03-21", "2013-03-22"
PROJECT = Path(__file__).parents[2]
REDEYE = str(Path(sys.executable).parent / "redeye")


# Where things are is not what a test before this one has told a library in this process.
PLACES = ("REDEYE_", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "AIRFLOW_")


def environ_of(root: Path) -> dict[str, str]:
    """The environment of a command whose root it is."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(PLACES)}
    return {**own, "REDEYE_ROOT": str(root)}


def registry_of(root: Path) -> Any:
    """What a person has in the MLflow UI."""
    import mlflow

    store = f"sqlite:///{root}/var/mlflow.db"
    return mlflow.MlflowClient(tracking_uri=store, registry_uri=store)


def copy_version(client: Any, model: str, number: str) -> str:
    """Register the file of a version again, with all that its tags say; the number of the copy."""
    found = client.get_model_version(model, number)
    made = client.create_model_version(
        model,
        source=found.source,
        run_id=found.run_id,
        model_id=found.tags["model_id"],
        tags=found.tags,
    )
    return str(made.version)


class World:
    """A root of its own, and the command."""

    command: tuple[str, ...] = (REDEYE,)
    folder: Path | None = None  # in which the command runs; None: in this one

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = environ_of(root)

    def redeye(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *words],
            cwd=self.folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    def night(self, day: str) -> dict[str, Any]:
        done = self.redeye("night", "--day", day, "--json")
        assert done.returncode == 0, done.stderr
        summary: dict[str, Any] = json.loads(done.stdout)
        return summary

    def rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.root / "var" / "redeye.db")) as connection:
            return connection.execute(query, values).fetchall()


def stack(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    """What a target of the Makefile runs."""
    return subprocess.run(
        [sys.executable, "-m", "infra.stack", *words],
        cwd=PROJECT,
        env=world.environ,
        capture_output=True,
        text=True,
        check=False,
    )


def published(world: World, day: str) -> list[tuple[object, ...]]:
    """What is published of a day."""
    return world.rows(
        "SELECT event_key, score, answered_by FROM prediction_current WHERE day = ? "
        "ORDER BY event_key",
        day,
    )
