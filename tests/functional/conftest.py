from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import FIRST, World


@pytest.fixture(scope="session")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root after the first night: it costs half a minute, so the modules share it, as copies."""
    root = tmp_path_factory.mktemp("first-night")
    World(root).night(FIRST)
    return root


@pytest.fixture(scope="module")
def world(first_night: Path) -> Iterator[World]:
    # Not below pytest's own folder: only its owner may enter, and root's PostgreSQL is another user.
    with tempfile.TemporaryDirectory(prefix="redeye-", ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "root"
        shutil.copytree(first_night, root, symlinks=True)
        yield World(root)
