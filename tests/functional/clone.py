"""The project as somebody else has it: his clone, with another problem in the three places that are his."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from world import environ_of

PROJECT = Path(__file__).parents[2]
PROBLEMS = PROJECT / "tests" / "problems"
PLACES = {
    "problem": "pipelines/problem",
    "expectations": "expectations",
    "params.yaml": "params.yaml",
}
NOBODY = {
    "GIT_AUTHOR_NAME": "nobody",
    "GIT_AUTHOR_EMAIL": "nobody@localhost",
    "GIT_COMMITTER_NAME": "nobody",
    "GIT_COMMITTER_EMAIL": "nobody@localhost",
}


@dataclass(frozen=True)
class Clone:
    """A folder with the project's tracked files, and the command run in it."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_the_project(cls, root: Path) -> Clone:
        for name in git(PROJECT, "ls-files", "-z").split("\0"):
            if (PROJECT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT / name, root / name)
        git(root, "init", "--quiet")
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", "Clone")
        return cls(root)

    def convert(self, problem: Path) -> None:
        """Put another problem in the three places."""
        for name, place in PLACES.items():
            if (self.root / place).is_dir():
                shutil.rmtree(self.root / place)
                shutil.copytree(
                    problem / name, self.root / place, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copy(problem / name, self.root / place)

    def changed(self) -> set[str]:
        """The files that are no longer those of the clone; what is ignored is left out."""
        git(self.root, "add", "--all")
        return set(git(self.root, "diff", "--cached", "--name-only", "HEAD").split())

    def redeye(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pipelines", *words],
            cwd=self.root,
            env={**environ_of(self.root), **self.environ, "PYTHONPATH": str(self.root)},
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


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        env=os.environ | NOBODY,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
