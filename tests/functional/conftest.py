from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clone import PROBLEMS, RAIN_DAY, Clone
from world import FIRST, World

Made = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Made:
    """Makes a folder by a name, unless a worker of this run has: what costs a minute is shared, as copies."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent  # of all the workers of this run

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder, made = shared / name, shared / f"{name}.made"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed half way
                folder.mkdir()
                fill(folder)
                made.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def first_night(made_once: Made) -> Path:
    """A root after the first night of flights."""
    return made_once("first-night", lambda root: World(root).night(FIRST))


@pytest.fixture(scope="session")
def rain_night(made_once: Made) -> Path:
    """A clone with the small problem of rain, after its first night."""

    def fill(folder: Path) -> None:
        clone = Clone.of_the_project(folder)
        clone.convert(PROBLEMS / "rain")
        clone.night(RAIN_DAY)

    return made_once("rain-night", fill)


@pytest.fixture(scope="module")
def rain(rain_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A copy of it for the tests of a module."""
    folder = tmp_path_factory.mktemp("rain") / "clone"
    shutil.copytree(rain_night, folder, symlinks=True)
    return Clone(folder)


@pytest.fixture(scope="module")
def world(first_night: Path) -> Iterator[World]:
    # Not below pytest's own folder: only its owner may enter, and root's PostgreSQL is another user.
    with tempfile.TemporaryDirectory(prefix="redeye-", ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "root"
        shutil.copytree(first_night, root, symlinks=True)
        yield World(root)
