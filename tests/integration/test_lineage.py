"""From a published score back to what made it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.app.explain import show_story
from pipelines.audit.lineage import LineageSources, tell_event, trace
from pipelines.core.errors import DataError
from pipelines.training.ports import ModelFile
from tests.integration.flights import PROBLEM
from tests.integration.hostile import DEEP, with_card
from tests.integration.learning import WORKERS, fitted
from tests.integration.serving import DAY, MemoryWorkers, Serving

KEY = f"{DAY}|UA|2|EWR|515"


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    serving = Serving(tmp_path)
    serving.registry.add("1")
    serving.serve("1")
    return serving


def archive(serving: Serving) -> LineageSources:
    workers = MemoryWorkers(serving.registry)
    return LineageSources(PROBLEM, serving.lake, serving.registry, serving.warehouse, workers)


def test_a_day_leads_back_to_the_model_and_to_the_very_features_that_were_scored(
    serving: Serving,
) -> None:
    scored = serving.features(said=(0.25, 0.5, 0.75))
    serving.score(table=scored)
    serving.features(said=(0.9, 0.9, 0.1))  # made anew since, and not scored

    lineage = trace(DAY, archive(serving))

    assert lineage.model == serving.registry.versions["1"]
    assert lineage.features == scored.partition


def test_an_event_is_told_with_what_all_said_and_what_its_features_gained(
    serving: Serving,
) -> None:
    serving.score(table=serving.features(said=(0.25, 0.5, 0.75)))

    event = tell_event(KEY, trace(DAY, archive(serving)), archive(serving))

    assert (event.score, event.again, event.values) == (0.5, 0.5, {"said": 0.5})
    assert event.said == {"baseline": 0.5, "champion": 0.5}
    assert event.mean is not None
    assert event.gained == {"said": pytest.approx(0.5 - event.mean)}


def test_without_the_scored_features_the_answer_is_told_and_the_gap_as_well(
    serving: Serving,
) -> None:
    scored = serving.features(said=(0.25, 0.5, 0.75))
    serving.score(table=scored)
    serving.lake.path(scored.partition).unlink()

    event = tell_event(KEY, trace(DAY, archive(serving)), archive(serving))

    assert event.score == 0.5
    assert event.gained is None
    assert "features" in event.gap


def test_what_the_baseline_answered_has_no_contributions(serving: Serving) -> None:
    serving.score(schedule=["baseline"])

    event = tell_event(KEY, trace(DAY, archive(serving)), archive(serving))

    assert (event.answered_by, event.gained) == ("baseline", None)
    assert "baseline is no model" in event.gap


def test_an_events_outcome_is_its_label_or_the_reason_why_there_is_none(
    serving: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside a day's cancelled event, what is missing of the others is None in every text column."""
    serving.score()
    serving.flew(DAY, [20, None, 0])
    serving.settle(DAY + timedelta(days=1))
    lineage, printed = trace(DAY, archive(serving)), {}

    for flight in (1, 2, 3):
        event = tell_event(f"{DAY}|UA|{flight}|EWR|515", lineage, archive(serving))
        show_story(lineage, event, {})
        printed[flight] = capsys.readouterr().out

    assert "outcome 1\n" in printed[1]
    assert "outcome cancelled\n" in printed[2]
    assert "outcome 0\n" in printed[3]


@pytest.mark.parametrize("ask", ["scores", "predictions"])
def test_what_is_missing_of_a_text_is_none_whatever_stands_in_other_rows(
    serving: Serving, ask: str
) -> None:
    serving.score()  # by the champion, and beside it by the baseline, which has no version
    serving.flew(DAY, [20, None, 0])
    serving.settle(DAY + timedelta(days=1))

    found = getattr(serving.warehouse, ask)(DAY, DAY)

    texts = {*found["model_version"], *found["excluded"]}
    assert texts <= {"1", "cancelled", None}
    assert "cancelled" in texts


def test_what_was_not_scored_is_refused_with_what_comes_near(serving: Serving) -> None:
    serving.score()

    with pytest.raises(DataError, match=r"did you mean .*\|UA\|2\|EWR\|515"):
        tell_event(f"{DAY}|UA|2|EWR|516", trace(DAY, archive(serving)), archive(serving))
    with pytest.raises(DataError, match="nothing is published"):
        trace(DAY + timedelta(days=1), archive(serving))


def test_a_model_that_harms_who_opens_it_leaves_the_answer_and_a_gap(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving.score(table=serving.features(said=(0.25, 0.5, 0.75)))
    content = with_card(fitted("linear"), DEEP)
    file = ModelFile(tmp_path / "model.skops", "skops", hashlib.sha256(content).hexdigest())
    file.path.write_bytes(content)
    monkeypatch.setattr(serving.registry, "fetch", lambda _: file)
    kept = replace(archive(serving), workers=WORKERS)

    event = tell_event(KEY, trace(DAY, kept), kept)

    assert (event.score, event.gained) == (0.5, None)
    assert "RecursionError" in event.gap
