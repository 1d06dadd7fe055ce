"""Who answers for a day, and what becomes of the answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipelines.adapters.workers.pool import ProcessWorkers
from pipelines.app import summary
from pipelines.core.errors import DataError, GateRefused
from pipelines.core.records import LedgerEntry, Publication, Verdict
from pipelines.training.ports import ModelFile, Outcome, ScoringRequest, ScoringResult
from tests.integration.hostile import BOMBS
from tests.integration.serving import DAY, Judge, MemoryWorkers, Serving


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """Version 1 was champion, version 2 is; both say what the feature says, a little apart."""
    serving = Serving(tmp_path)
    serving.registry.add("1", level=0.1)
    serving.registry.add("2")
    serving.serve("1")
    serving.serve("2")
    return serving


def scores(serving: Serving, day: date = DAY) -> list[float]:
    return [round(score, 6) for score in serving.warehouse.predictions(day, day)["score"]]


def test_the_champion_answers_for_every_event_of_the_day(serving: Serving) -> None:
    publication = serving.score()

    assert (publication.answered_by, publication.model_version) == ("champion", "2")
    assert (publication.events, publication.scored, publication.republished) == (3, 3, True)
    assert publication.reason == "champion (version 2) answers"
    current = serving.warehouse.predictions(DAY, DAY)
    assert current["event_key"].tolist()[0] == "2013-10-01|UA|1|EWR|515"
    assert scores(serving) == [0.6, 0.4, 0.2]
    assert set(current["answered_by"]) == {"champion"}


def test_scoring_again_publishes_nothing(serving: Serving) -> None:
    first = serving.score()

    again = serving.score()

    assert again == first.model_copy(update={"republished": False})


def test_other_features_are_another_publication(serving: Serving) -> None:
    first = serving.score()

    other = serving.score(table=serving.features(said=(0.2, 0.4, 0.7)))

    assert other.republished
    assert other.checksum != first.checksum


def test_a_published_day_is_left_alone_when_asked(serving: Serving) -> None:
    first = serving.score()
    serving.serve("1")

    left = serving.score(republish=False)

    assert left == first.model_copy(update={"republished": False, "contenders": ()})


def test_a_day_without_events_is_published_empty(serving: Serving) -> None:
    publication = serving.score(table=serving.features(said=()))

    assert (publication.events, publication.answered_by) == (0, "champion")


# A champion that is worse than the baseline

WORSE = "version 2 is worse than the trailing-rate on the days from 2013-09-03 to 2013-09-30"


def verdict(champion: str = "2", withheld: str | None = WORSE) -> Verdict:
    return Verdict(
        day=DAY, version="3", candidate="linear", blessed=False, outcome="refused",
        reason="", champion=champion, evidence={}, withheld=withheld,
    )  # fmt: skip


def test_the_baseline_answers_for_a_champion_that_is_withheld_and_says_why(
    serving: Serving,
) -> None:
    serving.flew(DAY - timedelta(days=1), [20.0, 0.0])
    serving.registry.add("4", level=0.7)
    serving.registry.point("canary", "4")

    publication = serving.score(verdict=verdict())

    assert publication.answered_by == "baseline"
    assert publication.reason.startswith(f"the champion is withheld: {WORSE}; baseline answers")
    assert set(serving.warehouse.predictions(DAY, DAY)["reason"]) == {publication.reason}
    assert scores(serving) == [0.5, 0.5, 0.5]
    kept = serving.warehouse.scores(DAY, DAY)
    assert set(kept["contender"]) == {"champion", "previous-champion", "canary", "baseline"}


@pytest.mark.parametrize(
    "found", [None, verdict(champion="1"), verdict(withheld=None)], ids=["no verdict", "of another version", "not withheld"]
)  # fmt: skip
def test_a_champion_answers_unless_it_is_the_one_that_is_withheld(
    serving: Serving, found: Verdict | None
) -> None:
    assert serving.score(verdict=found).answered_by == "champion"


def test_a_champion_is_not_withheld_where_no_baseline_may_answer(serving: Serving) -> None:
    publication = serving.score(verdict=verdict(), schedule=("champion", "previous-champion"))

    assert publication.answered_by == "champion"


# Promotions


def test_a_promoted_version_answers_next(serving: Serving) -> None:
    serving.score()
    serving.serve("1")

    publication = serving.score()

    assert publication.model_version == "1"
    assert publication.republished
    assert scores(serving) == [0.1, 0.1, 0.1]


def test_an_alias_moved_by_hand_is_obeyed_and_stands_in_the_ledger(serving: Serving) -> None:
    serving.registry.add("3", level=0.3)
    serving.registry.aliases["champion"] = "3"

    publication = serving.score()

    assert (publication.answered_by, publication.model_version) == ("champion", "3")
    moved = LedgerEntry(version="3", before="2", actor="mlflow", reason="alias moved in MLflow")
    assert serving.warehouse.ledger()[-1] == moved
    assert serving.registry.aliases["previous-champion"] == "2"
    serving.score()
    assert serving.warehouse.ledger().count(moved) == 1


def test_an_unblessed_version_does_not_answer_and_the_last_good_one_does(serving: Serving) -> None:
    serving.registry.add("3", level=0.3, blessed=False)
    serving.registry.aliases["champion"] = "3"

    publication = serving.score()

    assert (publication.answered_by, publication.model_version) == ("previous-champion", "2")
    assert "champion (version 3) is not blessed for quality" in publication.reason
    assert set(serving.warehouse.predictions(DAY, DAY)["reason"]) == {publication.reason}
    refused = serving.warehouse.ledger()[-1]
    assert (refused.version, refused.before, refused.kind) == ("3", "2", "refused")
    assert serving.registry.told["3"] == "refused as champion: it is not blessed for quality"


def test_without_the_alias_the_last_good_one_answers(serving: Serving) -> None:
    del serving.registry.aliases["champion"]

    publication = serving.score()

    assert (publication.answered_by, publication.model_version) == ("previous-champion", "2")
    assert "there is no champion" in publication.reason


def test_a_model_that_learned_from_later_days_says_so(serving: Serving) -> None:
    serving.registry.add("3", level=0.3, until=DAY + timedelta(days=30))
    serving.serve("3")

    assert "learned from days until 2013-10-31" in serving.score().reason


# When the champion cannot


def test_a_damaged_champion_leaves_it_to_the_one_before(serving: Serving) -> None:
    del serving.registry.models["2"]

    publication = serving.score()

    assert (publication.answered_by, publication.model_version) == ("previous-champion", "1")
    assert "champion (version 2) cannot answer" in publication.reason
    assert "its file is damaged" in publication.reason


@pytest.mark.parametrize("level", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_champion_that_gives_no_probabilities_does_not_answer(
    serving: Serving, level: float
) -> None:
    serving.registry.add("2", level)

    publication = serving.score()

    assert publication.answered_by == "previous-champion"
    assert "3 scores that are no probabilities" in publication.reason


@pytest.mark.parametrize(
    ("bomb", "why"),
    [
        ("a schema of 16 GB", "it unpacks to more than 2,048 MB"),
        ("an array that says it has 2^50 numbers", "it needs more memory than it may use"),
        ("a booster that nests without end", "its process ended with signal SIGSEGV"),
    ],
)
def test_when_every_model_file_unpacks_without_end_the_baseline_answers_and_says_why(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bomb: str, why: str
) -> None:
    form, content = BOMBS[bomb]
    (tmp_path / "bomb").write_bytes(content)
    file = ModelFile(tmp_path / "bomb", form, hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(serving.registry, "fetch", lambda _: file)
    workers = ProcessWorkers(600, 8)

    with closing(workers):
        serving.workers = workers  # type: ignore[assignment]
        publication = serving.score()

    assert publication.answered_by == "baseline"
    assert publication.reason.count(why) == 2  # of the champion, and of the one before


def test_a_champion_whose_features_are_gone_does_not_answer(serving: Serving) -> None:
    wanting = serving.registry.versions["2"].model_copy(update={"features": ("said", "heard")})
    serving.registry.versions["2"] = wanting

    assert "needs features that are not there: heard" in serving.score().reason


def test_scores_that_break_their_suite_are_not_published(serving: Serving) -> None:
    serving.registry.add("1", level=0.5)
    serving.judge = Judge(floor=0.3)

    publication = serving.score()

    assert publication.model_version == "1"
    assert "its scores break floor(score): 1 rows" in publication.reason


def test_without_a_suite_scores_only_have_to_be_probabilities(serving: Serving) -> None:
    serving.judge = Judge(floor=0.3, written=False)

    assert serving.score().model_version == "2"


def test_while_the_registry_is_down_the_baseline_answers_and_says_so(serving: Serving) -> None:
    serving.registry.down = True
    serving.flew(DAY - timedelta(days=1), [20, 0, 15])

    publication = serving.score()

    assert (publication.answered_by, publication.model_version) == ("baseline", None)
    assert publication.reason.count("the registry does not answer (MLflow did not answer)") == 1
    assert f"of 3 outcomes of the 28 days up to {DAY - timedelta(days=1)}" in publication.reason
    assert scores(serving) == [0.6, 0.6, 0.6]  # (2 + 1) / (3 + 2)


def test_the_baseline_knows_no_day_whose_outcomes_are_not_complete(serving: Serving) -> None:
    serving.problem = replace(serving.problem, label_maturity_days=2)
    serving.registry.down = True
    for n, delays in ((1, [20, 20]), (2, [20, 20]), (3, [0, 0, 20]), (31, [20])):
        serving.flew(DAY - timedelta(days=n), delays)

    publication = serving.score()

    assert f"of 3 outcomes of the 28 days up to {DAY - timedelta(days=3)}" in publication.reason
    assert scores(serving) == [0.4, 0.4, 0.4]  # (1 + 1) / (3 + 2)


def test_while_the_registry_is_down_the_champion_that_it_named_last_answers(
    serving: Serving,
) -> None:
    serving.score()
    serving.registry.down = True
    tomorrow = DAY + timedelta(days=1)

    publication = serving.score(tomorrow, serving.features(tomorrow))

    assert (publication.answered_by, publication.model_version) == ("champion", "2")
    assert publication.reason.startswith("the registry does not answer (MLflow did not answer)")


def test_a_damaged_record_of_the_champion_leaves_it_to_the_baseline(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged() -> None:
        raise DataError("champion.json: not a ModelVersion record; delete the file")

    serving.registry.down = True
    monkeypatch.setattr(serving.registry, "cached_champion", damaged)

    publication = serving.score()

    assert (publication.answered_by, publication.scored) == ("baseline", 3)
    assert "who was champion cannot be told (champion.json: not a" in publication.reason


def test_the_baseline_knows_nothing_of_what_was_not_known_at_the_cutoff(serving: Serving) -> None:
    serving.registry.down = True
    serving.flew(DAY - timedelta(days=2), [20])
    serving.flew(DAY - timedelta(days=1), [0, 0, 0], hour=29)  # 05:00 UTC: after midnight there

    serving.score()

    assert np.allclose(scores(serving), 2 / 3)


def test_the_baseline_answers_without_any_outcome_and_with_damaged_ones(serving: Serving) -> None:
    serving.registry.down = True
    damaged = serving.flew(DAY - timedelta(days=1), [20])
    (serving.root / "data" / damaged.file).write_bytes(b"rot")

    assert serving.score().answered_by == "baseline"
    assert scores(serving) == [0.5, 0.5, 0.5]


def test_with_nobody_left_the_day_is_not_scored(serving: Serving) -> None:
    first = serving.score()
    serving.registry.down, serving.registry.last = True, None

    with pytest.raises(GateRefused, match="nobody of the schedule can answer"):
        serving.score(schedule=["champion"])

    published = serving.warehouse.published(DAY)
    assert published is not None
    assert published.run_id == first.run_id


@pytest.mark.parametrize("fate", ["late", "crashed", "out of memory", "refused"])
def test_whatever_becomes_of_the_champion_every_event_is_answered(
    serving: Serving, fate: Outcome
) -> None:
    serving.workers.fate["champion"] = fate

    publication = serving.score()

    assert (publication.answered_by, publication.scored) == ("previous-champion", 3)
    assert f"it was {fate}" in publication.reason


def test_scores_that_are_all_alike_are_no_answer(serving: Serving) -> None:
    publication = serving.score(table=serving.features(said=[0.4] * 30))

    assert (publication.answered_by, publication.scored) == ("baseline", 30)
    assert "the same score 0.4 to all 30 events" in publication.reason


# The rendezvous


def test_every_contender_is_asked_and_all_scores_are_kept(serving: Serving) -> None:
    serving.registry.add("3", level=0.3)
    serving.registry.add("4", level=0.4)
    serving.registry.aliases |= {"challenger": "3", "canary": "4"}
    serving.workers.fate["canary"] = "late"

    publication = serving.score()

    fared = {one.contender: one.outcome for one in publication.contenders}
    assert fared == {
        "champion": "answered",
        "previous-champion": "answered",
        "challenger": "answered",
        "canary": "late",
        "baseline": "answered",
    }
    kept = serving.ask("SELECT contender, count(*), sum(answers) FROM prediction GROUP BY 1")
    assert sorted(kept) == [
        ("baseline", 3, 0),
        ("challenger", 3, 0),
        ("champion", 3, 3),
        ("previous-champion", 3, 0),
    ]
    assert ("canary", "4", "late", 0) in serving.ask(
        "SELECT contender, model_version, outcome, events FROM contender_run"
    )


def test_how_long_each_took_and_whether_it_answered_are_daily_metrics(serving: Serving) -> None:
    serving.workers.fate["champion"] = "crashed"

    serving.score()

    told = serving.warehouse.read_metrics(DAY, DAY).set_index(["subject", "metric"])["value"]
    assert (told["champion 2", "answered"], told["champion 2", "seconds"]) == (0.0, 1.5)
    assert (told["previous-champion 1", "answered"], told["baseline", "answered"]) == (1.0, 1.0)


@pytest.mark.parametrize("fate", ["late", "crashed", "out of memory", None])
def test_nothing_that_a_challenger_does_changes_the_answer(
    serving: Serving, fate: Outcome | None
) -> None:
    alone = serving.score()
    serving.registry.add("3", float("nan") if fate is None else 0.3)
    serving.registry.aliases["challenger"] = "3"
    if fate:
        serving.workers.fate["challenger"] = fate

    beside = serving.score()

    assert (beside.run_id, beside.checksum, beside.republished) == (
        alone.run_id,
        alone.checksum,
        False,
    )


def test_who_is_slow_does_not_hold_up_the_answer(serving: Serving) -> None:
    serving.registry.add("3", level=0.3)
    serving.registry.aliases["challenger"] = "3"
    published: list[bool] = []

    class Slow(MemoryWorkers):
        def _replies(
            self, questions: Sequence[ScoringRequest]
        ) -> Iterator[tuple[ScoringRequest, ScoringResult]]:
            for question, reply in super()._replies(questions):
                if question.name == "challenger":
                    published.append(serving.warehouse.published(DAY) is not None)
                yield question, reply

    serving.workers = Slow(serving.registry, last=("challenger",))

    serving.score()

    assert published == [True]


# A share of the keys


def rolled_out(serving: Serving, share: float, n: int = 400) -> Publication:
    serving.registry.add("3", times=0.5)
    serving.registry.aliases["challenger"] = "3"
    said = np.linspace(0.4, 0.9, n)
    return serving.score(table=serving.features(said=said), rollout=share)


def challenged(serving: Serving) -> set[str]:
    rows = serving.warehouse.predictions(DAY, DAY)
    return set(rows.loc[rows["answered_by"] == "challenger", "event_key"])


def test_a_share_of_the_keys_is_answered_by_the_challenger(serving: Serving) -> None:
    publication = rolled_out(serving, 0.25)

    rows = serving.warehouse.predictions(DAY, DAY)
    theirs = rows["answered_by"] == "challenger"
    assert len(rows) == rows["event_key"].nunique() == 400
    assert 60 < theirs.sum() < 140
    assert rows.loc[theirs, "score"].between(0.2, 0.45).all()
    assert (rows.loc[~theirs, "score"] >= 0.4).all()
    assert rows["score"].nunique() > 350
    assert set(rows.loc[theirs, "model_version"]) == {"3"}
    assert set(rows.loc[theirs, "reason"]) == {publication.rollout}
    assert (
        publication.rollout
        == "challenger (version 3) answers 25% of the keys (score.challenger_share)"
    )


def test_a_larger_share_has_all_keys_of_a_smaller_one(serving: Serving) -> None:
    shares = []
    for share in (0.1, 0.5, 1.0):
        rolled_out(serving, share)
        shares.append(challenged(serving))

    assert shares[0] < shares[1] < shares[2]
    assert len(shares[2]) == 400


@pytest.mark.parametrize("fate", ["late", "crashed"])
def test_a_challenger_that_cannot_answer_its_share_leaves_it_to_the_champion(
    serving: Serving, fate: Outcome
) -> None:
    serving.workers.fate["challenger"] = fate

    publication = rolled_out(serving, 0.5)

    assert publication.rollout is None
    assert challenged(serving) == set()


def test_who_stands_in_for_the_champion_answers_alone(serving: Serving) -> None:
    serving.workers.fate["champion"] = "late"
    serving.registry.add("1")

    publication = rolled_out(serving, 0.5)

    assert publication.answered_by == "previous-champion"
    assert challenged(serving) == set()


def test_an_unblessed_challenger_has_no_share(serving: Serving) -> None:
    serving.registry.add("3", level=0.3, blessed=False)
    serving.registry.aliases["challenger"] = "3"

    serving.score(table=serving.features(said=np.linspace(0.4, 0.9, 50)), rollout=0.5)

    assert challenged(serving) == set()


# A version by its number


def test_a_version_answers_when_asked_by_its_number(serving: Serving) -> None:
    publication = serving.score(model="1")

    assert (publication.answered_by, publication.model_version) == ("version", "1")
    assert publication.reason.startswith("version 1 was asked for")


def test_an_unblessed_version_is_refused_though_asked_by_its_number(serving: Serving) -> None:
    serving.registry.add("3", level=0.3, blessed=False)

    with pytest.raises(GateRefused, match=r"version 3 was asked for and .* is not blessed"):
        serving.score(model="3")


def test_a_version_that_does_not_exist_is_refused(serving: Serving) -> None:
    with pytest.raises(GateRefused, match="there is no version"):
        serving.score(model="9")


def test_an_event_that_is_there_twice_is_refused(serving: Serving) -> None:
    table = serving.features()
    rows = serving.lake.read([table.partition])
    partition = serving.lake.write("features", DAY, rows.take([0, 0, 1]))

    with pytest.raises(DataError, match="1 rows repeat"):
        serving.score(table=table.model_copy(update={"partition": partition}))


# What came of it


def test_outcomes_meet_what_was_predicted_as_they_become_known(serving: Serving) -> None:
    serving.score()
    serving.flew(DAY, [20, 0, None], hour=30)  # known at 06:00 UTC on the next day

    early = serving.settle(DAY + timedelta(days=1))
    late = serving.settle(DAY + timedelta(days=2))

    assert early.settled == {"2013-10-01": 0}
    assert late.settled == {"2013-10-01": 2}
    assert late.unlabelled == {"cancelled": 1}
    labels = serving.warehouse.predictions(DAY, DAY)["label"]
    assert labels.fillna(-1).tolist() == [1.0, 0.0, -1.0]


def test_settling_again_tells_the_same(serving: Serving) -> None:
    serving.flew(DAY, [20, 0, None])
    first = serving.settle(DAY + timedelta(days=3))

    assert serving.settle(DAY + timedelta(days=3)) == first


def test_a_day_is_settled_once_its_outcomes_are_complete(serving: Serving) -> None:
    serving.problem = replace(serving.problem, label_maturity_days=10)
    serving.score()
    serving.flew(DAY, [20, 0, None])

    told = [serving.settle(DAY + timedelta(days=n)).settled for n in (1, 10, 11, 17, 18)]

    assert told == [{}, {}, {"2013-10-01": 2}, {"2013-10-01": 2}, {}]


def test_days_that_an_outage_left_out_are_settled_afterwards_a_few_a_night(
    serving: Serving,
) -> None:
    days = [DAY + timedelta(days=n) for n in range(10)]
    for day in days:
        serving.score(day)
        serving.flew(day, [20, 0, None])
    serving.flew(DAY - timedelta(days=1), [20])  # which was never scored

    night = DAY + timedelta(days=30)
    first, second, third = (serving.settle(night + timedelta(days=n)) for n in range(3))

    assert [one.isoformat() for one in first.late] == list(first.settled)
    assert (first.late, first.waiting) == (tuple(days[:7]), 3)
    assert (second.late, second.waiting) == (tuple(days[7:]), 0)
    assert (third.late, third.settled) == ((), {})
    labels = serving.warehouse.predictions(DAY, night)["label"]
    assert int(labels.notna().sum()) == 2 * len(days)
    told = dict(summary.ROWS["settlement"](first))
    assert told["settled late"] == (
        f"7 days from {days[0]} to {days[6]}, which no night had settled; "
        "3 more days follow in the next nights"
    )


def test_outcomes_that_come_too_late_are_left_out(serving: Serving) -> None:
    serving.flew(DAY, [20])

    assert serving.settle(DAY + timedelta(days=8)).settled == {}


@pytest.mark.parametrize("republish", [True, False])
def test_a_version_that_there_is_not_is_refused_also_when_the_day_is_left_as_it_is(
    serving: Serving, republish: bool
) -> None:
    first = serving.score()

    with pytest.raises(GateRefused, match="there is no version"):
        serving.score(model="99", republish=republish)

    assert serving.warehouse.published(DAY) is not None
    assert serving.warehouse.published(DAY).run_id == first.run_id  # type: ignore[union-attr]
