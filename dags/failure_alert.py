"""Tells people that a stage failed, by `redeye alert`: once an incident, with the next command to run."""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import BaseNotifier

from command import Command
from operators import REPOSITORY, night_of, reading_input, stage_environ
from pipelines.core.errors import RedeyeError


class TellFailure(BaseNotifier):
    """For `on_failure_callback` of a stage's task: called when it is tried no more.

    A message that does not leave fails nothing; the task's log says why.
    """

    def notify(self, context: Any) -> None:
        """Run the command; whom it reaches is its own business."""
        try:
            argv = alert_argv(context)
            ending = Command(argv, REPOSITORY, stage_environ(os.environ)).follow(self.log.info)
        except (RedeyeError, OSError) as error:
            self.log.warning("nobody was told: %s", error)
        else:
            if ending.exit_code:
                self.log.warning("nobody was told: %s", ending.sentence)


def alert_argv(context: Any) -> list[str]:
    """The command for a task that failed: its stage, its night, and the last thing it said."""
    run, stage = context["dag_run"], context["ti"].task_id
    said = str(context.get("exception") or "it was killed, or ran out of time")
    with reading_input():
        day = night_of(run.conf or {}, run.partition_key)
    return ["redeye", "alert", f"--day={day}", f"--stage={stage}", f"--sentence={said}"]
