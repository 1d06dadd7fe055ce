"""Whatever nobody foresaw ends in one sentence, and its traceback is kept without secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines import cli
from pipelines.commands import maintenance as care

SECRET = "hunter2"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: Any) -> None:
        raise ZeroDivisionError(f"first line postgresql://ada:{SECRET}@db/x\nsecond line")

    monkeypatch.setattr(care, "open_redeye", explode)


def run(root: Path, *words: str) -> int:
    return cli.main(list(words), {"REDEYE_ROOT": str(root)})


@pytest.mark.usefixtures("broken")
def test_a_bug_is_one_sentence_and_its_traceback_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(tmp_path, "verify")

    said = capsys.readouterr().err
    kept = tmp_path / "runs" / "crash.log"
    assert code == 1
    assert len(said.strip().splitlines()) == 1
    assert "unexpected ZeroDivisionError" in said
    assert str(kept) in said
    assert "Traceback" in kept.read_text()
    assert SECRET not in said + kept.read_text()
    assert kept.stat().st_mode & 0o007 == 0


@pytest.mark.usefixtures("broken")
def test_the_traceback_stands_in_the_folder_of_the_night(tmp_path: Path) -> None:
    run(tmp_path, "verify", "--day", "2013-10-01")

    assert "Traceback" in (tmp_path / "runs" / "2013-10-01" / "crash.log").read_text()


@pytest.mark.usefixtures("broken")
def test_a_traceback_that_cannot_be_kept_is_still_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").write_text("a file")

    assert run(tmp_path, "verify") == 1
    assert "its traceback cannot be kept" in capsys.readouterr().err
