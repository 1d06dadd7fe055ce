"""Follows a run task by task, and says on stderr what a person who waits wants to know."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.status import Status

from infra.airflow_api import ENDED, Api
from pipelines.core.errors import RedeyeError

POLL_SECONDS = 0.4
PLAN = "plan"  # of a backfill
MARKS = {
    "success": "[green]✓[/]",
    "failed": "[red]✗[/]",
    "up_for_retry": "[yellow]↻[/]",
    "upstream_failed": "[dim]–[/]",
}
UNDER_WAY = {"scheduled", "queued", "running", "up_for_retry"}
QUIET = {"watcher", "tally"}  # what they say of stages the stages say themselves


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its exit code, and the sentence of the stage that failed first."""

    exit_code: int
    sentence: str


@dataclass
class Follower:
    """One run, watched until it ends; `check` raises when what runs it has broken down."""

    api: Api
    run: str
    console: Console
    check: Callable[[], None]
    days: Sequence[str] = ()  # of a backfill, in the order of its mapped tasks
    _seen: dict[tuple[str, int, int], str] = field(default_factory=dict)

    def follow(self) -> Outcome:
        """Wait for the end of the run, telling what happens meanwhile."""
        with self.console.status("waiting for Airflow") as status:
            while True:
                self.check()
                tasks = self.api.tasks(self.run)
                self._tell(tasks, status)
                state = self._state(tasks)
                if state in ENDED:
                    break
                time.sleep(POLL_SECONDS)
        return Outcome(0, "") if state == "success" else self._why(tasks)

    def _state(self, tasks: list[dict[str, Any]]) -> str:
        """The run's state; not asked while a task of it is under way."""
        if any(task["state"] in UNDER_WAY for task in tasks):
            return "running"
        return str(self.api.call("GET", self.run)["state"])

    def _tell(self, tasks: list[dict[str, Any]], status: Status) -> None:
        for task in sorted(tasks, key=lambda task: task["end_date"] or ""):
            key = (task["task_id"], task["map_index"], task["try_number"])
            if task["state"] in MARKS and self._seen.get(key) != task["state"]:
                self._seen[key] = task["state"]
                self._line(task)
        running = [self._name(task) for task in tasks if task["state"] == "running"]
        status.update(", ".join(running) or "waiting for Airflow")

    def _line(self, task: dict[str, Any]) -> None:
        state, name = task["state"], self._name(task)
        if name in QUIET or (name == PLAN and state == "success"):
            return
        seconds = f"{task['duration']:7.1f} s" if task["duration"] else " " * 9
        told = self._told(task) if state in {"failed", "up_for_retry"} else ""
        again = "will be tried again: " if state == "up_for_retry" else ""
        blocked = "not run: a stage before it failed" if state == "upstream_failed" else ""
        self.console.print(
            f"  {MARKS[state]} {name:<22}{seconds}  {again}", end="", highlight=False
        )
        self.console.print(told or blocked, markup=False, highlight=False, soft_wrap=True)

    def _told(self, task: dict[str, Any]) -> str:
        return str(self.api.failure(self.run, task).get("sentence", ""))

    def _why(self, tasks: list[dict[str, Any]]) -> Outcome:
        failed = [
            task for task in tasks if task["state"] == "failed" and self._name(task) not in QUIET
        ]
        for task in sorted(failed, key=lambda task: task["end_date"] or ""):
            told = self.api.failure(self.run, task)
            if told:
                return Outcome(int(told["exit_code"]), str(told["sentence"]))
        names = ", ".join(self._name(task) for task in failed) or "the run"
        return Outcome(
            RedeyeError.exit_code,
            f"{names}: ended without saying why (killed, or out of time); the logs are in "
            f"var/airflow/logs/tasks",
        )

    def _name(self, task: dict[str, Any]) -> str:
        stage, index = str(task["task_id"]).removeprefix("days."), int(task["map_index"])
        return f"{self.days[index]} {stage}" if 0 <= index < len(self.days) else stage
