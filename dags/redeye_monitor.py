"""**Every morning, at `schedule.watch` of `params.yaml`: was there a night, and how good were the last ones?** Joins the outcomes that have
arrived since, measures their days again, and tells people (REDEYE_ALERT_WEBHOOK, REDEYE_SMTP_URL) what
they have not been told: also that the night did not publish, when nothing of it ever ran. After a good
night it changes nothing and tells nobody.

**When it fails**, the last line of the red task's log says where, what, and what to do; 75 was tried
again already. Without Airflow the same is `redeye settle --day DAY && redeye monitor --day DAY`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from builders import DAY_FORM, watch_chain
from pipelines.core.command_text import as_sent
from schedules import IN_THE_MORNING

POLICY = {"owner": "redeye", "retries": 1, "retry_delay": timedelta(seconds=10)}

with DAG("redeye_monitor", schedule=IN_THE_MORNING, start_date=datetime(2013, 1, 1, tzinfo=UTC),
         catchup=False, max_active_runs=1, default_args=POLICY, params=DAY_FORM,
         tags=["redeye", "tier-2"], doc_md=as_sent(__doc__)):  # fmt: skip
    watch_chain()
