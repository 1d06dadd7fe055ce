"""The operators that run commands of `redeye`, and what an exit code means to Airflow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowSkipException

from assets import asset_extra, inlets_of, outlets_of
from command import Command, Ending
from links import LINKS
from pipelines.core.backfill import Backfill, refuse_unknown
from pipelines.core.dates import parse_day
from pipelines.core.errors import (
    BusyError,
    ConfigError,
    DataError,
    GateRefused,
    RedeyeError,
    TemporaryError,
    UsageError,
)
from pipelines.core.graph import Stage, read_chain
from pipelines.core.text import visible

REPOSITORY = Path(__file__).resolve().parents[1]
GRAPH = read_chain(REPOSITORY / "dvc.yaml")
PASSING = {BusyError.exit_code, TemporaryError.exit_code}
LASTING = {e.exit_code for e in (UsageError, DataError, GateRefused, ConfigError)}


class TaskFailed(SystemExit):
    """Ends a task as failed. Of an exit Airflow logs the sentence, as the last line, and no traceback."""

    def __init__(self, sentence: str, exit_code: int = RedeyeError.exit_code) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


class ByExitCode(RetryPolicy):
    """Tries again what may pass by itself, and nothing else.

    Busy (5) and temporary (75) are tried again as often as the stage's `retries` allow. What nobody
    foresaw (1, or a signal) is tried once more. Usage (2), data (3), gate (4) and configuration (78)
    do not get better by themselves.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,  # noqa: ARG002  Airflow's own limit, which holds anyway
        context: Any = None,  # noqa: ARG002
    ) -> RetryDecision:
        code = exception.exit_code if isinstance(exception, TaskFailed) else RedeyeError.exit_code
        once_is_enough = code not in PASSING and try_number > 1
        return RetryDecision.fail() if code in LASTING or once_is_enough else RetryDecision()


class CommandOperator(BaseOperator):
    """Runs a command of `redeye`; its exit code tells Airflow whether to try again."""

    _running: Command | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"retry_policy": ByExitCode(), **kwargs})

    def execute(self, context: Any) -> Any:
        """Run the command to its end; what the task gives to others: nothing."""
        self.command(context)

    def command(self, context: Any) -> str:
        """Run the command, line by line into the task's log: its answer. Raises what fits its exit code."""
        try:
            with reading_input():
                argv = self._argv(context)
            ending = self._run(argv)
        except RedeyeError as error:
            ending = Ending(error.exit_code, str(error))
        if ending.exit_code:
            told = {"exit_code": ending.exit_code, "sentence": ending.sentence}
            context["ti"].xcom_push("failure", told)
            raise failure(ending)
        return ending.answer

    def _run(self, argv: list[str]) -> Ending:
        self.log.info("$ %s", " ".join(argv))
        self._running = Command(argv, REPOSITORY, stage_environ(os.environ))
        try:
            return self._running.follow(self.log.info)
        finally:
            self._running.stop()

    def on_kill(self) -> None:
        """Stop the command when the task is cleared, out of time, or its worker leaves."""
        if self._running is not None:
            self._running.stop()

    def _argv(self, context: Any) -> list[str]:
        raise NotImplementedError


class StageOperator(CommandOperator):
    """Runs a stage's command for one day."""

    # A backfill's task gets its day from the plan, and Airflow fills in template fields only. No
    # parameter of a run ever is a template.
    template_fields = ("day",)

    def __init__(self, *, stage: Stage, day: Any = None, **kwargs: Any) -> None:
        super().__init__(
            task_id=stage.name,
            pool=stage.pool or "default_pool",
            retries=stage.retries,
            execution_timeout=timedelta(minutes=stage.timeout_minutes),
            inlets=inlets_of(stage.name, GRAPH),
            outlets=outlets_of(stage.name),
            **kwargs,
        )
        self.stage = stage
        self.day = day
        self.made_of = ""  # the day, once it is known
        self.operator_extra_links = LINKS.get(stage.name, [])

    def execute(self, context: Any) -> None:
        """Run the command to its end, and say of what it made which day it is of."""
        self.command(context)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = asset_extra(self.stage, self.made_of)

    def _day(self, context: Any) -> str:
        if self.day is not None:
            return parse_day(self.day).isoformat()
        run = context["dag_run"]
        return night_of(run.conf or {}, run.partition_key)

    def _argv(self, context: Any) -> list[str]:
        day = self.made_of = self._day(context)
        if self.day is None:
            # The schedule's own day is never a slip; a person's may be, however it was told.
            by_schedule = context["dag_run"].run_type in ("scheduled", "backfill")
            forced = by_schedule or asked_of(context).get("force") is True
            return self.stage.argv(day) + ["--force"] * forced
        backfill = Backfill.of(asked_of(context), GRAPH.names)
        if self.stage.name not in backfill.stages:
            raise AirflowSkipException("not among the chosen stages")
        return self.stage.argv(day) + backfill.options(self.stage.name)


@contextmanager
def reading_input() -> Iterator[None]:
    """While what a run or an earlier task told is read: raises UsageError for what cannot be that.

    Whoever reaches Airflow's API or its database may have written it.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"what this task was told, by its run or by an earlier task, cannot be read "
            f"({type(error).__name__}: {visible(' '.join(str(error).split()))[:60]}); clear the run from its "
            f"first task, or start another"
        ) from error


@contextmanager
def fail_on_bad_input() -> Iterator[None]:
    """As `reading_input`, where no command is run: ends the task, which does not get better by itself."""
    try:
        with reading_input():
            yield
    except UsageError as error:
        raise failure(Ending(error.exit_code, str(error))) from error


def asked_of(context: Any) -> dict[str, object]:
    """The form's fields: its defaults, and over them what the run was really told."""
    return {**context["params"], **(context["dag_run"].conf or {})}


def night_of(conf: Mapping[str, object], partition_key: str | None) -> str:
    """The day of a nightly run: its partition key, or what its conf says.

    Raises UsageError for no day, a day that is none, two different days, and unknown parameters,
    which Airflow lets through.
    """
    refuse_unknown(conf, {"day", "force"})
    told = [day for day in (conf.get("day"), partition_key) if day is not None]
    if not told or any(day != told[0] for day in told):
        raise UsageError(
            f"the run is told {len(told)} days ({', '.join(map(str, told))[:60]}), not one; "
            "give a run by hand its day as partition key, YYYY-MM-DD, and start another"
        )
    return parse_day(told[0]).isoformat()


def failure(ending: Ending) -> TaskFailed:
    """What to raise for a command that did not end well."""
    return TaskFailed(f"exit {ending.exit_code}: {ending.sentence}", ending.exit_code)


def stage_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """What a stage sees: everything but Airflow's own settings, which hold its secrets."""
    kept = {name: value for name, value in environ.items() if not name.startswith("AIRFLOW_")}
    # Stages run side by side, and threads that wait by spinning stop their neighbours. COLUMNS
    # keeps a sentence on one line of the log.
    return {**kept, "OMP_WAIT_POLICY": "PASSIVE", "COLUMNS": "240", "NO_COLOR": "1"}
