"""The MLflow run of a night: found again, described, and ended when it was forsaken."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date
from typing import Any

FORSAKEN_HOURS = 6  # a run that is RUNNING for longer belongs to a process that was killed
COMPLETE = "complete"  # the tag that is written last


def find_night(client: Any, experiment: str, fingerprint: str) -> Any | None:
    """The first run that was ever made for the fingerprint, also when its process was killed."""
    runs = client.search_runs(
        [experiment],
        filter_string=f"tags.`redeye.fingerprint` = '{fingerprint}'",
        order_by=["attributes.start_time ASC"],
        max_results=1,
    )
    return runs[0] if runs else None


def create_night(client: Any, experiment: str, day: date, fingerprint: str) -> Any:
    """A run for the night, bearing its fingerprint from the first moment."""
    return client.create_run(
        experiment,
        run_name=f"night {day}",
        tags={
            "redeye.day": day.isoformat(),
            "redeye.fingerprint": fingerprint,
            "mlflow.source.name": f"redeye train --day {day}",
            "mlflow.source.type": "LOCAL",
        },
    )


def describe(client: Any, run: Any, facts: Mapping[str, str], inputs: Mapping[str, str]) -> None:
    """Write facts as parameters, the commit where MLflow shows it, and the datasets as inputs.

    A run that was killed half described is described to its end: what stands there already stays.
    """
    from mlflow.entities import Param, RunTag

    known = run.data.params
    client.log_batch(
        run.info.run_id,
        params=[Param(name, value) for name, value in facts.items() if name not in known],
        # MLflow would derive the commit from sys.argv[0], which inside Airflow is Airflow's.
        tags=[RunTag("mlflow.source.git.commit", facts.get("git_commit", "unknown"))],
    )
    if run.info.status != "RUNNING":
        client.update_run(run.info.run_id, status="RUNNING")
    client.log_inputs(
        run.info.run_id, datasets=[_input(name, digest) for name, digest in inputs.items()]
    )


def _input(name: str, digest: str) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    # MLflow allows a digest of 36 characters.
    dataset = Dataset(name, digest[:32], "local", f'{{"uri": "lake:{name}", "sha256": "{digest}"}}')
    return DatasetInput(dataset, tags=[InputTag("mlflow.data.context", "training")])


def inputs_of(run: Any) -> dict[str, str]:
    """The digest of each dataset that a run read, by `input` and the dataset's name."""
    read = run.inputs.dataset_inputs if run.inputs else []
    return {f"input {one.dataset.name}": one.dataset.digest for one in read}


def measure(
    client: Any, run_id: str, metrics: Mapping[str, float], model_id: str | None = None
) -> None:
    """Log metrics in one batch, of the run and, if named, of one of its models.

    What stands there with the same value is left alone: a stage run again adds nothing.
    """
    from mlflow.entities import Metric

    known = client.get_run(run_id).data.metrics
    now = int(time.time() * 1000)
    batch = [
        Metric(name, number, now, 0, model_id=model_id)
        for name, number in metrics.items()
        if known.get(name) != number
    ]
    if batch:
        client.log_batch(run_id, metrics=batch)


def reap(client: Any, experiment: str) -> None:
    """End as KILLED what a dead process left RUNNING; its night, run again, takes it up again."""
    before = int(time.time() * 1000) - FORSAKEN_HOURS * 3_600_000
    running = f"attributes.status = 'RUNNING' and attributes.start_time < {before}"
    for run in client.search_runs([experiment], filter_string=running):
        client.set_terminated(run.info.run_id, "KILLED")
