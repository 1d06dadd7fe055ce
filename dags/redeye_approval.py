"""**The other door, for teams that want one: a person approves the challenger here.** Every morning a
question stands under *Required Actions*, if a challenger waits. *Approve* makes it champion, and the
ledger names who did; *Reject*, or a day without an answer, changes nothing. Unpause this DAG to use
it; the alias in MLflow goes on working.

What may pass by itself (exit 5 busy, 75 MLflow does not answer) is tried again three times: an approval
is not lost to one bad moment, and a question whose answer Airflow lost is asked again.
**When it fails**, the last line of the red task's log says why: exit 4, the version may not serve (any
more); 75, MLflow did not answer, clear the task when it does.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from pipelines.core.command_text import as_sent
from promotion_tasks import approval
from schedules import QUESTION

POLICY = {"owner": "redeye", "retries": 3, "retry_delay": timedelta(seconds=10)}

with DAG("redeye_approval", schedule=QUESTION, start_date=datetime(2013, 1, 1, tzinfo=UTC),
         catchup=False, max_active_runs=1, is_paused_upon_creation=True, default_args=POLICY,
         tags=["redeye", "tier-2"], doc_md=as_sent(__doc__)):  # fmt: skip
    approval()
