"""Fault points: a closed list that is the code's, refused by name, and nothing when off."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pipelines
from pipelines.cli import main
from pipelines.core.atomic_files import write_whole
from pipelines.core.errors import ConfigError, TemporaryError
from pipelines.core.fault_injection import POINTS, VARIABLE, activate, fault_point, parse_fault


def test_the_list_of_points_is_that_of_the_code() -> None:
    code = "".join(path.read_text() for path in Path(pipelines.__file__).parent.rglob("*.py"))

    reached = set(re.findall(r"""fault_point\("([a-z_.]+)"\)""", code))

    assert reached == POINTS


@pytest.mark.parametrize(
    "text",
    [
        "publish.before_flop:kill",
        "publish.before_flip:explode",
        "publish.before_flip",
        "publish.before_flip:kill:0",
        "publish.before_flip:kill:many",
        "publish.before_flip:enospc",
        ":kill",
    ],
)
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=VARIABLE):
        parse_fault(text)


def test_a_command_with_an_unknown_point_ends_with_exit_78(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["status", "--day", "2013-10-01"], {VARIABLE: "nowhere:kill"})

    assert code == 78
    assert "no point 'nowhere'" in capsys.readouterr().err


def test_a_point_fails_the_time_that_was_asked_for_and_only_then() -> None:
    fault = activate("files.before_write:error:2")
    try:
        fault_point("files.before_write")
        fault_point("files.before_sync")
        with pytest.raises(TemporaryError, match=r"files\.before_write"):
            fault_point("files.before_write")
        fault_point("files.before_write")
    finally:
        activate(None)

    assert fault is not None
    assert fault.met == {"files.before_write": 3, "files.before_sync": 1}


def test_points_that_are_off_do_nothing() -> None:
    activate(None)

    for point in POINTS:
        fault_point(point)


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_whole(path, b"old")
    activate("files.before_sync:enospc")
    try:
        with pytest.raises(TemporaryError, match="No space left"):
            write_whole(path, b"new")
    finally:
        activate(None)

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("point", sorted(point for point in POINTS if point.startswith("files.")))
def test_whatever_fails_the_file_is_the_old_or_the_new_one(point: str, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_whole(path, b"old")
    activate(f"{point}:error")
    try:
        with pytest.raises(TemporaryError):
            write_whole(path, b"new")
    finally:
        activate(None)

    assert path.read_bytes() == (b"new" if point == "files.before_folder_sync" else b"old")
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path: Path) -> None:
    fault = activate("any:delay:999")
    try:
        write_whole(tmp_path / "record.json", b"new")
    finally:
        activate(None)

    assert fault is not None
    order = ["before_write", "before_sync", "before_rename", "before_folder_sync"]
    assert list(fault.met) == [f"files.{step}" for step in order]
