"""A night that has not published is one that still runs, or one that died: its folder tells."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipelines.app.run_folder import underway
from pipelines.core.graph import Graph, read_chain

NOW = 1_380_600_000.0  # 2013-10-01 04:00 UTC
HOUR = 3600.0


@pytest.fixture(scope="module")
def graph() -> Graph:
    return read_chain(Path(__file__).parents[2] / "dvc.yaml")


def leave(folder: Path, name: str, ago: float) -> None:
    (folder / name).write_text("{}")
    os.utime(folder / name, (NOW - ago, NOW - ago))


def note(folder: Path, stage: str, exit_code: int) -> None:
    with (folder / "stages.jsonl").open("a") as file:
        told = {"stage": stage, "seconds": 1.0, "exit_code": exit_code, "error": None}
        file.write(json.dumps(told) + "\n")


def test_a_night_whose_last_record_is_young_still_runs(tmp_path: Path, graph: Graph) -> None:
    leave(tmp_path, "landed.json", 2 * HOUR)
    leave(tmp_path, "candidates.json", 0.1 * HOUR)
    note(tmp_path, "settle", 75)  # the look in the morning itself

    assert underway(tmp_path, graph, NOW) == "train was done at 03:54 UTC"


@pytest.mark.parametrize("why", ["nothing ran", "only settled", "old", "failed", "published"])
def test_otherwise_it_does_not(tmp_path: Path, graph: Graph, why: str) -> None:
    if why == "only settled":
        leave(tmp_path, "settlement.json", 0.1 * HOUR)
    elif why != "nothing ran":
        leave(tmp_path, "candidates.json", 5 * HOUR if why == "old" else 0.1 * HOUR)
    if why == "failed":
        note(tmp_path, "evaluate", 3)
    if why == "published":
        leave(tmp_path, "publication.json", 0.05 * HOUR)

    assert underway(tmp_path, graph, NOW) is None


def test_a_stage_that_was_tried_again_and_was_done_has_not_failed(
    tmp_path: Path, graph: Graph
) -> None:
    leave(tmp_path, "candidates.json", 0.1 * HOUR)
    note(tmp_path, "train", 75)
    note(tmp_path, "train", 0)

    assert underway(tmp_path, graph, NOW)
