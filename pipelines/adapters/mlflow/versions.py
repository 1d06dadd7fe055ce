"""A registered version: how a model becomes one, and what its tags tell."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipelines.adapters.mlflow.models import HELD_OUT, write_folder
from pipelines.adapters.mlflow.runs import measure
from pipelines.audit.tags import SHOWN, learned_tags
from pipelines.core.atomic_files import scratch_folder
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import Learned, ModelVersion
from pipelines.core.text import mask
from pipelines.training.model_file import pack
from pipelines.training.ports import Fitted

# What a version's facts can be. MLflow takes any text for a tag, from anybody who reaches it.
NUMBER = re.compile(r"\A[1-9][0-9]{0,17}\Z")
SHA256 = re.compile(r"\A[0-9a-f]{64}\Z")  # a file is named after it
RUN = re.compile(r"\A[0-9A-Za-z_-]{1,64}\Z")
NAME = re.compile(r"\A[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]{1,200}\Z")
FEATURES, MEANINGS = TypeAdapter(tuple[str, ...]), TypeAdapter(dict[str, str])
ISO_DAY = re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
QUOTED = ("data_version", "git_commit", "events", "first_day")  # parts of sentences and commands
WORD = re.compile(r"\A[0-9A-Za-z][0-9A-Za-z_.+:-]{0,99}\Z")
SHOWN_LENGTH = 60  # characters of a value, in a sentence


def keep_version(client: Any, name: str, run_id: str, fitted: Fitted) -> Any:
    """Log a model of the run, with its held-out fit, and register it; killed in between, it leaves a
    logged model only.
    """
    model, held_out = fitted.model, fitted.held_out
    content, held_out_content = pack(model), pack(held_out)
    run = client.get_run(run_id)
    day = run.data.tags.get("redeye.day", "a day that its run does not tell")
    logged = client.create_logged_model(
        run.info.experiment_id, name=model.name, source_run_id=run_id
    )
    with scratch_folder() as scratch:
        write_folder(scratch, model, content, logged.model_id, run_id)
        (scratch / f"{HELD_OUT}.{held_out.form}").write_bytes(held_out_content)
        client.log_model_artifacts(logged.model_id, str(scratch))
    client.finalize_logged_model(logged.model_id, "READY")
    grouped = {f"{model.name}/{metric}": number for metric, number in fitted.metrics.items()}
    measure(client, run_id, grouped, logged.model_id)
    fault_point("registry.before_version")
    version = client.create_model_version(
        name,
        source=logged.artifact_location,
        run_id=run_id,
        model_id=logged.model_id,
        tags=_tags(fitted, content, held_out_content) | {"day": day, "model_id": logged.model_id},
        description=(
            f"{model.name}, trained for the night of {day} on {len(model.schema)} features of "
            f"events up to {model.trained_until}; judged by a fit up to {held_out.trained_until}."
        ),
    )
    fault_point("registry.after_version")
    # What MLflow's own way of registering writes, so that its UI links the two.
    link = json.dumps([{"name": name, "version": version.version}])
    client.set_logged_model_tags(logged.model_id, {"mlflow.modelVersions": link})
    return version


def facts_of(fitted: Fitted) -> dict[str, str]:
    """The tags of a fitted model that say what it is; the same model has the same."""
    return _tags(fitted, pack(fitted.model), pack(fitted.held_out))


def _tags(fitted: Fitted, content: bytes, held_out: bytes) -> dict[str, str]:
    model = fitted.model
    learned = Learned(
        candidate=model.name,
        trained_until=model.trained_until,
        features=tuple(model.schema),
        meanings=fitted.learned_meanings,
        held_out_sha256=hashlib.sha256(held_out).hexdigest(),
        held_out_until=fitted.held_out.trained_until,
    )
    return {"sha256": hashlib.sha256(content).hexdigest(), **learned_tags(learned)}


class _FlawError(ValueError):
    """A fact of a version that is none that can be."""


def read_version(found: Any, store: str, model: str) -> ModelVersion:
    """A version as the registry tells it; with a fact that cannot be, `unreadable` names it and its value.

    Nothing here is trusted: anybody who reaches MLflow writes tags. What has no tags of Redeye's, somebody
    else made; it has seen every day.
    """
    number = _spelled(found.version)
    try:
        return ModelVersion(version=number, store=store, model=model, **_facts(found))
    except (_FlawError, ValidationError) as flaw:
        tags = found.tags if isinstance(found.tags, dict) else {}
        told = {name: tags[name] for name in SHOWN if name in tags and _is_readable(tags[name])}
        sha256 = str(tags.get("sha256", ""))
        nothing = {"candidate": "unknown", "run_id": "", "features": ()}
        return ModelVersion(
            version=number,
            store=store,
            model=model,
            trained_until=date.max,
            sha256=sha256 if SHA256.match(sha256) else "",
            shown=told,
            unreadable=str(flaw) if isinstance(flaw, _FlawError) else "it holds what is no text",
            **nothing,
        )


def _facts(found: Any) -> dict[str, Any]:
    """What a version's attributes and tags say, each in the only form that it can have."""
    tags = {name: _text(name, value) for name, value in dict(found.tags or {}).items()}
    if not NUMBER.match(str(found.version)):
        raise _FlawError(f"its number is {_spelled(found.version)}")
    if found.status not in (None, "READY"):
        raise _FlawError(f"its status is {_spelled(found.status)}, not READY")
    return {
        "candidate": _matching(tags, "candidate", NAME, "unknown"),
        "run_id": _matching({"run_id": _text("run_id", found.run_id or "")}, "run_id", RUN, ""),
        "sha256": _matching(tags, "sha256", SHA256, ""),
        "trained_until": _day(tags, "trained_until") or date.max,
        "features": _json(tags, "features", FEATURES) or (),
        "meanings": _json(tags, "features_declared", MEANINGS) or {},
        "shown": {name: tags[name] for name in SHOWN if name in tags},
        "held_out_sha256": _matching(tags, "held_out_sha256", SHA256, ""),
        "held_out_until": _day(tags, "held_out_until"),
    }


def read_facts(told: Mapping[str, str]) -> dict[str, str]:
    """What a run tells of itself, without those of QUOTED that stand in no form that they can have."""
    return {
        name: value
        for name, value in told.items()
        if isinstance(value, str) and (name not in QUOTED or WORD.match(value))
    }


def _text(name: object, value: object) -> str:
    if not isinstance(value, str) or not _is_text(value):
        raise _FlawError(f"{_spelled(name)} is {_spelled(value)}, which is no text")
    return value


def _is_readable(value: object) -> bool:
    return isinstance(value, str) and _is_text(value)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _matching(tags: Mapping[str, str], name: str, form: re.Pattern[str], default: str) -> str:
    value = tags.get(name, default)
    if value and not form.match(value):
        raise _FlawError(f"the tag {name} is {_spelled(value)}")
    return value


def _day(tags: Mapping[str, str], name: str) -> date | None:
    value = _matching(tags, name, ISO_DAY, "")
    try:
        return date.fromisoformat(value) if value else None
    except ValueError as error:
        raise _FlawError(f"the tag {name} is {_spelled(value)}, which is no day") from error


def _json(tags: Mapping[str, str], name: str, form: TypeAdapter[Any]) -> Any:
    if name not in tags:
        return None
    try:
        return form.validate_json(tags[name], strict=True)
    except ValidationError as error:
        raise _FlawError(f"the tag {name} is {_spelled(tags[name])}") from error


def _spelled(value: object) -> str:
    """A value as a sentence can hold it: plain characters, without secrets, and short."""
    plain = mask(ascii(value)[1:-1] if isinstance(value, str) else ascii(value))
    return f"{plain[:SHOWN_LENGTH]}…" if len(plain) > SHOWN_LENGTH else plain or "empty"
