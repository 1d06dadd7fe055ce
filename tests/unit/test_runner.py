from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines import runner
from pipelines.core.errors import ConfigError, DataError, TemporaryError
from pipelines.core.graph import Graph, Stage
from pipelines.core.records import Record, Settlement, Validation
from pipelines.runner import Night, run_chain

DAY = date(2013, 10, 1)


def a_stage(name: str, out: str, *, survives: bool = False) -> Stage:
    return Stage(name, f"redeye {name}", (), (f"runs/{out}.json",), None, 1, 0, survives)


def a_graph() -> Graph:
    """validate → {train, settle}; settle survives train and validate."""
    stages = (
        a_stage("validate", "validation"),
        a_stage("train", "candidates"),
        a_stage("settle", "settlement", survives=True),
    )
    return Graph(stages, {"validate": (), "train": ("validate",), "settle": ("validate", "train")})


def a_validation(reason: str = "all well") -> Validation:
    return Validation(day=DAY, passed=True, reason=reason, checks=(), findings=())


def passes() -> Validation:
    return a_validation()


def a_settlement() -> Settlement:
    return Settlement(day=DAY, settled={}, unlabelled={})


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(DAY, tmp_path, {}, {"lake": lambda: "the lake"}, a_graph())


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[..., Record]]:
    functions: dict[str, Callable[..., Record]] = {}
    monkeypatch.setattr(runner, "stage_function", functions.__getitem__)
    return functions


def refuse(error: Exception) -> Any:
    def stage() -> Record:
        raise error

    return stage


def test_a_stage_gets_what_its_arguments_name(night: Night, stages: dict[str, Any]) -> None:
    asked: list[object] = []

    def settle(day: date, lake: str, validation: Validation) -> Settlement:
        asked.extend([day, lake, validation])
        return a_settlement()

    stages["validate"] = lambda: a_validation("from the file")
    stages["settle"] = settle

    night.run("validate")
    record = night.run("settle")

    assert asked == [DAY, "the lake", a_validation("from the file")]
    assert night.record("settlement") == record


def test_a_record_that_is_not_there_is_asked_for_by_its_command(
    night: Night, stages: dict[str, Any]
) -> None:
    stages["settle"] = lambda validation: a_settlement()

    with pytest.raises(DataError, match="run `redeye validate --day 2013-10-01` first"):
        night.run("settle")


def test_a_record_that_may_be_missing_is_none(night: Night, stages: dict[str, Any]) -> None:
    seen: list[object] = []

    def settle(validation: Validation | None) -> Settlement:
        seen.append(validation)
        return a_settlement()

    stages["settle"] = settle

    night.run("settle")

    assert seen == [None]


def test_an_argument_that_nobody_gives_is_a_configuration_error(
    night: Night, stages: dict[str, Any]
) -> None:
    stages["settle"] = lambda lakes: a_settlement()

    with pytest.raises(ConfigError, match="'lakes'"):
        night.run("settle")


def test_refused_data_take_the_earlier_record_away_and_keep_the_evidence(
    night: Night, stages: dict[str, Any], tmp_path: Path
) -> None:
    stages["validate"] = passes
    night.run("validate")
    stages["validate"] = refuse(DataError("rotten", evidence=a_validation("rotten")))

    with pytest.raises(DataError):
        night.run("validate")

    assert night.record("validation") is None
    assert "rotten" in (tmp_path / "validation.refused.json").read_text()


def test_what_may_pass_by_itself_leaves_the_earlier_record(
    night: Night, stages: dict[str, Any]
) -> None:
    stages["validate"] = passes
    night.run("validate")
    stages["validate"] = refuse(TemporaryError("away"))

    with pytest.raises(TemporaryError):
        night.run("validate")

    assert night.record("validation") == a_validation()


def test_every_try_is_noted(night: Night, stages: dict[str, Any], tmp_path: Path) -> None:
    stages["validate"] = refuse(TemporaryError("away"))
    with pytest.raises(TemporaryError):
        night.run("validate")
    stages["validate"] = passes
    night.run("validate")

    notes = [json.loads(line) for line in (tmp_path / "stages.jsonl").read_text().splitlines()]

    assert [(note["exit_code"], note["error"]) for note in notes] == [(75, "away"), (0, None)]


def test_what_nobody_foresaw_is_noted_too(
    night: Night, stages: dict[str, Any], tmp_path: Path
) -> None:
    stages["validate"] = refuse(TypeError("no such thing"))
    with pytest.raises(TypeError):
        night.run("validate")

    note = json.loads((tmp_path / "stages.jsonl").read_text())

    assert note["exit_code"] == 1
    assert note["error"].endswith("TypeError: no such thing")


def test_a_night_that_cannot_train_still_does_what_survives(
    night: Night, stages: dict[str, Any]
) -> None:
    stages["validate"] = passes
    stages["train"] = refuse(TemporaryError("no registry"))
    stages["settle"] = a_settlement

    outcome = run_chain(night, night.graph.names)

    assert str(outcome["train"]) == "no registry"
    assert outcome["settle"] is None


def test_nothing_runs_on_data_that_were_refused(night: Night, stages: dict[str, Any]) -> None:
    stages["validate"] = refuse(DataError("rotten"))
    stages["train"] = stages["settle"] = a_settlement

    outcome = run_chain(night, night.graph.names)

    assert set(outcome) == {"validate"}


def test_a_part_of_the_chain_runs_without_the_rest(night: Night, stages: dict[str, Any]) -> None:
    stages["settle"] = a_settlement

    assert run_chain(night, ("settle",)) == {"settle": None}
