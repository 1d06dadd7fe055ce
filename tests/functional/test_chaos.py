"""`make chaos` on the reference problem: a night killed and failed at random, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys

import pytest
from world import FIRST, World

pytestmark = pytest.mark.slow


def test_a_storm_on_the_users_own_settings_loses_nothing(world: World) -> None:
    before = sorted(path for path in world.root.rglob("*") if "__pycache__" not in path.parts)

    done = subprocess.run(
        [sys.executable, "-m", "infra.chaos", "--day", FIRST, "--faults", "4"],
        env=world.environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    card = " ".join(done.stdout.split())
    assert "rows lost │ 0" in card
    assert "rows double │ 0" in card
    assert "NOT survived" not in card
    assert sorted(path for path in world.root.rglob("*")) == before
