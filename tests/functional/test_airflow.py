"""A night and a backfill through a real Airflow: its scheduler, its API, its database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from world import FIRST, SECOND, World

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def stack(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    """What a target of the Makefile runs."""
    return subprocess.run(
        [sys.executable, "-m", "infra.stack", *words],
        cwd=ROOT,
        env=world.environ,
        capture_output=True,
        text=True,
        check=False,
    )


def killed_under_way(world: World, part: str, *words: str) -> tuple[int, str]:
    """A target of which a part of Airflow is killed while a stage runs: its exit code, what it said."""
    state = world.root / "var" / "airflow" / "stack.json"
    with subprocess.Popen(
        [sys.executable, "-m", "infra.stack", *words],
        cwd=ROOT,
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


def published(world: World, day: str) -> list[tuple[object, ...]]:
    return world.rows(
        "SELECT event_key, score, answered_by FROM prediction_current WHERE day = ? "
        "ORDER BY event_key",
        day,
    )


def test_a_night_and_a_backfill_through_airflow(world: World) -> None:
    night = stack(world, "nightly", "--day", SECOND)
    assert night.returncode == 0, night.stderr
    scored = published(world, SECOND)

    backfill = stack(world, "backfill", "--from", FIRST, "--to", SECOND)
    assert backfill.returncode == 0, backfill.stderr

    assert scored
    assert len({key for key, *_ in scored}) == len(scored)
    assert published(world, SECOND) == scored  # what is published stays
    assert f"{FIRST} score" in backfill.stderr
    assert not (world.root / "var" / "airflow" / "stack.json").exists()


def test_when_airflow_itself_dies_somebody_is_told_and_the_same_again_is_as_if_nothing_had_been(
    world: World,
) -> None:
    before = published(world, FIRST)
    words = ("backfill", "--from", FIRST, "--to", FIRST, "--republish")

    for part in ("api-server", "scheduler"):
        code, said = killed_under_way(world, part, *words)
        assert code == 75, said
        assert "run the same again" in said

    again = stack(world, *words)
    assert again.returncode == 0, again.stderr
    assert published(world, FIRST) == before
    assert world.redeye("verify").returncode == 0


def test_a_stage_that_fails_gives_the_target_its_exit_code_and_its_sentence(world: World) -> None:
    never_landed = "2013-06-01"

    backfill = stack(
        world, "backfill", "--from", never_landed, "--to", never_landed, "--stages", "validate"
    )

    assert backfill.returncode == 3, backfill.stderr
    assert f"backfill: redeye validate: validate {never_landed}: needs" in backfill.stderr


@pytest.mark.parametrize("day", ["2013-13-45", "../../etc", "2013-10-01\n", ""])
def test_nothing_starts_for_what_is_no_day(tmp_path: Path, day: str) -> None:
    refused = stack(World(tmp_path), "nightly", "--day", day)

    assert refused.returncode == 2
    assert "write" in refused.stderr
    assert not (tmp_path / "var" / "airflow" / "postgres").exists()
