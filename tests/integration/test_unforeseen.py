"""Whatever ends train, evaluate or promote, the day is scored, the night is red, and people are told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from pipelines import cli, runner
from pipelines.adapters.database.warehouse import SqlWarehouse
from pipelines.commands import nights as command
from pipelines.core.errors import ConfigError
from pipelines.core.graph import read_graph
from pipelines.core.records import Candidates, Evaluation, Record, Verdict
from tests.integration.serving import MemoryNotifier
from tests.integration.small_night import DAY, REPOSITORY, STAGES, Nights

CHAIN = read_graph(REPOSITORY / "dvc.yaml")
LEARNING = ("train", "evaluate", "promote")


def deep(depth: int = 0) -> None:
    """A recursion without an end."""
    deep(depth + 1)


def hoard() -> None:
    raise MemoryError


def divide() -> None:
    raise ZeroDivisionError("first line\nsecond line " + "x" * 5000)


def misconfigured() -> None:
    raise ConfigError("train: no recipe is left")


ENDS: dict[str, Callable[[], None]] = {
    "RecursionError": deep,
    "MemoryError": hoard,
    "ZeroDivisionError": divide,
    "no recipe is left": misconfigured,
}


def learned(stage: str) -> Record:
    """What a learning stage leaves that had nothing to learn from."""
    yesterday = DAY - timedelta(days=1)
    known: dict[str, Any] = {"day": DAY, "run_id": "a", "chosen": "a"}
    if stage == "train":
        return Candidates(
            **known,
            fingerprint="f",
            reason="",
            first_test_day=yesterday,
            baseline=0.5,
            candidates=(),
            failed={},
        )
    if stage == "evaluate":
        return Evaluation(
            **known,
            first_test_day=yesterday,
            last_test_day=yesterday,
            rows=0,
            models=(),
            champion="2",
            comparable=False,
            reason="",
        )
    return Verdict(
        day=DAY,
        version="",
        candidate="a",
        blessed=False,
        outcome="refused",
        reason="",
        champion="2",
        evidence={},
    )


class Living:
    """A root whose night is run by the command itself; its learning stages are given, or end badly."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.nights = Nights(root).found()
        self.notifier = MemoryNotifier()
        self.ends: dict[str, Callable[[], None]] = {}
        self.nights.services["notifier"] = lambda: self.notifier
        real = runner.stage_function
        patch.setattr(runner, "stage_function", lambda stage: self._given(stage) or real(stage))
        wanted = {*STAGES, *LEARNING}
        names = tuple(name for name in CHAIN.names if name in wanted)
        graph = SimpleNamespace(names=names)
        redeye = SimpleNamespace(
            night=self.nights.night,
            graph=graph,
            services=self.nights.services,
            places=self.nights.places,
        )
        patch.setattr(command, "open_redeye", lambda _: redeye)

    def _given(self, stage: str) -> Callable[[], Record] | None:
        def given() -> Record:
            self.ends.get(stage, lambda: None)()
            return learned(stage)

        return given if stage in LEARNING else None

    def night(self) -> int:
        environ = {"REDEYE_ROOT": str(self.nights.root)}
        return cli.main(["night", "--day", str(DAY), "--json"], environ)


@pytest.fixture
def living(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Living:
    return Living(tmp_path, monkeypatch)


@pytest.mark.parametrize("stage", LEARNING)
@pytest.mark.parametrize("end", ENDS)
def test_whatever_ends_a_learning_stage_the_day_is_scored_and_people_are_told(
    living: Living, stage: str, end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    living.ends = {stage: ENDS[end]}

    code = living.night()

    published = SqlWarehouse(living.nights.url).published(DAY)
    assert published is not None
    assert (published.answered_by, published.model_version) == ("champion", "2")
    assert code == (78 if end == "no recipe is left" else 1)
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert end in said
    assert len(said) < 1000
    ((_, message),) = living.notifier.sent
    assert f"{stage} of {DAY} failed" in message
    notes = (living.nights.places.run(DAY) / "stages.jsonl").read_text().splitlines()
    red = [note["stage"] for note in map(json.loads, notes) if note["exit_code"]]
    assert red == [stage]


def test_when_the_registry_is_away_as_well_the_baseline_answers(living: Living) -> None:
    living.ends = {"train": hoard}
    living.nights.registry.down = True

    assert living.night() == 1

    published = SqlWarehouse(living.nights.url).published(DAY)
    assert published is not None
    assert published.answered_by == "baseline"


def test_a_message_that_cannot_be_sent_does_not_end_the_night(
    living: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(title: str, text: str) -> str:
        raise ZeroDivisionError(title, text)

    living.ends = {"evaluate": deep}
    monkeypatch.setattr(living.notifier, "tell", broken)

    assert living.night() == 1
    assert SqlWarehouse(living.nights.url).published(DAY) is not None


KILLED = """
import sys
from pathlib import Path
from pipelines.core.supervisor import supervise
supervise()
import pytest
from tests.integration.test_unforeseen import Living, kill
root, stage = Path(sys.argv[1]), sys.argv[2]
with pytest.MonkeyPatch.context() as patch:
    living = Living(root, patch)
    living.ends = {stage: kill}
    code = living.night()
    (root / "sent.txt").write_text(repr(living.notifier.sent))
sys.exit(code)
"""


def kill() -> None:
    """As the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("stage", [*LEARNING, "nothing"])
def test_a_learning_stage_that_is_killed_costs_itself(tmp_path: Path, stage: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), stage],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    published = SqlWarehouse(f"sqlite:///{tmp_path}/var/redeye.db").published(DAY)
    assert published is not None
    assert (published.answered_by, published.model_version) == ("champion", "2")
    if stage == "nothing":
        assert done.returncode == 0
        return
    assert done.returncode == 1
    told = f"{stage} {DAY}: its process was ended by SIGKILL, 2 times"
    assert told in done.stderr
    assert told in (tmp_path / "sent.txt").read_text()


def test_the_process_that_watches_and_the_night_end_together() -> None:
    for signum, code in ((signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)):
        watcher = subprocess.Popen([sys.executable, "-c", SLEEPING], cwd=REPOSITORY, stdout=-1)
        assert watcher.stdout is not None
        child = psutil.Process(int(watcher.stdout.readline()))
        watcher.send_signal(signum)

        assert watcher.wait(60) == code
        psutil.wait_procs([child], timeout=60)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


SLEEPING = """
import os, sys, time
from pipelines.core.supervisor import supervise
supervise()
print(os.getpid(), flush=True)
time.sleep(600)
"""
