"""Who may answer is decided before anybody is asked."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from pipelines.core.records import Blessing, BlessingEntry, ModelVersion
from pipelines.serving.rendezvous import (
    Contender,
    explain,
    refuse_scores,
    scheduled_contenders,
    without_registry,
)

SCHEDULE = ("champion", "previous-champion", "baseline")
DAY = date(2013, 10, 1)


def blessed(model: ModelVersion) -> BlessingEntry | None:
    """What the warehouse says: `candidate` tells which blessings the version of the test lacks."""
    lacks = model.candidate.split()
    good, bad = Blessing(passed=True, reason=""), Blessing(passed=False, reason="")
    return BlessingEntry(
        store=model.store,
        model=model.model,
        version=model.version,
        sha256=model.sha256,
        verdict="refused" if len(lacks) > 1 else "passed",
        quality=bad if "quality" in lacks else good,
        infra=bad if "infra" in lacks else good,
        evidence={},
        actor="gate",
    )


def a_model(version: str, *lacks: str) -> ModelVersion:
    return ModelVersion(
        version=version,
        candidate=" ".join(["trees", *lacks]),
        run_id="night",
        sha256="ab",
        trained_until=date(2013, 9, 1),
        features=("x",),
    )


def test_turns_follow_the_schedule() -> None:
    models = {"champion": a_model("2"), "previous-champion": a_model("1")}

    turns = scheduled_contenders(SCHEDULE, models, {"x": ""}, blessed)

    assert [str(turn.contender) for turn in turns] == [
        "champion (version 2)",
        "previous-champion (version 1)",
        "baseline",
    ]
    assert not any(turn.refusal for turn in turns)


def test_a_model_is_asked_once() -> None:
    models = {"champion": a_model("2"), "previous-champion": a_model("2")}

    turns = scheduled_contenders(SCHEDULE, models, {"x": ""}, blessed)

    assert [turn.contender.name for turn in turns] == ["champion", "baseline"]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (None, "there is no champion"),
        (a_model("3", "quality"), "not blessed for quality, so"),
        (a_model("3", "infra"), "not blessed for infra, so"),
        (a_model("3", "quality", "infra"), "not blessed for quality and infra, so"),
        (a_model("3").model_copy(update={"unreadable": "a tag is odd"}), "cannot be read: a tag"),
    ],
)
def test_who_may_not_answer_is_told_why(model: ModelVersion | None, reason: str) -> None:
    (turn, *_) = scheduled_contenders(SCHEDULE, {"champion": model}, {"x": ""}, blessed)

    assert reason in (turn.refusal or "")


def test_who_was_never_judged_may_not_answer() -> None:
    (turn, *_) = scheduled_contenders(
        SCHEDULE, {"champion": a_model("3")}, {"x": ""}, lambda _: None
    )

    assert "is not blessed: nobody has judged this version and file" in (turn.refusal or "")


def test_without_a_registry_and_a_champion_of_before_only_the_baseline_is_left() -> None:
    refused, baseline = without_registry(SCHEDULE, None, {"x": ""}, blessed, "MLflow is down")

    assert refused.refusal == "MLflow is down"
    assert baseline.contender == Contender("baseline", None)
    alone = without_registry(["champion"], None, {"x": ""}, blessed, "MLflow is down")
    assert [turn.refusal for turn in alone] == ["MLflow is down"]


def test_without_a_registry_the_champion_of_before_answers_if_its_features_are_there() -> None:
    known, _ = without_registry(SCHEDULE, a_model("2"), {"x": ""}, blessed, "MLflow is down")
    changed, _ = without_registry(SCHEDULE, a_model("2"), {"y": ""}, blessed, "MLflow is down")

    assert (known.contender.name, known.refusal) == ("champion", None)
    assert "needs features that are not there: x" in (changed.refusal or "")


def test_scores_are_probabilities_one_for_each_event() -> None:
    assert refuse_scores(np.array([0.0, 1.0]), 2) is None
    assert refuse_scores(np.array([0.5]), 2) == "gave 1 scores for 2 events"
    assert refuse_scores(np.array([[0.5], [0.5]]), 2) == "gave 2 scores for 2 events"
    assert refuse_scores(np.array([0.5, np.nan]), 2) == "gave 1 scores that are no probabilities"


def test_the_reason_names_those_who_could_not_and_the_one_who_did() -> None:
    reason = explain(Contender("baseline", None), DAY, ["there is no champion", "MLflow is down"])

    assert reason == "there is no champion; MLflow is down; baseline answers"
