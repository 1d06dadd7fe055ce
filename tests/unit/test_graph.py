from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import ConfigError
from pipelines.core.graph import read_chain, read_graph


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stages: {a: {cmd: x, meta: {timeout_minutes: .nan}}}", "stages.a.meta.timeout_minutes: "),
        ("stages: {a: {cmd: x, meta: {timeout_minutes: -1}}}", "stages.a.meta.timeout_minutes: "),
        ("stages: {a: {cmd: x, meta: {retries: x}}}", "stages.a.meta.retries: "),
        ("stages: {a: {cmd: x, meta: {retrys: 1}}}", "stages.a.meta.retrys: "),
        ("stages: {a: {cmd: x, outs: [p]}, b: {cmd: x, outs: [p]}}", "'p' is made by a and b"),
        ("stages: {a: {cmd: x, outs: [../p]}}", "leads out of the root"),
        ("stages: {a: {cmd: x, outs: [/p]}}", "leads out of the root"),
        ("stages: {a: {cmd: x, deps: [p/../../q]}}", "leads out of the root"),
        ("stages: {a: {foreach: [1], do: {cmd: x}}}", "stages.a.(foreach|do): "),
        ("stages: {a: {cmd: x, wdir: y}}", "stages.a.wdir: "),
        ("stages: {a: {cmd: x, frozen: true}}", "stages.a.frozen: "),
        ("stages: {a: x}", "stages.a: "),
        ("stages: []", "has no stages"),
        ("[" * 3000, "nested too deeply"),
    ],
)
def test_a_graph_that_cannot_be_meant_is_refused_where_it_is_wrong(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        read_graph(graph_of(tmp_path, text))


def test_the_chain_has_all_its_stages_with_their_own_commands(tmp_path: Path) -> None:
    own = (Path(__file__).parents[2] / "dvc.yaml").read_text()
    assert read_chain(graph_of(tmp_path, own)).names

    replaced = own.replace("redeye score --day", "true --day")
    with pytest.raises(ConfigError, match=r"stages\.score\.cmd: must be `redeye score --day"):
        read_chain(graph_of(tmp_path, replaced))
    with pytest.raises(ConfigError, match="the stage settle is missing"):
        read_chain(graph_of(tmp_path, own.replace("  settle:", "  settled:")))


def test_a_stage_of_ones_own_may_stand_beside_them(tmp_path: Path) -> None:
    own = (Path(__file__).parents[2] / "dvc.yaml").read_text()
    path = graph_of(tmp_path, own + "  export:\n    cmd: python export.py ${day}\n")

    assert "export" in read_chain(path).names
