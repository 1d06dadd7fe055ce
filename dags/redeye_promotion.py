"""**Every five minutes: was the alias `champion` moved in MLflow?** A version that is blessed for
quality and infra, and whose file is the one that was registered, is champion from the next `score`
on; the ledger says so, with the champion before it. Anything else never serves: the last proven
champion goes on, and the reason stands on the version in MLflow, as tag `redeye.champion`.

**When it fails** with exit 4, the alias stands on a version that may not serve: move it to a blessed
one, or `redeye rollback`. With exit 75 MLflow did not answer; the next run looks again. `score` looks
by itself as well: without this DAG a promotion is seen at the start of the next night.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from pipelines.core.command_text import as_sent
from promotion_tasks import look

POLICY = {"owner": "redeye", "retries": 0, "retry_delay": timedelta(seconds=10)}

with DAG("redeye_promotion", schedule="*/5 * * * *", start_date=datetime(2013, 1, 1, tzinfo=UTC),
         catchup=False, max_active_runs=1, default_args=POLICY, tags=["redeye", "tier-2"],
         doc_md=as_sent(__doc__)):  # fmt: skip
    look()
