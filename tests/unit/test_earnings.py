"""What published scores earned, by week, against the champion, the baseline and doing nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.records import Interval
from pipelines.monitoring.earnings import NOTHING, Earnings, find_earnings, find_threshold
from pipelines.problem.value import SAVED, THRESHOLD, WASTED
from pipelines.reports.run_charts import earnings_chart
from tests.integration.flights import PROBLEM

MONDAY, DAYS, PER_DAY = date(2013, 9, 2), 16, 120  # two weeks and a day or two of the third


def answers(contender: str, version: str | None, skill: float, **changes: Any) -> pd.DataFrame:
    """What a contender with so much skill said of the same events as every other."""
    rng = np.random.default_rng(3)
    days = [MONDAY + timedelta(days=n // PER_DAY) for n in range(DAYS * PER_DAY)]
    logits = rng.normal(-1.2, 1.2, len(days))
    labels = (rng.random(len(days)) < 1 / (1 + np.exp(-logits))).astype(float)
    made = {
        "day": days,
        "event_key": [f"{day}|{n}" for n, day in enumerate(days)],
        "contender": contender,
        "model_version": version,
        "score": 1 / (1 + np.exp(-(skill * (logits + 1.2) - 1.2))),
        "label": labels,
        "answers": contender == "champion",
    }
    return pd.DataFrame(made | changes)


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    return pd.concat([answers("champion", "3", 1.0), answers("baseline", None, 0.0)])


def found(scores: pd.DataFrame, **changes: Any) -> Earnings:
    earnings = find_earnings(scores, replace(PROBLEM, **changes))
    assert earnings is not None
    return earnings


def test_weeks_begin_on_monday_and_add_up_to_the_whole(scores: pd.DataFrame) -> None:
    earnings = found(scores)

    assert [(one.first, one.n_days) for one in earnings.weeks] == [
        (MONDAY, 7),
        (MONDAY + timedelta(days=7), 7),
        (MONDAY + timedelta(days=14), 2),
    ]
    assert earnings.whole.total == pytest.approx(sum(one.total for one in earnings.weeks))
    assert earnings.whole.events == sum(one.events for one in earnings.weeks) == DAYS * PER_DAY
    for name in (NOTHING, "baseline", "champion 3"):
        parts = [one.gains[name] for one in earnings.weeks]
        mids = [part.mid for part in parts if isinstance(part, Interval)]
        assert sum(mids) == pytest.approx(amount(earnings.whole.gains[name]).mid)


def amount(gain: Any) -> Interval:
    assert isinstance(gain, Interval)
    return gain


def test_what_was_earned_is_what_the_value_says_of_what_was_published(
    scores: pd.DataFrame,
) -> None:
    mine = scores.loc[scores["answers"]]
    acted = mine["score"] >= THRESHOLD
    hits = int((mine["label"][acted] == 1.0).sum())

    whole = found(scores).whole

    assert (whole.acted, whole.came) == (int(acted.sum()), hits)
    assert whole.total == pytest.approx(hits * SAVED - (int(acted.sum()) - hits) * WASTED)
    assert amount(whole.gains[NOTHING]).mid == pytest.approx(whole.total)
    assert amount(whole.gains["champion 3"]) == Interval(low=0.0, mid=0.0, high=0.0)


def test_a_model_that_knows_something_is_surely_worth_more_than_the_baseline(
    scores: pd.DataFrame,
) -> None:
    gains = found(scores).whole.gains

    assert amount(gains[NOTHING]).low > 0
    assert amount(gains["baseline"]).low > 0


def test_a_fallback_that_answered_is_held_against_the_champion() -> None:
    silent = answers("champion", "3", 1.0, answers=False)
    flat = answers("baseline", None, 0.0, answers=True)

    gains = found(pd.concat([silent, flat])).whole.gains

    assert amount(gains["champion 3"]).high < 0
    assert amount(gains["baseline"]).mid == 0


def test_one_day_has_no_interval_and_an_unsettled_one_does_not_count(scores: pd.DataFrame) -> None:
    one = scores.assign(label=scores["label"].where(scores["day"] == MONDAY))

    earnings = found(one)

    assert (earnings.whole.n_days, earnings.whole.events) == (1, PER_DAY)
    assert isinstance(earnings.whole.gains[NOTHING], float)
    assert earnings_chart(earnings) is None


def test_an_opponent_is_compared_on_what_it_answered_alone(scores: pd.DataFrame) -> None:
    away = (scores["contender"] == "baseline") & (scores["day"] < MONDAY + timedelta(days=7))

    earnings = found(scores.loc[~away])

    assert "baseline" not in earnings.weeks[0].gains
    assert amount(earnings.whole.gains["baseline"]).mid == pytest.approx(
        sum(amount(one.gains["baseline"]).mid for one in earnings.weeks[1:])
    )


def test_the_interval_of_a_weeks_sum_holds_the_truth_as_often_as_it_says() -> None:
    rng, held, worlds = np.random.default_rng(5), 0, 400
    plain = replace(PROBLEM, value=lambda labels, scores: np.where(scores > 0, labels, 0.0))
    made = answers("champion", "3", 1.0).iloc[: 7 * PER_DAY].copy()
    for _ in range(worlds):
        rates = np.repeat(rng.uniform(0.1, 0.5, 7), PER_DAY)  # days differ by more than chance
        made["label"] = (rng.random(len(made)) < rates).astype(float)
        earnings = find_earnings(made, plain)
        assert earnings is not None
        gain = amount(earnings.whole.gains[NOTHING])
        held += gain.low <= 7 * PER_DAY * 0.3 <= gain.high

    assert 0.92 <= held / worlds <= 0.98


def test_without_a_value_or_outcomes_nothing_is_told(scores: pd.DataFrame) -> None:
    assert find_earnings(scores, replace(PROBLEM, value=None)) is None
    assert find_earnings(scores.assign(label=np.nan), PROBLEM) is None


def test_the_chart_shows_what_may_differ(scores: pd.DataFrame) -> None:
    chart = earnings_chart(found(scores))

    assert chart is not None
    names = [word.text for word in chart.words]
    assert f"02 Sep, over {NOTHING}" in names
    assert "02 Sep, over champion 3" not in names  # it is what was published


def test_the_threshold_is_where_the_value_begins_to_act() -> None:
    spread = np.linspace(0.05, 0.9, 50)

    def acting(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return np.where(scores > 1 / 3, labels - 0.2, 0.0)

    assert find_threshold(PROBLEM, spread) == pytest.approx(THRESHOLD, abs=1e-12)
    assert find_threshold(PROBLEM, spread * 0.1) == pytest.approx(THRESHOLD, abs=1e-12)
    assert find_threshold(replace(PROBLEM, value=acting), spread) == pytest.approx(1 / 3)


def test_a_value_without_one_threshold_has_none() -> None:
    spread = np.linspace(0.05, 0.9, 50)

    def between(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return np.where((scores > 0.2) & (scores < 0.6), labels - 0.2, 0.0)

    def never(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return np.zeros(len(labels) + 0 * len(scores))

    assert find_threshold(replace(PROBLEM, value=between), spread) is None
    assert find_threshold(replace(PROBLEM, value=never), spread) is None
    assert find_threshold(replace(PROBLEM, task="regression"), spread) is None
