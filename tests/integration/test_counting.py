"""Which days are evidence: settled, once, of answers that were given before an outcome was kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import GateRefused
from pipelines.core.records import DayLoss, ModelVersion, Verdict
from pipelines.promotion.claims import contests, line_claims
from pipelines.serving.contenders import AT_ONCE
from pipelines.training.ports import ScoringRequest, ScoringResult
from tests.integration.serving import DAY, Serving, judged
from tests.unit.test_claims import PARAMS

DELAYS = [20.0, 0.0, None]


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """Version 1 is champion."""
    serving = Serving(tmp_path)
    serving.registry.add("1")
    serving.serve("1")
    return serving


def tonight(*versions: str, day: date = DAY) -> Verdict:
    """A verdict that blesses versions, each as a candidate of its own."""
    return Verdict(
        day=day,
        version=versions[0],
        candidate="trees",
        blessed=True,
        outcome="kept",
        reason="the champion stays",
        champion="1",
        evidence={},
        contenders={f"trees-{version}": version for version in versions},
    )


def losses(serving: Serving) -> dict[str, DayLoss]:
    return {one.contender: one for one in serving.warehouse.counted()}


def night(day: int) -> date:
    return DAY + timedelta(days=day)


def test_every_candidate_answers_in_shadow_and_its_day_counts_once(
    serving: Serving,
) -> None:
    serving.registry.add("2", level=0.3)
    serving.registry.add("3", level=0.4)
    published = serving.score(verdict=tonight("2", "3"))
    serving.flew(DAY, DELAYS)

    first = serving.settle(night(2))
    again, later = serving.settle(night(2)), serving.settle(night(3))

    assert published.answered_by == "champion"
    assert first.counted == again.counted == (DAY,)
    assert later.counted == ()
    found = losses(serving)
    assert found.keys() == {"champion", "trees-2", "trees-3", "baseline"}
    assert {one.events for one in found.values()} == {2}
    assert {one.counted_on for one in found.values()} == {night(2)}
    plain = {"trees-2": 0.3, "trees-3": 0.4}
    for name, level in plain.items():
        assert found[name].loss == pytest.approx(-np.log([level, 1 - level]).mean())
    # The events of the table are in the order of flights 3, 2, 1; flight 1 was late, flight 2 was not.
    assert found["champion"].loss == pytest.approx(-np.log([0.6, 1 - 0.4]).mean())
    assert (found["trees-2"].line, found["baseline"].line) == ("always@", None)


def test_a_candidate_that_is_not_good_enough_answers_in_shadow_and_one_that_does_not_load_does_not(
    serving: Serving,
) -> None:
    for version, passed, infra in (("2", False, True), ("3", True, False)):
        added = serving.registry.add(version, level=0.3)
        serving.warehouse.bless(judged(added, passed=passed, infra=infra))

    published = serving.score(verdict=tonight("2", "3"))

    fared = {one.contender: one for one in published.contenders}
    assert (fared["trees-2"].outcome, fared["trees-3"].outcome) == ("answered", "refused")
    assert "is not blessed for infra" in fared["trees-3"].reason
    assert published.answered_by == "champion"
    with pytest.raises(GateRefused, match="not blessed for quality"):
        serving.score(model="2")


def test_who_answers_in_shadow_is_asked_after_the_others_and_few_at_a_time(
    serving: Serving,
) -> None:
    for version in "23456":
        serving.registry.add(version, level=0.3)
    asked: list[list[str]] = []
    replies = serving.workers._replies

    def heard(
        questions: Sequence[ScoringRequest],
    ) -> Iterator[tuple[ScoringRequest, ScoringResult]]:
        asked.append([one.name for one in questions])
        return replies(questions)

    serving.workers._replies = heard

    serving.score(verdict=tonight("1", "2", "3", "4", "5", "6"))

    assert asked[0] == ["champion"]  # version 1 is tonight's as well, and is asked once
    later = [name for some in asked[1:] for name in some]
    assert sorted(later) == [f"trees-{n}" for n in "23456"]
    assert max(map(len, asked)) == AT_ONCE


def test_a_correction_of_an_outcome_does_not_change_what_was_counted(serving: Serving) -> None:
    serving.score()
    serving.flew(DAY, DELAYS)
    serving.settle(night(2))
    before = losses(serving)

    serving.flew(DAY, [0.0, 0.0, None])
    serving.settle(night(3))

    assert losses(serving) == before


def test_a_day_that_is_scored_again_after_its_outcomes_is_not_counted(serving: Serving) -> None:
    serving.registry.add("2", level=0.3)
    serving.flew(DAY, DELAYS)
    serving.settle(night(2))  # nobody had answered

    serving.score(verdict=tonight("2"))
    assert serving.settle(night(3)).counted == ()
    assert losses(serving) == {}


def test_another_publication_after_the_outcomes_is_not_counted(serving: Serving) -> None:
    """The champion's answers were early; those that are published now are others."""
    serving.score()
    serving.flew(DAY, DELAYS)
    serving.registry.add("2", level=0.3)
    serving.warehouse.settle(_some_outcome(serving))
    serving.serve("2")
    serving.score()

    assert serving.settle(night(2)).counted == ()


def _some_outcome(serving: Serving) -> pd.DataFrame:
    key = serving.warehouse.predictions(DAY, DAY)["event_key"].iloc[0]
    row = {"day": DAY, "event_key": key, "label": 1.0, "excluded": None}
    return pd.DataFrame([row]).assign(known_at=pd.Timestamp("2013-10-01 12:00"))


def test_a_model_that_learned_from_the_day_is_no_evidence(serving: Serving) -> None:
    serving.registry.add("2", level=0.3, until=night(5))
    serving.score(verdict=tonight("2"))
    serving.flew(DAY, DELAYS)

    serving.settle(night(2))

    assert losses(serving).keys() == {"champion", "baseline"}


def test_a_day_without_an_early_answer_of_the_champion_is_not_counted(serving: Serving) -> None:
    serving.workers.fate["champion"] = "crashed"
    serving.registry.add("2", level=0.3)
    serving.score(verdict=tonight("2"))
    serving.flew(DAY, DELAYS)

    assert serving.settle(night(2)).counted == ()
    assert losses(serving) == {}


def test_nights_of_shadow_answers_become_a_proof_of_one_line_and_none_of_an_equal_one(
    serving: Serving,
) -> None:
    """Of forty nights, each scored before the outcomes of the one before it are settled."""
    rng = np.random.default_rng(4)
    better = serving.registry.add("2", level=0.5)
    serving.registry.judge(_of_line(serving, better, "better"))
    equal = serving.registry.add("3", times=1.0)
    serving.registry.judge(_of_line(serving, equal, "equal"))
    for n in range(40):
        day = night(n)
        said = rng.uniform(0.05, 0.95, 6)
        verdict = tonight("2", "3", day=day)
        serving.score(day, serving.features(day, said), verdict=verdict)
        serving.settle(day)
        serving.flew(day, [20.0 if late else 0.0 for late in rng.random(6) < 0.5])

    counted = serving.warehouse.counted()
    compared = {one.of: one for one in contests(counted, "always@")}
    claims = line_claims(compared, ["better@2", "equal@3"], PARAMS)

    assert len({one.day for one in counted}) == 39
    assert claims["better@2"].days == 39
    assert claims["better@2"].reached
    assert claims["equal@3"].evidence < 1  # its scores are the champion's


def _of_line(serving: Serving, version: ModelVersion, candidate: str) -> ModelVersion:
    """The version as one of a line of its own."""
    of = version.model_copy(update={"candidate": candidate, "spec": version.version})
    serving.registry.versions[version.version] = of
    return of


def test_a_day_whose_scores_were_edited_is_settled_and_is_no_evidence(serving: Serving) -> None:
    serving.registry.add("2", level=0.3)
    serving.score(verdict=tonight("2"))
    serving.flew(DAY, DELAYS)
    with closing(sqlite3.connect(serving.root / "redeye.db")) as database, database:
        database.execute("UPDATE prediction SET score = 0.99 WHERE contender = 'trees-2'")

    settled = serving.settle(night(2))

    assert settled.settled == {DAY.isoformat(): 2}
    assert settled.counted == ()
    assert losses(serving) == {}
