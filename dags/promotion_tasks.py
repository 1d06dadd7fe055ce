"""The doors to the champion's place: the alias in MLflow, looked at often, and an approval in Airflow."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from operators import CommandOperator, fail_on_bad_input
from pipelines.core.command_text import as_sent
from pipelines.core.text import as_markdown

TIMEOUT = timedelta(minutes=5)
PATIENCE = timedelta(hours=23)  # an unanswered question is a no, and gone before the next one
QUESTION = "Shall version {{ ti.xcom_pull('propose').version }} become champion?"
DETAILS = """{% set it = ti.xcom_pull('propose') %}
**Version {{ it.version }}** ({{ it.candidate }}, trained on days until {{ it.trained_until }}) is put
forward in place of the champion, version {{ it.serving or 'none' }}. {{ it.reason }}

*Approve* makes it champion from the next `score` on. *Reject*, or no answer within a day, changes
nothing. `redeye rollback` takes it back.
"""


class CheckAlias(CommandOperator):
    """Sees whether somebody moved the alias in MLflow, checks it, and writes it down."""

    def _argv(self, context: Any) -> list[str]:  # noqa: ARG002  every command's
        return ["redeye", "promote"]


class Propose(CommandOperator):
    """Gives the challenger that waits for a decision; without one, the rest is skipped."""

    def execute(self, context: Any) -> dict[str, Any]:
        answer = self.command(context)
        with fail_on_bad_input():
            told = json.loads(answer)
            found = told["challenger"]
            if found is None:
                raise AirflowSkipException("no challenger waits for a decision")
            # What MLflow says is no markup of ours: a link or a picture in it would be one to Airflow.
            words = {name: as_markdown(found[name]) for name in ("candidate", "reason")}
            facts = {name: str(found[name]) for name in ("version", "trained_until")}
            return {"serving": told["serving"], **facts, **words}

    def _argv(self, context: Any) -> list[str]:  # noqa: ARG002  every command's
        return ["redeye", "promote", "--json"]


class PromoteApproved(CommandOperator):
    """Makes the approved version champion, in the name of who approved it."""

    def _argv(self, context: Any) -> list[str]:
        instance = context["ti"]
        version = instance.xcom_pull(task_ids="propose")["version"]
        user = instance.xcom_pull(task_ids="approve").get("responded_by_user") or {}
        reason = f"approved in Airflow by {user.get('name') or 'somebody unknown'}"
        return ["redeye", "promote", f"--version={version}", f"--reason={reason}"]


def look() -> None:
    """One look at the alias."""
    CheckAlias(task_id="look", execution_timeout=TIMEOUT)


def approval() -> None:
    """The challenger, a person's answer, the promotion."""
    propose = Propose(task_id="propose", execution_timeout=TIMEOUT)
    approve = ApprovalOperator(task_id="approve", subject=QUESTION, body=as_sent(DETAILS),
                               defaults="Reject", response_timeout=PATIENCE)  # fmt: skip
    promote = PromoteApproved(task_id="promote", execution_timeout=TIMEOUT)
    propose.set_downstream(approve)
    approve.set_downstream(promote)
