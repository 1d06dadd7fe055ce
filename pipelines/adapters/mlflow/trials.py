"""Trials of settings as MLflow runs: one for each, below the run of their search."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

from pipelines.training.ports import Trial

SEARCH, TRIAL = "redeye.search", "redeye.trial"
STATUS = {"finished": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
REASON = 500  # characters
MILLISECONDS = 1000


def keep_trial(client: Any, experiment: str, day: date, search: str, trial: Trial) -> None:
    """Log a trial that is over; what was logged of it already stays, half logged it is logged to its end."""
    from mlflow.entities import Metric, Param

    parent = _run(client, experiment, {SEARCH: search}, f"search {search}")
    if parent.info.status == "RUNNING":  # it has no end of its own: searches are gone on with
        client.set_tag(parent.info.run_id, "redeye.day", day.isoformat())
        client.set_terminated(parent.info.run_id, "FINISHED")
    tags = {TRIAL: f"{search}/{trial.number}", "mlflow.parentRunId": parent.info.run_id}
    run = _run(client, experiment, tags, f"trial {trial.number}")
    if run.info.status != "RUNNING":
        return
    now = int(time.time() * MILLISECONDS)
    losses = {f"fold_{n}_loss": loss for n, loss in enumerate(trial.losses, 1)}
    losses |= {"loss": trial.loss} if trial.outcome == "finished" else {}
    settings = {"settings": "as written"} if trial.settings is None else trial.settings
    client.log_batch(
        run.info.run_id,
        params=[Param(name, str(setting)) for name, setting in settings.items()],
        metrics=[
            Metric(name, number, now, 0)
            for name, number in {**losses, "seconds": trial.seconds}.items()
        ],
    )
    client.set_tag(run.info.run_id, "outcome", f"{trial.outcome} {trial.reason}".strip()[:REASON])
    client.set_terminated(run.info.run_id, STATUS[trial.outcome])


def _run(client: Any, experiment: str, tags: dict[str, str], name: str) -> Any:
    """The run whose first tag is this, made or found again."""
    tag, value = next(iter(tags.items()))
    found = client.search_runs([experiment], f"tags.`{tag}` = '{value}'", max_results=1)
    made = {**tags, "mlflow.source.name": "redeye tune", "mlflow.source.type": "LOCAL"}
    return found[0] if found else client.create_run(experiment, run_name=name, tags=made)
