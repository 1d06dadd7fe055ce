"""What `redeye explain` prints: a score's way back to its model, its data and its code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from math import isclose
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.app.terminal import labelled, plain
from pipelines.audit.lineage import Event, Lineage
from pipelines.core.command_text import as_typed
from pipelines.training.model_file import TOLERANCE

SHOWN = 12  # features, by what they contributed


def as_record(lineage: Lineage, event: Event | None) -> dict[str, Any]:
    """All of it, for machines."""
    model, features = lineage.model, lineage.features
    return {
        "run": lineage.run.model_dump(mode="json"),
        "model": model.model_dump(mode="json") if model else None,
        "blessing": lineage.blessing.model_dump(mode="json") if lineage.blessing else None,
        "training": dict(lineage.facts),
        "features": features.model_dump(mode="json") if features else None,
        "event": _spelled(asdict(event)) if event else None,
    }


def _spelled(value: Any) -> Any:
    """Numbers and words as JSON has them; NaN and its kind are null."""
    if isinstance(value, Mapping):
        return {key: _spelled(one) for key, one in value.items()}
    if value is None or isinstance(value, str | bool):
        return value
    plain = value.item() if hasattr(value, "item") else value
    if plain != plain or str(plain) in ("NaT", "<NA>"):  # noqa: PLR0124  only NaN differs from itself
        return None
    return plain if isinstance(plain, int | float) else str(plain)


def show_story(lineage: Lineage, event: Event | None, dictionary: Mapping[str, str]) -> None:
    """Print it for a person."""
    run = lineage.run
    table = labelled(f"{run.events:,} published scores of {run.day:%A, %d %B %Y}")
    for label, text in _ways(lineage):
        table.add_row(label, plain(text))
    console = Console()
    console.print(table)
    if event:
        _show_event(console, event, dictionary)


def _ways(lineage: Lineage) -> Iterator[tuple[str, str]]:
    run, model, facts = lineage.run, lineage.model, lineage.facts
    yield "answer", run.reason
    if run.rollout:
        yield "and", run.rollout
    yield "run", f"{run.run_id}, scores' SHA-256 {run.checksum[:16]}"
    if model:
        yield "model", f"version {model.version} ({model.candidate}), SHA-256 {model.sha256[:16]}"
        yield (
            "trained",
            (
                f"on {facts.get('events', '?')} events of {facts.get('first_day', '?')} to "
                f"{model.trained_until}, MLflow run {model.run_id}"
            ),
        )
        yield (
            "its data",
            (
                f"version {facts.get('data_version', '?')}; to have it back: "
                + as_typed(
                    f"redeye data checkout {facts.get('data_version', '?')[:12]} --to FOLDER"
                )
            ),
        )
        yield "its code", f"commit {facts.get('git_commit', '?')}"
        given = lineage.blessing
        yield "its blessing", given.quality.reason if given else "none, in this database"
    elif run.model_version:
        yield "model", f"version {run.model_version} is gone from the registry"
    where = f"data/{lineage.features.file}" if lineage.features else "in the lake no more"
    yield "features", f"SHA-256 {run.features_sha256[:16]}, {where}"
    yield "scored on", f"data version {run.data_version}"


def _show_event(console: Console, event: Event, dictionary: Mapping[str, str]) -> None:
    ended = event.excluded or ("not known yet" if event.label is None else f"{event.label:g}")
    scored = plain(f"  score {event.score:.4f}  outcome {ended}")
    console.print(plain(f"\n{event.key}", "bold") + scored)
    said = ", ".join(f"{who} {score:.4f}" for who, score in event.said.items())
    console.print(plain(f"  answered by {event.answered_by}; of all: {said}"))
    if event.again is not None:
        same = isclose(event.again, event.score, rel_tol=TOLERANCE)
        said = "the same" if same else f"{event.again!r}"
        console.print(f"  the model, asked again on the kept features, says {said}")
    if event.gap:
        console.print(plain(f"  no contributions: {event.gap}", "yellow"))
    if event.gained is None or event.mean is None:
        return
    table = Table("gained", "feature", "value", "meaning", box=None, padding=(0, 1))
    table.columns[0].justify = "right"
    table.add_row(
        f"{event.mean:.4f}", "", "", "the mean score of the day's other events", style="dim"
    )
    for name, gain in list(event.gained.items())[:SHOWN]:
        value = _spelled(event.values[name])
        shown = (
            "missing" if value is None else f"{value:.4g}" if isinstance(value, float) else value
        )
        meaning = plain(dictionary.get(name, ""))
        table.add_row(f"{gain:+.4f}", plain(name), plain(shown), meaning)
    rest = list(event.gained.values())[SHOWN:]
    if rest:
        table.add_row(f"{sum(rest):+.4f}", "", "", f"{len(rest)} others", style="dim")
    console.print(table)
