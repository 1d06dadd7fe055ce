"""A registered version: how a model becomes one, and what its tags tell."""

from __future__ import annotations

import hashlib
import json
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.adapters.mlmodel import HELD_OUT, write_folder
from pipelines.adapters.mlrun import measure
from pipelines.core.contracts import Fitted
from pipelines.core.faults import reach
from pipelines.core.records import ModelVersion
from pipelines.methods.modelfile import pack


def keep_version(client: Any, name: str, run_id: str, fitted: Fitted) -> Any:
    """Log a model of the run, with its held-out fit, and register it; killed in between, it leaves a
    logged model only.
    """
    model, held_out = fitted.model, fitted.held_out
    content, held_out_content = pack(model), pack(held_out)
    run = client.get_run(run_id)
    day = run.data.tags["redeye.day"]
    logged = client.create_logged_model(
        run.info.experiment_id, name=model.name, source_run_id=run_id
    )
    with tempfile.TemporaryDirectory() as scratch:
        write_folder(Path(scratch), model, content, logged.model_id, run_id)
        (Path(scratch) / f"{HELD_OUT}.{held_out.form}").write_bytes(held_out_content)
        client.log_model_artifacts(logged.model_id, scratch)
    client.finalize_logged_model(logged.model_id, "READY")
    grouped = {f"{model.name}/{metric}": number for metric, number in fitted.metrics.items()}
    measure(client, run_id, grouped, logged.model_id)
    reach("registry.before_version")
    version = client.create_model_version(
        name,
        source=logged.artifact_location,
        run_id=run_id,
        model_id=logged.model_id,
        tags=_tags(fitted, content)
        | {
            "day": day,
            "model_id": logged.model_id,
            "held_out_sha256": hashlib.sha256(held_out_content).hexdigest(),
            "held_out_until": held_out.trained_until.isoformat(),
        },
        description=(
            f"{model.name}, trained for the night of {day} on {len(model.schema)} features of "
            f"events up to {model.trained_until}; judged by a fit up to {held_out.trained_until}."
        ),
    )
    reach("registry.after_version")
    # What MLflow's own way of registering writes, so that its UI links the two.
    link = json.dumps([{"name": name, "version": version.version}])
    client.set_logged_model_tags(logged.model_id, {"mlflow.modelVersions": link})
    return version


def _tags(fitted: Fitted, content: bytes) -> dict[str, str]:
    model, meanings = fitted.model, fitted.meanings
    learned = {name: meanings[name] for name in model.schema if name in meanings}
    features = json.dumps(list(model.schema))
    return {
        "candidate": model.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "trained_until": model.trained_until.isoformat(),
        "features": features,
        "features_sha256": hashlib.sha256(features.encode()).hexdigest(),
        "features_declared": json.dumps(learned),
    }


def read_version(version: Any) -> ModelVersion:
    """What the registry tells; a version that somebody else made is unblessed, and has seen every day."""
    tags = version.tags
    return ModelVersion(
        version=str(version.version),
        candidate=tags.get("candidate", "unknown"),
        run_id=version.run_id or "",
        sha256=tags.get("sha256", ""),
        trained_until=date.fromisoformat(tags.get("trained_until", date.max.isoformat())),
        features=tuple(json.loads(tags.get("features", "[]"))),
        meanings=json.loads(tags.get("features_declared", "{}")),
        quality=tags.get("redeye.quality") == "passed",
        infra=tags.get("redeye.infra") == "passed",
        reason=tags.get("redeye.quality.reason", ""),
        held_out_sha256=tags.get("held_out_sha256", ""),
        held_out_until=tags.get("held_out_until"),
    )
