"""An Airflow that starts for one target: what dies in it, and what it is not started for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from world import FIRST, PROJECT, World, published, stack

pytestmark = pytest.mark.slow


def killed_under_way(world: World, part: str, *words: str) -> tuple[int, str]:
    """A target of which a part of Airflow is killed while a stage runs: its exit code, what it said."""
    state = world.root / "var" / "airflow" / "stack.json"
    with subprocess.Popen(
        [sys.executable, "-m", "infra.stack", *words],
        cwd=PROJECT,
        env=world.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        said = ""
        for line in running.stderr:
            said += line
            if "✓" in line and state.exists():
                components = json.loads(state.read_text())["components"]
                (pid,) = (one["pid"] for one in components if one["name"] == part)
                os.kill(pid, signal.SIGKILL)
                said += running.stderr.read()
    return running.returncode, said


def test_when_airflow_itself_dies_somebody_is_told_and_the_same_again_is_as_if_nothing_had_been(
    world: World,
) -> None:
    before = published(world, FIRST)
    words = ("backfill", "--from", FIRST, "--to", FIRST, "--republish")

    code, said = killed_under_way(world, "scheduler", *words)
    assert code == 75, said
    assert "run the same again" in said

    again = stack(world, *words)
    assert again.returncode == 0, again.stderr
    assert published(world, FIRST) == before
    assert not (world.root / "var" / "airflow" / "stack.json").exists()
    assert world.redeye("verify").returncode == 0


@pytest.mark.parametrize("day", ["2013-13-45", "../../etc", "2013-10-01\n", ""])
def test_nothing_starts_for_what_is_no_day(tmp_path: Path, day: str) -> None:
    refused = stack(World(tmp_path), "nightly", "--day", day)

    assert refused.returncode == 2
    assert "write" in refused.stderr
    assert not (tmp_path / "var" / "airflow" / "postgres").exists()
