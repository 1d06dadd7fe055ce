"""What the chain makes, as Airflow's assets: its graph shows them, and each event of one names its day."""

from __future__ import annotations

import hashlib
import os
from pathlib import PurePosixPath

from airflow.sdk import Asset

from pipelines.core.config import find_places
from pipelines.core.dates import parse_day
from pipelines.core.graph import Graph, Stage

MADE = {
    "ingest": "raw",
    "validate": "accepted",
    "features": "features",
    "train": "model",
    "score": "predictions",
    "settle": "outcomes",
}
ASSETS = {stage: Asset(f"redeye_{what}", group="redeye") for stage, what in MADE.items()}


def outlets_of(stage: str) -> list[Asset]:
    """What the stage makes, if that is an asset."""
    return [ASSETS[stage]] if stage in ASSETS else []


def inlets_of(stage: str, graph: Graph) -> list[Asset]:
    """What the stages before it make."""
    return [ASSETS[earlier] for earlier in graph.upstream.get(stage, ()) if earlier in ASSETS]


def asset_extra(stage: Stage, day: str) -> dict[str, str]:
    """The day, and the SHA-256 of the stage's record, which names data, models and rows by theirs."""
    (record,) = [name for name in map(PurePosixPath, stage.outs) if name.suffix == ".json"]
    path = find_places(os.environ).run(parse_day(day)) / record.name
    if not path.exists():  # a day that was left as it is, whose records are gone
        return {"day": day}
    return {
        "day": day,
        "record": record.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
