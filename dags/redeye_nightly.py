"""**Every night: land, judge, learn, prove, promote, score, publish.** One run scores one *day*:
the date of its partition key, which a run by hand is given in its form. Running a night
again publishes the same, or says that nothing is to be done.

**When it fails**, open the red task: the last line of its log says where, what, and what to do.
Exit 3: the data break their contract; mend the source, then clear the task. 4: a model was refused;
the champion serves on. 5, 75: tried again already; clear when the service is back. 78: a setting is
wrong. A night that could not train has scored. Without Airflow it is `redeye night --day DAY`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from builders import DAY_FORM, night_chain
from pipelines.core.command_text import as_sent
from schedules import AT_NIGHT

POLICY = {"owner": "redeye", "retries": 1, "retry_delay": timedelta(seconds=10)}

with DAG("redeye_nightly", schedule=AT_NIGHT, start_date=datetime(2013, 1, 1, tzinfo=UTC),
         catchup=True, max_active_runs=2, default_args=POLICY | {"retry_exponential_backoff": True},
         params=DAY_FORM, tags=["redeye", "tier-1"], doc_md=as_sent(__doc__)):  # fmt: skip
    night_chain()
