"""Every command that is printed works when it is typed as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core.command_text import as_sent, as_typed

PROJECT = Path(__file__).parents[2]
FOLDER = Path(sys.executable).parent
BARE = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}


def shell(line: str, folder: Path = PROJECT, **environ: str) -> subprocess.CompletedProcess[str]:
    """Type a line in a shell that knows nothing of the environment."""
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={**BARE, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("folder", [PROJECT, Path("/")], ids=["in the project", "elsewhere"])
def test_a_hint_that_a_command_prints_works_in_a_bare_shell(folder: Path, tmp_path: Path) -> None:
    asked = f"{FOLDER}/redeye validate --day 2013-10-01"

    said = shell(asked, folder, REDEYE_ROOT=str(tmp_path)).stderr
    hints = re.findall(r"`([^`]*redeye [^`]*)`", " ".join(said.split()))

    assert hints, said
    for hint in hints:
        typed = shell(f"{hint} --help", folder)
        assert (typed.returncode, "Usage" in typed.stdout) == (0, True), hint + typed.stderr


def test_activating_the_environment_makes_the_short_form_work() -> None:
    assert "`source .venv/bin/activate`" in (PROJECT / "README.md").read_text()

    assert shell(f"source {FOLDER}/activate && redeye --help").returncode == 0


def test_where_the_shell_finds_the_program_its_name_is_enough() -> None:
    text = "run `redeye score --day 2013-10-01` first"
    there = {"PATH": f"{FOLDER}:/usr/bin"}

    assert as_typed(text, there) == text
    assert as_typed(text, {**there, "MAKELEVEL": "1", "VIRTUAL_ENV": str(FOLDER.parent)}) == text
    assert as_typed(text, {**there, "MAKELEVEL": "1"}) != text  # make's own PATH, not the person's


def test_another_program_of_that_name_is_not_taken_for_this_one(tmp_path: Path) -> None:
    (tmp_path / "redeye").write_text("#!/bin/sh\n")
    (tmp_path / "redeye").chmod(0o755)

    assert as_typed("redeye verify", {"PATH": str(tmp_path)}).endswith("bin/redeye verify")


def test_only_commands_are_changed_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT if FOLDER.is_relative_to(PROJECT) else tmp_path)
    text = "redeye score: ask redeye.db; redeye data log, then redeye verify"

    once = as_typed(text, {})

    assert once.startswith("redeye score: ask redeye.db; ")
    assert once.count("bin/redeye ") == 2
    assert as_typed(once, {}) == once


@pytest.mark.parametrize("told", [{"REDEYE_EXPERIMENT": "yes"}, {"DVC_STAGE": "promote"}])
def test_a_hint_that_an_experiment_prints_stays_in_the_experiment(told: dict[str, str]) -> None:
    typed = as_typed("run `redeye promote --version 4`", {"PATH": str(FOLDER), **told})

    assert typed == "run `REDEYE_EXPERIMENT=yes redeye promote --version 4`"


@pytest.mark.parametrize("folder", [PROJECT, Path("/")], ids=["in the project", "elsewhere"])
def test_a_command_in_a_message_works_in_any_folder(folder: Path) -> None:
    """Also when the process that reports it had the program on its PATH, or spelled it from its folder."""
    said = "exit 3: run `.venv/bin/redeye validate --day 2013-10-01`\n  $ redeye night --day 2013-10-01"

    sent = as_sent(said, {"PATH": f"{FOLDER}:/usr/bin"})
    hints = [*re.findall(r"`([^`]*)`", sent), sent.split("$ ")[1]]

    assert as_sent(sent, {}) == sent
    for hint in hints:
        assert shell(f"{hint} --help", folder).returncode == 0, hint


def test_a_command_in_a_message_of_an_experiment_stays_in_the_experiment() -> None:
    sent = as_sent("run `redeye verify`", {"DVC_STAGE": "monitor"})

    assert sent == f"run `REDEYE_EXPERIMENT=yes {FOLDER}/redeye verify`"


def test_a_program_in_a_folder_with_a_space_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my project" / "bin"
    folder.mkdir(parents=True)
    (folder / "redeye").write_text('#!/bin/sh\necho "$1"\n')
    (folder / "redeye").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))

    assert shell(as_typed("redeye verify", BARE)).stdout == "verify\n"
