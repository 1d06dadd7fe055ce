"""Tasks made from dvc.yaml, one per stage, with its arrows: the graph is said once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, Param, TriggerRule, task_group

from failure_alert import TellFailure
from operators import GRAPH, CommandOperator, StageOperator, TaskFailed, asked_of, fail_on_bad_input
from pipelines.core.backfill import STAGES, Backfill
from pipelines.core.graph import Stage

PLANNING = timedelta(minutes=5)
FORCE_TEXT = "Also for a day later than tomorrow"
STAGES_TEXT = "They run in the order of the chain."
MODEL_TEXT = "current, for the champion; as-of, for who answered on the night; or the number of a registered version."

# `format: date` is strict; a pattern would let a trailing newline and full-width digits through.
DATE: dict[str, Any] = {"type": "string", "format": "date"}
SWITCH: dict[str, Any] = {"default": False, "type": "boolean"}

DAY_FORM = {"force": Param(**SWITCH, title=FORCE_TEXT)}  # the day is the partition key
BACKFILL_FORM = {
    "from": Param(**DATE, title="From", description="First day."),
    "to": Param(**DATE, title="To", description="Last day, itself included."),
    "stages": Param(
        list(STAGES),
        type="array",
        items={"type": "string", "enum": list(GRAPH.names)},
        examples=list(GRAPH.names),
        title="Stages",
        description=STAGES_TEXT,
    ),
    "model": Param("current", type="string", title="Model", description=MODEL_TEXT),
    "republish": Param(**SWITCH, title="Replace what is published"),
    "dry_run": Param(**SWITCH, title="Only say what would be done"),
    "force": Param(**SWITCH, title=FORCE_TEXT),
}


WATCHING = {"settle": TriggerRule.ALL_SUCCESS, "monitor": TriggerRule.ALL_DONE}


class FailIfAnyFailed(BaseOperator):
    """Fails the run when a stage failed though later ones survived it; otherwise it is skipped."""

    def execute(self, context: Any) -> None:  # noqa: ARG002  Airflow calls it so
        raise TaskFailed("a stage of this run failed; its log says why and what to do")


class Plan(CommandOperator):
    """Says in words what is about to be done, and gives the days to do it for.

    The command itself says it, in a dry run: it refuses a model that there is not before any day starts.
    """

    def execute(self, context: Any) -> list[str]:
        self.command(context)
        backfill = Backfill.of(asked_of(context), GRAPH.names)
        return [] if backfill.dry_run else [day.isoformat() for day in backfill.days]

    def _argv(self, context: Any) -> list[str]:
        return Backfill.of(asked_of(context), GRAPH.names).rehearsal()


class Summarise(BaseOperator):
    """Says how the days went; fails if a stage of any day did, or if there was no plan for them."""

    def execute(self, context: Any) -> None:
        run, instance = context["dag_run"], context["ti"]
        states = instance.get_task_states(run.dag_id, run_ids=[run.run_id]).get(run.run_id, {})
        if states.get("plan") != "success":
            raise TaskFailed("nothing was done: the task `plan` failed; its log says why")
        with fail_on_bad_input():
            days = instance.xcom_pull(task_ids="plan") or []
            failed = sorted(
                _stage_of_day(name, days)
                for name, state in states.items()
                if state == "failed" and name.startswith("days.")
            )
        self.log.info("%d days, %d failed stages", len(days), len(failed))
        if failed:
            raise TaskFailed(f"failed: {', '.join(failed)}; their logs say what to do")


def _stage_of_day(name: str, days: list[str]) -> str:
    """`days.score_3` is the stage score of the fourth day."""
    stage, _, index = name.removeprefix("days.").rpartition("_")
    return f"{stage} of {days[int(index)]}"


def night_chain() -> None:
    """The whole chain for the run's day."""
    tasks = _join({stage.name: _night_task(stage) for stage in GRAPH.stages})
    _watch(list(tasks.values()))


def _night_task(stage: Stage) -> StageOperator:
    survives = TriggerRule.ALL_DONE_MIN_ONE_SUCCESS
    rule = survives if stage.survives else TriggerRule.ALL_SUCCESS
    return StageOperator(stage=stage, trigger_rule=rule, on_failure_callback=TellFailure())


def watch_chain() -> None:
    """Settle and monitor the run's day once more, whatever became of its night."""
    settle, monitor = (
        StageOperator(stage=GRAPH[name], trigger_rule=rule, on_failure_callback=TellFailure())
        for name, rule in WATCHING.items()
    )
    settle.set_downstream(monitor)
    _watch([settle, monitor])


def _watch(tasks: list[StageOperator]) -> None:
    watcher = FailIfAnyFailed(task_id="watcher", trigger_rule=TriggerRule.ONE_FAILED, retries=0)
    watcher.set_upstream(tasks)


def backfill_chain() -> None:
    """Say what will be done, do it for every day, and say how it went."""
    plan = Plan(task_id="plan", retries=1, execution_timeout=PLANNING)
    tally = Summarise(task_id="tally", trigger_rule=TriggerRule.ALL_DONE, retries=0)
    day_chain.expand(day=plan.output).set_downstream(tally)


@task_group(group_id="days")
def day_chain(day: str) -> None:
    """The chosen stages for one day. A day stops at its first failure; the others go on."""
    _join({stage.name: _day_task(stage, day) for stage in GRAPH.stages})


def _day_task(stage: Stage, day: str) -> StageOperator:
    return StageOperator(
        stage=stage,
        day=day,
        trigger_rule=TriggerRule.NONE_FAILED,
        map_index_template="{{ task.day }}",
    )


def _join(tasks: dict[str, StageOperator]) -> dict[str, StageOperator]:
    for name, operator in tasks.items():
        operator.set_upstream([tasks[earlier] for earlier in GRAPH.upstream[name]])
    return tasks
