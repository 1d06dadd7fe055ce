"""A task that is given up tells people by the command that anybody can run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hook import Hook, listening

from failure_alert import TellFailure, alert_argv
from operators import TaskFailed
from pipelines.core.command_text import as_sent

SCORE = as_sent("redeye score --day 2013-10-01")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with listening() as address:
        monkeypatch.setenv("REDEYE_ROOT", str(tmp_path))
        monkeypatch.setenv("REDEYE_ALERT_WEBHOOK", address)
        monkeypatch.setenv("REDEYE_ALERT_HOSTS", "127.0.0.1")
        yield


def gave_up(stage: str, sentence: str) -> dict[str, Any]:
    """What Airflow tells a notifier of a task."""
    return {
        "dag_run": SimpleNamespace(conf=None, partition_key="2013-10-01"),
        "ti": SimpleNamespace(task_id=stage),
        "exception": TaskFailed(sentence),
    }


def test_a_stage_that_is_given_up_is_told_once_with_the_next_command(hook: None) -> None:
    for _ in range(2):
        TellFailure()(gave_up("score", "exit 75: the database is away"))

    assert Hook.heard == [
        (
            "*Redeye flights-late, 2013-10-01*\n"
            "score of 2013-10-01 failed: exit 75: the database is away\n"
            f"  $ {SCORE}\n"
        )
    ]


def test_a_database_that_is_away_keeps_nobody_from_being_told(
    hook: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDEYE_DATABASE_URL", "postgresql+psycopg://ada:hunter2@127.0.0.1:9/x")

    TellFailure()(gave_up("score", "exit 75: the database is away"))

    (text,) = Hook.heard
    assert text.endswith(f"  $ {SCORE}\n")


def test_a_notifier_that_fails_fails_nothing(monkeypatch: pytest.MonkeyPatch, hook: None) -> None:
    monkeypatch.setenv("REDEYE_ALERT_WEBHOOK", "file:///etc/passwd")

    TellFailure()(gave_up("score", "exit 75"))
    TellFailure()(
        gave_up("score", "exit 75") | {"dag_run": SimpleNamespace(conf={}, partition_key=None)}
    )

    assert Hook.heard == []


def test_a_task_that_was_killed_has_something_to_say_too() -> None:
    argv = alert_argv(gave_up("train", "") | {"exception": None})

    assert argv[-1] == "--sentence=it was killed, or ran out of time"
