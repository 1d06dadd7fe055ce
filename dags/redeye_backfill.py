"""**By hand: run chosen stages for a range of days, with what is known now.** The task `plan` says
what will be done before it is done; a dry run ends there. Days run side by side, two tasks at a
time, each in the order of the chain. What is published stays, unless *replace* is chosen; doing the
same backfill again changes nothing.

**When it fails**, `tally` lists days and stages; the last line of a red task's log says what to do.
Clear the red tasks with all that comes after them: days that are green stay done.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from builders import BACKFILL_FORM, backfill_chain
from pipelines.core.command_text import as_sent

POLICY = {"owner": "redeye", "retries": 1, "retry_delay": timedelta(seconds=10),
          "weight_rule": "upstream"}  # fmt: skip  # a day that has begun goes first

with DAG("redeye_backfill", schedule=None, start_date=datetime(2013, 1, 1, tzinfo=UTC),
         catchup=False, max_active_runs=1, max_active_tasks=2, params=BACKFILL_FORM,
         default_args=POLICY | {"retry_exponential_backoff": True},
         tags=["redeye", "tier-2"], doc_md=as_sent(__doc__)):  # fmt: skip
    backfill_chain()
