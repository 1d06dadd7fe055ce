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

FIRST, SECOND = "2013-03-20", "2013-03-21"
REDEYE = str(Path(sys.executable).parent / "redeye")


class World:
    """A root of its own, and the command."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {**os.environ, "REDEYE_ROOT": str(root)}

    def redeye(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [REDEYE, *words],
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
