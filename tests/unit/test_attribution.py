"""What features contributed: fair shares that add up to the score."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.evaluation.importance import Walks
from pipelines.training.model import Model

FEATURES = ("wind", "rain", "noise")


class Formula:
    """Scores by a formula of the features."""

    def __init__(self, formula: Any) -> None:
        self._formula = formula

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return np.asarray(self._formula(frame.astype("float64")))


def model(formula: Any) -> Model:
    schema = dict.fromkeys(FEATURES, "number")
    day = date(2013, 10, 1)
    return Model("m", "skops", schema, {}, day, Formula(formula), "regression", (-1e9, 1e9))  # type: ignore[arg-type]


def contributions(one: Model, others: pd.DataFrame, event: pd.DataFrame) -> tuple[float, pd.Series]:
    walks = Walks.of(list(one.schema), others, event)
    return walks.contributions(one.scores(walks.rows))


def frame(rows: int, seed: int = 1) -> pd.DataFrame:
    drawn = np.random.default_rng(seed).integers(-8, 8, (rows, len(FEATURES)))
    return pd.DataFrame(drawn.astype("float64"), columns=list(FEATURES))


def test_contributions_add_up_to_the_score_less_the_mean() -> None:
    curved, event = model(lambda f: f["wind"] * f["rain"] + f["rain"] ** 2), frame(1, seed=2)

    mean, gained = contributions(curved, frame(50), event)

    assert mean + gained.sum() == pytest.approx(curved.scores(event)[0])


def test_a_feature_that_the_model_does_not_use_contributes_nothing() -> None:
    _, gained = contributions(model(lambda f: f["wind"] * f["rain"]), frame(50), frame(1, seed=2))

    assert gained["noise"] == 0
    assert gained.index[-1] == "noise"


def test_in_a_sum_each_feature_gets_its_own_distance_from_the_others() -> None:
    event, others = frame(1, seed=2), frame(1)

    _, gained = contributions(model(lambda f: 3 * f["wind"] - f["rain"]), others, event)

    assert gained["wind"] == pytest.approx(3 * (event["wind"] - others["wind"])[0])
    assert gained["rain"] == pytest.approx(-(event["rain"] - others["rain"])[0])


def test_in_a_product_of_two_the_surplus_is_shared_in_halves() -> None:
    event = pd.DataFrame({"wind": [3.0], "rain": [5.0], "noise": [0.0]})

    _, gained = contributions(model(lambda f: f["wind"] * f["rain"]), event * 0, event)

    assert gained["wind"] == gained["rain"] == pytest.approx(7.5)
