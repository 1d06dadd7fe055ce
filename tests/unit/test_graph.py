from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import ConfigError
from pipelines.core.graph import read_graph


def graph_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "dvc.yaml"
    path.write_text(text)
    return path


def test_an_arrow_is_a_path_that_one_stage_writes_and_another_reads(tmp_path: Path) -> None:
    path = graph_of(
        tmp_path,
        """
        stages:
          use: {cmd: redeye use, deps: [data/made/day=1]}
          make: {cmd: redeye make, outs: [data/made: {cache: false}]}
        """,
    )

    graph = read_graph(path)

    assert graph.names == ("make", "use")
    assert graph.upstream == {"use": ("make",), "make": ()}


def test_a_path_is_not_a_prefix_of_a_longer_name(tmp_path: Path) -> None:
    path = graph_of(
        tmp_path, "stages: {a: {cmd: x, outs: [data/raw]}, b: {cmd: x, deps: [data/rawer]}}"
    )

    assert read_graph(path).upstream["b"] == ()


def test_stages_that_wait_for_each_other_are_refused(tmp_path: Path) -> None:
    path = graph_of(
        tmp_path, "stages: {a: {cmd: x, deps: [p], outs: [q]}, b: {cmd: x, deps: [q], outs: [p]}}"
    )

    with pytest.raises(ConfigError, match="wait for each other: a, b"):
        read_graph(path)


def test_a_graph_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="restore it from git"):
        read_graph(tmp_path / "dvc.yaml")


def test_the_day_reaches_the_command_as_one_argument(tmp_path: Path) -> None:
    path = graph_of(tmp_path, "stages: {a: {cmd: 'redeye a --day ${day}'}}")

    argv = read_graph(path)["a"].argv("2013-10-01; rm -rf /")

    assert argv == ["redeye", "a", "--day", "2013-10-01; rm -rf /"]
