"""dvc.yaml, params.yaml, the stages, their records and the command line say the same."""

from __future__ import annotations

import inspect
from datetime import date
from pathlib import Path

import pytest
import typer

from pipelines.app.services import open_redeye
from pipelines.cli import app
from pipelines.core.config import Section, read_params
from pipelines.core.graph import read_graph
from pipelines.core.records import ARTEFACTS
from pipelines.runner import stage_function

ROOT = Path(__file__).parents[2]
GRAPH = read_graph(ROOT / "dvc.yaml")
SERVICES = set(open_redeye({}).night(date(2013, 10, 1)).services)


@pytest.mark.parametrize("stage", GRAPH.names)
def test_a_stage_asks_only_for_what_the_runner_can_give(stage: str) -> None:
    arguments = set(inspect.signature(stage_function(stage)).parameters)

    assert arguments <= {"day", "params", *SERVICES, *ARTEFACTS}


@pytest.mark.parametrize("stage", GRAPH.names)
def test_a_record_that_a_stage_needs_is_made_before_it(stage: str) -> None:
    needed = {
        name
        for name, parameter in inspect.signature(stage_function(stage)).parameters.items()
        if name in ARTEFACTS and not str(parameter.annotation).endswith("None")
    }

    assert needed <= {Path(out).stem for name in before(stage) for out in GRAPH[name].outs}


def before(stage: str) -> set[str]:
    direct = set(GRAPH.upstream[stage])
    return direct.union(*(before(name) for name in direct))


@pytest.mark.parametrize("stage", GRAPH.names)
def test_a_stage_leaves_exactly_one_record(stage: str) -> None:
    assert (
        len(
            [
                out
                for out in GRAPH[stage].outs
                if Path(out).stem in ARTEFACTS and out.endswith(".json")
            ]
        )
        == 1
    )


@pytest.mark.parametrize("stage", GRAPH.names)
def test_a_stage_runs_its_own_command(stage: str) -> None:
    assert GRAPH[stage].argv("2013-10-01") == ["redeye", stage, "--day", "2013-10-01"]


def test_every_stage_is_a_command_with_help() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # the app is a group

    assert set(GRAPH.names) <= set(commands)
    assert all(commands[name].help for name in GRAPH.names)


@pytest.mark.parametrize("stage", GRAPH.names)
def test_every_stage_has_its_own_section_of_params(stage: str) -> None:
    assert isinstance(read_params(ROOT / "params.yaml").section(stage), Section)


def test_the_graph_is_the_designed_chain() -> None:
    assert GRAPH.upstream["score"] == ("features", "promote")
    assert GRAPH["score"].survives
    assert GRAPH["monitor"].survives
    assert [name for name in GRAPH.names if not GRAPH.upstream[name]] == ["ingest"]
