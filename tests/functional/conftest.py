from __future__ import annotations

import shutil
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
def world(first_night: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("world") / "root"
    shutil.copytree(first_night, root, symlinks=True)
    return World(root)
