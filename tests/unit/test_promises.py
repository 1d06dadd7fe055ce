"""Live answers are held against what their version was promoted with: a loss has a size and is no chance."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from pipelines.core.records import Interval
from pipelines.metrics.bootstrap import day_weights, interval, measure
from pipelines.metrics.task import BINARY, REGRESSION, Task
from pipelines.monitoring.promoted_quality import (
    ENOUGH,
    NOTHING,
    compare_discrimination,
    read_promises,
)
from pipelines.monitoring.quality import score_rows
from pipelines.problem.value import value

DAY = date(2013, 10, 1)
TEST_DAYS = 28


def lived(days: int, seed: int, task: Task = BINARY, skill: float = 1.0) -> pd.DataFrame:
    """Days whose weather persists, of which scores know half; at `skill` 0 they know nothing at all."""
    generator = np.random.default_rng(seed)
    parts, weather = [], 0.0
    for n in range(days):
        weather = 0.4 * weather + np.sqrt(1 - 0.4**2) * generator.normal(0, 0.5)
        seen = generator.normal(0, 0.7, 150) + 0.5 * weather
        truth = -1.4 + seen + 0.5 * weather
        if task is BINARY:
            label = (generator.random(150) < 1 / (1 + np.exp(-truth))).astype(float)
            score = 1 / (
                1 + np.exp(1.4 - skill * seen - (1 - skill) * generator.normal(0, 0.7, 150))
            )
        else:
            label = truth * 10 + generator.normal(0, 10, 150)
            score = (-1.4 + skill * seen) * 10
        day = DAY + timedelta(days=n)
        parts.append(
            pd.DataFrame({"day": day, "model_version": "3", "score": score, "label": label})
        )
    return pd.concat(parts, ignore_index=True)


def promise(rows: pd.DataFrame, task: Task = BINARY) -> dict[str, Interval]:
    """The evaluation's intervals of these test days."""
    scored = score_rows(rows, value, task, pd.factorize(rows["day"])[0])
    samples = measure(scored, day_weights(scored.n_days, 200, 28))
    return {task.skill: interval(samples[task.skill], scored.n_days)}


def worlds(count: int, days: int, skill: float, task: Task = BINARY) -> list[tuple[bool, bool]]:
    """For each world whether the alarm was given on any night, and on the last: looked at every third."""
    found = []
    for seed in range(count):
        rows = lived(TEST_DAYS + days, seed, task)
        test, live = rows.iloc[: TEST_DAYS * 150], rows.iloc[TEST_DAYS * 150 :]
        if skill < 1:
            live = lived(days, 1000 + seed, task, skill)
        start, promises = live["day"].min(), {"3": promise(test, task)}
        nights = [
            compare_discrimination(
                live.loc[live["day"] < start + timedelta(days=n)], promises, (value, task)
            ).is_lost
            for n in range(ENOUGH, days + 1, 3)
        ]
        found.append((any(nights), nights[-1]))
    return found


@pytest.mark.parametrize("task", [BINARY, REGRESSION], ids=["binary", "regression"])
def test_equal_worlds_give_no_alarm_on_any_night_of_four_weeks(task: Task) -> None:
    """As the promise was so are the days after it, in 40 worlds: nine looks each, not one alarm in 360."""
    assert sum(ever for ever, _ in worlds(40, 31, 1.0, task)) == 0


@pytest.mark.parametrize("task", [BINARY, REGRESSION], ids=["binary", "regression"])
def test_scores_that_tell_nothing_any_more_are_an_alarm_in_every_world(task: Task) -> None:
    assert all(last for _, last in worlds(8, 16, 0.0, task))


def test_a_loss_has_a_size_and_an_interval() -> None:
    found = compare_discrimination(
        lived(28, 7, skill=0.0), {"3": promise(lived(28, 1))}, (value, BINARY)
    )

    assert found.lost is not None
    assert found.promised > 0.65
    assert found.came == pytest.approx(0.5, abs=0.03)
    assert 0.3 < found.lost.low < found.lost.mid == pytest.approx(1.0, abs=0.2)


def test_a_week_is_the_least_and_a_version_without_a_promise_is_compared_with_nothing() -> None:
    known = {"3": promise(lived(28, 1))}
    short = lived(ENOUGH - 1, 2, skill=0.0)
    other = lived(20, 2, skill=0.0).assign(model_version="4")
    nobody = lived(20, 2, skill=0.0).assign(model_version=None)  # the baseline promises nothing

    found = [
        compare_discrimination(rows, known, (value, BINARY)) for rows in (short, other, nobody)
    ]

    assert found == [NOTHING] * 3
    assert not NOTHING.is_lost


def test_versions_that_took_turns_are_held_against_the_mean_of_their_promises() -> None:
    rows = lived(20, 3)
    rows.loc[rows["day"] >= DAY + timedelta(days=5), "model_version"] = "4"
    span = promise(lived(28, 1))["auc"]
    low = Interval(low=span.low - 0.04, mid=span.mid - 0.04, high=span.high - 0.04)

    found = compare_discrimination(rows, {"3": {"auc": span}, "4": {"auc": low}}, (value, BINARY))

    assert found.promised == pytest.approx(span.mid - 0.03)
    assert not found.is_lost


def test_who_promised_nothing_has_nothing_to_lose() -> None:
    chance = {"auc": Interval(low=0.49, mid=0.55, high=0.61)}

    assert (
        compare_discrimination(lived(20, 3, skill=0.0), {"3": chance}, (value, BINARY)).lost is None
    )


def test_promises_are_read_from_the_metrics_of_their_subject() -> None:
    columns = ["day", "subject", "metric", "value", "low", "high"]
    rows = [
        (DAY, "promised 3", "auc", 0.7, 0.65, 0.75),
        (DAY, "champion 3", "auc", 0.6, 0.55, 0.65),
        (DAY + timedelta(days=1), "promised 3", "auc", 0.8, 0.75, 0.85),
    ]

    found = read_promises(pd.DataFrame(rows, columns=columns))

    assert found == {"3": {"auc": Interval(low=0.75, mid=0.8, high=0.85)}}
