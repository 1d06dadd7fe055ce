"""A night and a backfill through a real Airflow: its scheduler, its API, its database."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import FIRST, SECOND, World

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def world(first_night: Path) -> Iterator[World]:
    # Not below pytest's own folder: only its owner may enter, and root's PostgreSQL is another user.
    with tempfile.TemporaryDirectory(prefix="redeye-", ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "root"
        shutil.copytree(first_night, root, symlinks=True)
        yield World(root)


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
