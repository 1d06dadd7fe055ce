"""`make chaos`: stages killed on both databases, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys

import pytest
from clone import RAIN_DAY, Clone

pytestmark = pytest.mark.slow


def test_kills_on_the_users_own_settings_lose_nothing_on_either_database(rain: Clone) -> None:
    before = sorted(path for path in rain.root.rglob("*") if "__pycache__" not in path.parts)

    done = chaos(rain, "--kills", "1")

    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line[0]: line[1:] for line in map(cells, done.stdout.splitlines()) if len(line) == 3}
    assert rows["kills"] == ["1", "1"]
    for what in ("lost", "double", "unapproved", "changed"):
        assert rows[f"rows {what}"] == ["0", "0"]
    assert rows[""] == ["survived", "survived"]
    assert f"repeat: make chaos KILLS=1 SEED=7 DAY={RAIN_DAY}" in done.stderr
    assert sorted(path for path in rain.root.rglob("*")) == before


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("│")[1:-1]]


def chaos(clone: Clone, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.chaos", "--day", RAIN_DAY, *words],
        cwd=clone.folder,
        env=clone.environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--faults", "10"), "FAULTS is called KILLS now"),
        (("--kills", "0"), "KILLS=0: give a number from 1"),
        (("--kills", "many"), "invalid int value"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(rain: Clone, words: tuple[str, ...], told: str) -> None:
    done = chaos(rain, *words)

    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
