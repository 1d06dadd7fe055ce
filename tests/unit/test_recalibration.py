from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.define.problem import ModelSpec
from pipelines.metrics.task import TASKS
from pipelines.training.examples import Examples
from pipelines.training.model import Model, fit
from pipelines.training.model_file import pack, unpack
from pipelines.training.recalibration import PRIOR_DAYS, level_shift, recalibrated
from pipelines.training.refit import FAR, distance
from tests.integration.learning import linear, linear_number

FIRST = date(2013, 1, 1)


def examples(n_days: int, rate: float, *, late_rate: float | None = None, number: bool = False) -> Examples:  # fmt: skip
    """Days of 200 events; the last 28 of them have another rate, if one is given."""
    rng, n = np.random.default_rng(1), 200 * n_days
    days = np.repeat(np.arange(n_days), 200)
    chance = np.where(days >= n_days - 28, rate if late_rate is None else late_rate, rate)
    wind = rng.normal(size=n)
    odds = np.log(chance / (1 - chance)) + wind
    labels = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype("float64")
    when = np.datetime64(FIRST) + days.astype("timedelta64[D]")
    frame = pd.DataFrame({"wind": wind, "hour": 1.0, "line": "red"})
    made = Examples({"wind": "number", "hour": "number", "line": "category"}, frame, labels, when, when.astype("datetime64[us]"))  # fmt: skip
    return replace(made, labels=labels * 10, task="regression") if number else made


def fitted(some: Examples) -> Model:
    build: Any = linear if some.task == "binary" else linear_number
    return fit(ModelSpec("linear", build), some, 1, 1)


@pytest.mark.parametrize("number", [False, True], ids=["binary", "regression"])
def test_the_level_follows_the_last_days_and_ranks_stay(number: bool) -> None:
    known = examples(112, 0.3, late_rate=0.1, number=number)
    model = fitted(known)

    moved = recalibrated(model, known, 28)

    recent = known.between(FIRST + timedelta(days=84), FIRST + timedelta(days=111))
    before, after = model.scores(recent.frame), moved.scores(recent.frame)
    gap, left = before.mean() - recent.labels.mean(), after.mean() - recent.labels.mean()
    assert gap > (0.5 if number else 0.05)
    assert 0 < left < 0.35 * gap  # 28 of 35 parts of the way
    assert np.all(np.diff(after[np.argsort(before)]) >= 0)
    task = TASKS[known.task]
    full = level_shift(task, before, float(recent.labels.mean()))
    assert moved.shift == pytest.approx(full * 28 / (28 + PRIOR_DAYS))
    assert task.shifted(before, full).mean() == pytest.approx(recent.labels.mean())


def test_a_few_days_move_a_model_little() -> None:
    known = examples(3, 0.3)
    model = fitted(known)
    odd = replace(known, labels=np.where(np.arange(600) % 2 == 0, 1.0, known.labels))

    full = level_shift(TASKS["binary"], model.scores(odd.frame), float(odd.labels.mean()))

    assert recalibrated(model, odd, 28).shift == pytest.approx(full * 3 / 10)


def test_only_the_last_days_count_and_none_is_none() -> None:
    known = examples(60, 0.3)
    model = fitted(known)
    old = known.days < np.datetime64(FIRST + timedelta(days=32))
    other = replace(known, labels=np.where(old, 1.0, known.labels))

    assert recalibrated(model, other, 28).shift == recalibrated(model, known, 28).shift
    assert recalibrated(model, known, 0) is model


def test_the_shift_is_part_of_the_model_file() -> None:
    known = examples(40, 0.3, late_rate=0.1)
    moved = recalibrated(fitted(known), known, 28)

    loaded = unpack(moved.form, pack(moved))

    assert loaded.shift == moved.shift != 0
    assert np.array_equal(loaded.scores(known.frame), moved.scores(known.frame))


def test_probabilities_stay_probabilities() -> None:
    scores = TASKS["binary"].shifted(np.array([0.0, 1e-12, 0.5, 1.0]), 3.0)

    assert scores[0] == 0
    assert scores[-1] == 1
    assert scores[2] == pytest.approx(1 / (1 + np.exp(-3.0)))


def test_scores_of_another_level_are_alike_and_of_another_order_are_not() -> None:
    task, scores = TASKS["binary"], np.random.default_rng(1).beta(2, 6, 5_000)

    assert distance(task, task.shifted(scores, -1.0), scores) < 0.001
    assert distance(task, np.full(5_000, 0.5), scores) == pytest.approx(1.0, abs=0.01)
    assert distance(task, np.sort(scores), scores) > 1.3
    assert distance(task, scores, np.full(5_000, 0.5)) == FAR
