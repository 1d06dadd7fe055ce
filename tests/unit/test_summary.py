from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines.app.summary import night_summary, show_night
from pipelines.core.config import Paths
from pipelines.core.graph import Graph, Stage
from pipelines.core.records import Candidates, Record, Report, Settlement, Validation, Verdict
from pipelines.core.text import DISGUISING
from pipelines.runner import Night

DAY = date(2013, 10, 1)
HOSTILE = [
    "[/]",
    "[bold]",
    "[link=file:///etc/passwd]here[/link]",
    "\x1b[2Jgone",
    "a\u202eb",
    ":smile:",
]
OUTS = {"validate": "validation", "train": "candidates", "promote": "verdict", "monitor": "report"}


@pytest.fixture
def night(tmp_path: Path) -> Night:
    stages = tuple(
        Stage(name, f"redeye {name}", (), (f"runs/{out}.json",), None, 1, 0, survives=False)
        for name, out in {**OUTS, "settle": "settlement"}.items()
    )
    return Night(DAY, tmp_path, {}, {}, Graph(stages, {one.name: () for one in stages}))


def leave(night: Night, *records: Record) -> None:
    stems = {Validation: "validation", Candidates: "candidates", Verdict: "verdict"}
    for one in records:
        stem = {**stems, Report: "report", Settlement: "settlement"}[type(one)]
        (night.folder / f"{stem}.json").write_text(one.to_json())


def failed(stage: str, error: str) -> str:
    return json.dumps({"stage": stage, "seconds": 1, "exit_code": 3, "error": error}) + "\n"


def shown(night: Night, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "400")
    show_night(night, Paths(night.folder, night.folder, "sqlite://", "", ""))
    return capsys.readouterr().out


@pytest.mark.parametrize("word", HOSTILE)
def test_what_came_from_outside_is_shown_as_it_is(
    night: Night, word: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No word of the data, of a library or of MLflow is taken for markup, or as an order to a terminal."""
    learned = Candidates(
        day=DAY, run_id="", fingerprint="", chosen="", reason="", first_test_day=DAY, baseline=0.0,
        candidates=(), failed={"trees": f"trees: {word} is no setting"},
    )  # fmt: skip
    leave(
        night,
        learned,
        Validation(day=DAY, passed=True, reason=word, checks=(), findings=()),
        Settlement(day=DAY, settled={}, unlabelled={word: 2}),
        Report(day=DAY, page="", metrics={}, alerts=(f"{word} drifted",)),
    )
    (night.folder / "stages.jsonl").write_text(failed("train", f"train: {word} in a column"))

    told = shown(night, capsys, monkeypatch)

    word = DISGUISING.sub(lambda found: f"\\u{ord(found[0]):04x}", word)
    for sentence in ("{} is no setting", "quarantined: {}", "2 {}", "{} drifted", "{} in a column"):
        assert sentence.format(word) in told


@pytest.mark.parametrize(
    "torn",
    [
        '{"stage": "trai',
        "5",
        '{"exit_code": 0}',
        "[]",
        "\x00",
        '{"stage": ["train"], "exit_code": "x", "error": 3}',
    ],
)
def test_a_line_that_a_killed_process_left_unfinished_hides_no_other(
    night: Night, torn: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (night.folder / "stages.jsonl").write_text(failed("train", "no model") + torn)

    stages: dict[str, Any] = night_summary(night)["stages"]

    assert (stages["train"]["exit_code"], list(stages)) == (3, ["train"])
    assert "no model" in shown(night, capsys, monkeypatch)
