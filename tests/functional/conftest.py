from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import FIRST, World


@pytest.fixture(scope="session")
def first_night(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A root after the first night: it costs a minute, so all modules and workers share it, as copies."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent  # of all the workers of this run
    root, made = shared / "first-night", shared / "first-night.made"
    with (shared / "first-night.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(root, ignore_errors=True)  # of a worker that failed half way
            root.mkdir()
            World(root).night(FIRST)
            made.touch()
    return root


@pytest.fixture(scope="module")
def world(first_night: Path) -> Iterator[World]:
    # Not below pytest's own folder: only its owner may enter, and root's PostgreSQL is another user.
    with tempfile.TemporaryDirectory(prefix="redeye-", ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "root"
        shutil.copytree(first_night, root, symlinks=True)
        yield World(root)
