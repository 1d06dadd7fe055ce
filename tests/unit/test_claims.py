from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.config import PromoteParams
from pipelines.core.records import Claim, DayLoss
from pipelines.metrics.task import BINARY, REGRESSION
from pipelines.monitoring.alerts import age_alarm, harm_alarms
from pipelines.monitoring.degradation import Limits
from pipelines.promotion.champion import Ways
from pipelines.promotion.claims import (
    contests,
    day_losses,
    harm_claims,
    line_before,
    line_claims,
)
from pipelines.reports.run_charts import evidence_chart

LIMITS = Limits(days=7, psi=0.25, lost=0.5, age=60)
FIRST, NIGHT = date(2013, 3, 1), date(2013, 10, 1)
OLD, NEW, THIRD = "logistic@1", "boosting@2", "trees@3"
PARAMS = PromoteParams(
    policy="ask", alpha=0.05, min_lift=0.0, max_regression=0.01, max_slice_regression=0.02, min_slice_events=200, min_slice_days=7, on_harm="alert", max_overfit=1,
    max_refit_distance=1, max_model_mb=1,
)  # fmt: skip


def loss(day: int, contender: str, line: str | None, amount: float, version: str = "1") -> DayLoss:
    return DayLoss(
        day=FIRST + timedelta(days=day),
        contender=contender,
        line=line,
        model_version=version if line else None,
        loss=amount,
        events=100,
        counted_on=NIGHT,
    )


def days(count: int, of: Any) -> list[DayLoss]:
    return [one for day in range(count) for one in of(day)]


def test_each_settled_day_counts_once_for_the_line_and_the_gain_is_a_share_of_the_loss() -> None:
    losses = days(60, lambda day: [loss(day, "champion", OLD, 0.40), loss(day, "boosting", NEW, 0.38 + 0.001 * (day % 2))])  # fmt: skip

    (found,) = contests(losses, OLD)
    claim = line_claims({found.of: found}, [NEW], PARAMS)[NEW]

    assert (found.of, len(found.days)) == (NEW, 60)
    assert claim.needed == 20
    assert (claim.days, claim.reached) == (60, True)
    assert claim.gain == pytest.approx(0.0195 / 0.40)
    assert [day for day, _ in claim.curve] == [FIRST + timedelta(days=n) for n in range(60)]
    assert claim.evidence == max(much for _, much in claim.curve)


def test_a_line_is_one_whatever_the_versions_and_contenders_it_answers_by() -> None:
    def of(day: int) -> list[DayLoss]:
        return [
            loss(day, "champion", OLD, 0.4),
            loss(day, "challenger", NEW, 0.1, version="2"),
            loss(day, "boosting", NEW, 0.3, version=str(10 + day)),
        ]

    (found,) = contests(days(5, of), OLD)

    assert found.other.tolist() == [0.3] * 5  # of the newest version, whatever the others lost


def test_a_process_begins_when_another_line_becomes_champion_and_not_at_a_refresh() -> None:
    def of(day: int) -> list[DayLoss]:
        line = OLD if day < 10 else NEW
        other = NEW if day < 10 else OLD
        return [
            loss(day, "champion", line, 0.4, version=str(day)),
            loss(day, "other", other, 0.3, version=str(100 + day)),
        ]

    losses = days(30, of)

    assert {one.of: len(one.days) for one in contests(losses, NEW)} == {OLD: 20}
    assert line_before(losses, NEW) == OLD
    assert contests(losses[:20], NEW) == []  # it was promoted tonight: nothing is counted yet
    assert line_before(losses[:20], OLD) is None


def test_a_day_on_which_one_of_both_did_not_answer_is_no_day() -> None:
    losses = [
        loss(0, "champion", OLD, 0.4), loss(0, "boosting", NEW, 0.3), loss(1, "boosting", NEW, 0.3),
        loss(2, "champion", OLD, 0.4), loss(3, "champion", OLD, 0.4), loss(3, "boosting", NEW, 0.5),
    ]  # fmt: skip

    (found,) = contests(losses, OLD)

    assert [one.day for one in found.days] == [1, 4]
    assert found.champion.tolist() == [0.4, 0.4]
    assert found.other.tolist() == [0.3, 0.5]


def test_of_more_lines_each_needs_more_evidence_and_a_gain_below_min_lift_is_none() -> None:
    noise = np.random.default_rng(3).normal(0, 0.01, 100)

    def of(day: int) -> list[DayLoss]:
        return [
            loss(day, "champion", OLD, 0.4),
            loss(day, "boosting", NEW, 0.39 + noise[day]),
            loss(day, "trees", THIRD, 0.41 - noise[day]),
        ]

    compared = {one.of: one for one in contests(days(100, of), OLD)}
    claims = line_claims(compared, [OLD, NEW, THIRD], PARAMS)

    assert claims.keys() == {NEW, THIRD}
    assert {one.needed for one in claims.values()} == {40}
    assert (claims[NEW].reached, claims[THIRD].reached) == (True, False)
    wanted = PARAMS.model_copy(update={"min_lift": 0.05})
    assert not line_claims(compared, [NEW], wanted)[NEW].reached


def test_harm_is_told_of_the_line_before_and_of_the_reserves() -> None:
    def of(day: int) -> list[DayLoss]:
        champion = [loss(day, "champion", OLD if day < 9 else NEW, 0.3 if day < 9 else 0.4)]
        shadow = [loss(day, "logistic", OLD, 0.3)] if day >= 9 else []
        return [
            *champion,
            *shadow,
            loss(day, "canary", OLD, 0.35),
            loss(day, "baseline", None, 0.45),
        ]

    losses = days(60, of)
    compared = {one.of: one for one in contests(losses, NEW)}

    assert [one.of for one in harm_claims(compared, OLD, PARAMS)] == [OLD, "canary"]
    assert [one.of for one in harm_claims(compared, None, PARAMS)] == ["canary"]


def test_of_more_reserves_each_needs_more_evidence_and_one_by_two_names_is_one() -> None:
    def of(day: int) -> list[DayLoss]:
        return [
            loss(day, "champion", NEW, 0.4),
            loss(day, "logistic", OLD, 0.3),
            loss(day, "previous-champion", OLD, 0.3),
            loss(day, "canary", OLD, 0.35),
            loss(day, "baseline", None, 0.45),
        ]

    compared = {one.of: one for one in contests(days(60, of), NEW)}

    found = harm_claims(compared, OLD, PARAMS)

    assert {one.of: one.needed for one in found} == {OLD: 60, "canary": 60}


@pytest.mark.parametrize("task", [BINARY, REGRESSION])
def test_losses_are_those_of_an_independent_computation_on_the_same_events(task: Any) -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random(50) < 0.3).astype(float)
    labels[::10] = np.nan  # without an outcome
    given = {"champion": rng.random(50), "boosting": rng.random(50)}
    frames = [
        pd.DataFrame({"day": FIRST, "contender": name, "model_version": version, "score": scores, "label": labels})
        for (name, scores), version in zip(given.items(), ("4", "7"), strict=True)
    ]  # fmt: skip
    late = frames[1].assign(contender="trees", model_version="8").head(20)
    answers = {
        "champion": (OLD, "4"),
        "boosting": (NEW, "7"),
        "trees": (THIRD, "8"),
        "gone": (NEW, "9"),
    }

    found = day_losses(answers, pd.concat([*frames, late]), task, NIGHT)

    known = ~np.isnan(labels)
    y = labels[known]
    for one, scores in zip(
        sorted(found, key=lambda one: one.contender, reverse=True), given.values(), strict=True
    ):
        p = scores[known]
        plain = (
            -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
            if task is BINARY
            else np.sqrt(((p - y) ** 2).mean())
        )
        assert one.loss == pytest.approx(plain)
        assert (one.events, one.counted_on) == (int(known.sum()), NIGHT)


def test_a_version_that_did_not_answer_before_the_outcome_is_not_counted() -> None:
    scores = pd.DataFrame({"day": FIRST, "contender": ["champion", "boosting"], "model_version": ["4", "8"], "score": 0.5, "label": 1.0})  # fmt: skip

    found = day_losses({"champion": (OLD, "4"), "boosting": (NEW, "7")}, scores, BINARY, NIGHT)

    assert [one.contender for one in found] == ["champion"]
    assert day_losses({"boosting": (NEW, "8")}, scores, BINARY, NIGHT) == []


def test_of_equal_lines_at_most_one_in_twenty_is_ever_proven_better() -> None:
    proven, worlds = 0, 200
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        shared = rng.normal(0.4, 0.05, 365)  # what a day is like, for everybody
        own = rng.normal(0, 0.01, (4, 365))

        def of(day: int, shared: Any = shared, own: Any = own) -> list[DayLoss]:
            names = ((("champion"), OLD), ("b", NEW), ("c", THIRD), ("d", "d@4"))
            return [
                loss(day, name, line, shared[day] + own[n, day])
                for n, (name, line) in enumerate(names)
            ]

        compared = {one.of: one for one in contests(days(365, of), OLD)}
        proven += any(one.reached for one in line_claims(compared, compared, PARAMS).values())

    assert proven <= worlds / 20


def harmed(**changes: Any) -> Any:
    """A night whose verdict says that the canary and the line before are better."""
    claims = [
        Claim(of=of, evidence=much, needed=20, days=40, gain=0.1, version=version, curve=())
        for of, much, version in ((OLD, 2000.0, "9"), ("canary", 20.0, "1"), ("baseline", 30.0, None))
    ]  # fmt: skip
    verdict = {"harm": claims, "withdrawn": None, "champion": "7", "may_serve": {"logistic": "9"}}
    return SimpleNamespace(day=NIGHT, verdict=SimpleNamespace(**(verdict | changes)))


def test_who_is_proven_better_than_the_champion_is_an_alarm_with_what_makes_it_champion() -> None:
    found = list(harm_alarms(harmed(), Ways(proven=frozenset({"1"}))))

    assert [one.command for one in found] == [
        f"redeye promote --version 9 --reason '{OLD} is better'",
        "redeye promote --version 1 --reason 'canary is better'",
        f"redeye explain --day {NIGHT}",
    ]
    assert [round(one.strength, 2) for one in found] == [3.0, 1.0, 1.18]
    assert not any(one.urgent for one in found)
    (_, unproven, _) = harm_alarms(harmed(), Ways())
    assert unproven.command == f"redeye explain --day {NIGHT}"


def test_a_line_that_was_taken_down_is_told_whatever_the_budget() -> None:
    first, *others = harm_alarms(harmed(withdrawn=OLD), Ways())

    assert (first.urgent, first.command) == (True, f"redeye explain --day {NIGHT}")
    assert first.sentence.endswith("Version 7 of it is champion again.")
    assert not any(one.urgent for one in others)
    assert list(harm_alarms(SimpleNamespace(day=NIGHT, verdict=None), Ways())) == []


@pytest.mark.parametrize(
    ("age", "by", "told"),
    [(60, "champion", False), (61, "champion", True), (61, "baseline", False)],
)
def test_a_champion_that_no_night_refreshes_is_told(age: int, by: str, told: bool) -> None:
    answer = SimpleNamespace(answered_by=by, trained_until=NIGHT - timedelta(days=age))
    kept = SimpleNamespace(outcome="kept", version="8", reason="it may be worse")

    alarms = [
        list(age_alarm(SimpleNamespace(day=NIGHT, publication=answer, verdict=verdict), LIMITS))
        for verdict in (
            kept,
            SimpleNamespace(outcome="challenger", version="8", reason="better"),
            None,
        )
    ]

    assert [len(found) for found in alarms] == [int(told)] * 3
    if told:
        commands = [found[0].command for found in alarms]
        assert commands[0] == commands[2] == f"redeye explain --day {NIGHT}"
        assert commands[1] == "redeye promote --version 8 --reason 'the champion is old'"
        assert (
            "61 days ago (monitor.max_champion_age_days: 60); tonight: it may be worse."
            in alarms[0][0].sentence
        )


def test_the_chart_shows_the_strongest_lines_and_how_much_is_needed() -> None:
    def of(name: str, evidence: float) -> Claim:
        curve = ((FIRST, 0.4), (FIRST + timedelta(days=1), evidence))
        return Claim(
            of=name, evidence=evidence, needed=100, days=2, gain=0, version="1", curve=curve
        )

    claims = tuple(of(name, much) for name, much in ((NEW, 10.0), (THIRD, 1.0), ("d@4", 0.1)))
    night = SimpleNamespace(verdict=SimpleNamespace(claims=claims))

    chart = evidence_chart(night)

    assert chart is not None
    assert [name for _, name in chart.legend] == [NEW, THIRD, "needed"]
    assert f"{FIRST + timedelta(days=1)}: {NEW} 1.000" in [dot.title for dot in chart.dots]
    assert f"{FIRST}: needed 2.000" in [dot.title for dot in chart.dots]
    assert evidence_chart(SimpleNamespace(verdict=None)) is None
