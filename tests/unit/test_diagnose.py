"""Three planted causes, told apart by a model that never changes."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from pipelines.core.records import Interval
from pipelines.metrics.bootstrap import day_weights, interval, measure
from pipelines.metrics.task import BINARY, REGRESSION, Task
from pipelines.monitoring.degradation import Cause, Limits, PerformanceTrend, diagnose, find_course
from pipelines.monitoring.quality import score_rows
from pipelines.problem.value import value

DAY = date(2013, 10, 1)
LIMITS = Limits(days=7, psi=0.25, lost=0.5)
PER_DAY = 300


def a_course(subject: str, moved: float | None = 0.0, lost: float | None = 0.0) -> PerformanceTrend:
    span = None if lost is None else Interval(low=lost - 0.1, mid=lost, high=lost + 0.1)
    return PerformanceTrend(subject, moved, span, limit=0.5)


FINE, MOVED, LOST, UNKNOWN = {}, {"moved": 2.0}, {"lost": 0.8}, {"lost": None}


@pytest.mark.parametrize(
    ("drifted", "champion", "canary", "cause"),
    [
        ([], FINE, FINE, "as ever"),
        ([], FINE, LOST, "as ever"),  # an old canary may age
        (["temp"], FINE, FINE, "moved inputs"),
        (["temp"], MOVED, MOVED, "moved inputs"),
        (["temp"], LOST, LOST, "moved inputs"),
        (["temp"], LOST, None, "moved inputs"),
        ([], MOVED, FINE, "broken model"),
        ([], LOST, FINE, "broken model"),
        (["temp"], LOST, FINE, "broken model"),
        ([], LOST, LOST, "changed world"),
        ([], LOST, None, "unclear"),
        ([], LOST, UNKNOWN, "unclear"),  # nobody knows what the canary was promoted with
        (["temp"], LOST, UNKNOWN, "moved inputs"),
        ([], MOVED, UNKNOWN, "broken model"),
        ([], MOVED, MOVED, "as ever"),  # a season moves the scores of both
        ([], MOVED, LOST, "unclear"),
        ([], None, None, "as ever"),
    ],
)
def test_the_cause_follows_from_who_changed(
    drifted: list[str],
    champion: dict[str, float | None] | None,
    canary: dict[str, float | None] | None,
    cause: Cause,
) -> None:
    first = None if champion is None else a_course("champion 3", **champion)
    second = None if canary is None else a_course("canary 1", **canary)

    assert diagnose(drifted, first, second).cause == cause


def test_what_too_little_history_cannot_explain_is_not_called_usual() -> None:
    both = a_course("champion 3", moved=2.0), a_course("canary 1", moved=2.0)

    found = diagnose([], *both, untold=["temp"])

    assert found.cause == "unclear"
    assert "not enough history to tell whether temp moved" in found.reason
    assert found.strength == 2.0


def test_the_reason_names_what_was_seen() -> None:
    found = diagnose([], a_course("champion 3", moved=3.0, lost=0.9), a_course("canary 1"))

    assert found.reason == (
        "champion 3 scores otherwise than before and has lost 90% of what it promised to tell, "
        "while canary 1 answers as ever on the same inputs"
    )
    assert found.strength == pytest.approx(3.0)


def test_a_loss_that_is_not_sure_or_small_is_none() -> None:
    unsure = PerformanceTrend("champion 3", 0.0, Interval(low=-0.1, mid=0.8, high=1.7), limit=0.5)
    small = PerformanceTrend("champion 3", 0.0, Interval(low=0.1, mid=0.2, high=0.3), limit=0.5)

    assert not unsure.is_off
    assert not small.is_off
    assert unsure.words == "champion 3 answers as ever"


def month(task: Task = BINARY, broken: bool = False, world: bool = False) -> pd.DataFrame:
    """Four weeks of one version's scores and outcomes; the last week may be planted with a cause."""
    generator = np.random.default_rng(8)
    parts = []
    for back in range(28, -1, -1):
        day, last_week = DAY - timedelta(days=back), back < 7
        truth = generator.normal(-1 + generator.normal(0, 0.3), 1.2, PER_DAY)
        chance = 1 / (1 + np.exp(-truth))
        scores = chance[::-1] if broken and last_week else chance
        odds = generator.permutation(chance) if world and last_week else chance
        labels = (generator.random(PER_DAY) < odds).astype(float)
        if task is REGRESSION:
            labels = odds * 10 + generator.normal(0, 1, PER_DAY)
            scores = scores * 10
        labels = labels if back else np.full(PER_DAY, np.nan)
        parts.append(pd.DataFrame({"day": day, "score": scores, "label": labels}))
    return pd.concat(parts, ignore_index=True)


def promised(task: Task) -> dict[str, Interval]:
    """What the version of `month` was promoted with, on the weeks before the last one."""
    known = month(task).loc[lambda rows: rows["day"] <= DAY - timedelta(days=7)]
    scored = score_rows(known, value, task, pd.factorize(known["day"])[0])
    samples = measure(scored, day_weights(scored.n_days, 200, 1))
    return {task.overfit: interval(samples[task.overfit], scored.n_days)}


@pytest.mark.parametrize("task", [BINARY, REGRESSION], ids=["binary", "regression"])
def test_a_model_that_tells_nothing_any_more_has_lost_it(task: Task) -> None:
    judge = (value, task, promised(task))
    lost = find_course("champion 3", month(task, broken=True), DAY, LIMITS, judge)
    same = find_course("champion 3", month(task), DAY, LIMITS, judge)

    assert lost.has_lost
    assert not lost.has_moved  # the same scores, given to the wrong events
    assert not same.is_off


def test_scores_that_are_squeezed_have_moved() -> None:
    scores = month()
    last_week = scores["day"] > DAY - timedelta(days=7)
    scores.loc[last_week, "score"] *= 0.3

    assert find_course("champion 3", scores, DAY, LIMITS, (value, BINARY, {})).has_moved


def test_a_version_without_a_past_has_no_course() -> None:
    young = month().loc[lambda rows: rows["day"] > DAY - timedelta(days=7)]

    found = find_course("champion 3", young, DAY, LIMITS, (value, BINARY, {}))

    assert (found.moved, found.lost) == (None, None)
    assert not found.is_off


def test_a_loss_is_seen_in_the_first_week_for_it_is_one_against_the_promise() -> None:
    young = month(broken=True).loc[lambda rows: rows["day"] > DAY - timedelta(days=7)]

    found = find_course("champion 3", young, DAY, LIMITS, (value, BINARY, promised(BINARY)))

    assert found.has_lost


def test_a_version_whose_promise_is_not_known_is_compared_with_nothing() -> None:
    found = find_course("champion 3", month(broken=True), DAY, LIMITS, (value, BINARY, {}))

    assert found.lost is None
