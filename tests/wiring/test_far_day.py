"""A day that a slip of the finger puts in the far future is refused, before anything is touched."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine

from pipelines.cli import main

STAGES = [
    "ingest",
    "validate",
    "features",
    "train",
    "evaluate",
    "promote",
    "score",
    "settle",
    "monitor",
]
# 2026-03-02 has begun in Europe and not yet in New York.
NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def run(root: Path, *words: str) -> int:
    with time_machine.travel(NOW, tick=False):
        return main(list(words), {"REDEYE_ROOT": str(root)})


@pytest.mark.parametrize("command", [*STAGES, "night"])
def test_a_day_later_than_tomorrow_is_refused_by_every_command(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(tmp_path, command, "--day", "2031-01-01")

    assert code == 2
    said = capsys.readouterr().err
    assert "2031-01-01 is later than tomorrow, 2026-03-02; correct the day, or add --force" in said
    assert list(tmp_path.iterdir()) == []


def test_a_backfill_into_the_future_is_refused_and_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("backfill", "--from", "2026-03-01", "--to", "2027-01-01", "--dry-run")
    short = ("backfill", "--from", "2031-01-01", "--to", "2031-01-02", "--dry-run", "--force")

    assert run(tmp_path, *asked) == 2
    assert "2027-01-01 is later than tomorrow" in capsys.readouterr().err
    assert run(tmp_path, *short) == 0


def test_tomorrow_is_the_problems_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # The stage needs what nobody has made (3); the day itself is no mistake until tomorrow is over.
    assert run(tmp_path, "validate", "--day", "2026-03-02") == 3
    assert run(tmp_path, "validate", "--day", "2026-03-03") == 2
    assert run(tmp_path, "validate", "--day", "2026-03-03", "--force") == 3
