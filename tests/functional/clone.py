"""The project as somebody else has it: his clone, with another problem in the three places that are his."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from world import World

PROJECT = Path(__file__).parents[2]
PROBLEMS = PROJECT / "tests" / "problems"
RAIN_DAY = "2013-03-15"  # the first night of the problem of rain
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


class Clone(World):
    """A folder with the project's tracked files, and the command run in it; its root is there, too,
    unless it is told another.
    """

    command = (sys.executable, "-m", "pipelines")

    def __init__(self, folder: Path, root: Path | None = None, **environ: str) -> None:
        super().__init__(root or folder)
        self.folder: Path = folder
        self.environ |= {"PYTHONPATH": str(folder), **environ}

    @classmethod
    def of_the_project(cls, folder: Path, root: Path | None = None, **environ: str) -> Clone:
        for name in git(PROJECT, "ls-files", "-z").split("\0"):
            if (PROJECT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT / name, folder / name)
        git(folder, "init", "--quiet")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "Clone")
        return cls(folder, root, **environ)

    def convert(self, problem: Path) -> None:
        """Put another problem in the three places."""
        for name, place in PLACES.items():
            if (self.folder / place).is_dir():
                shutil.rmtree(self.folder / place)
                shutil.copytree(
                    problem / name,
                    self.folder / place,
                    ignore=shutil.ignore_patterns("__pycache__"),
                )
            else:
                shutil.copy(problem / name, self.folder / place)

    def changed(self) -> set[str]:
        """The files that are no longer those of the clone; what is ignored is left out."""
        git(self.folder, "add", "--all")
        return set(git(self.folder, "diff", "--cached", "--name-only", "HEAD").split())


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        env=os.environ | NOBODY,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
