from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipelines.metrics.baseline import historical_rate
from pipelines.problem.label import outcome
from pipelines.problem.value import SAVED, THRESHOLD, WASTED, value


def test_fifteen_minutes_after_schedule_is_late_and_fourteen_is_not() -> None:
    flights = pd.DataFrame(
        {"arr_delay": [15.0, 14.0, -20.0], "dep_time": [600, 601, 602]}, index=[7, 8, 9]
    )

    ended = outcome(flights)

    assert ended["label"].tolist() == [1.0, 0.0, 0.0]
    assert ended["excluded"].tolist() == [None, None, None]
    assert ended.index.tolist() == [7, 8, 9]


def test_a_flight_that_never_arrived_has_a_reason_instead_of_a_label() -> None:
    departed = pd.array([600, None], dtype="Int16")
    flights = pd.DataFrame({"arr_delay": [None, None], "dep_time": departed})

    ended = outcome(flights)

    assert ended["label"].isna().all()
    assert ended["excluded"].tolist() == ["diverted", "cancelled"]


def test_acting_pays_from_the_threshold_on_and_only_when_it_comes_true() -> None:
    scores = np.array([THRESHOLD, THRESHOLD, THRESHOLD - 1e-9, THRESHOLD - 1e-9])

    worth = value(np.array([1.0, 0.0, 1.0, 0.0]), scores)

    assert worth.tolist() == [SAVED, -WASTED, 0.0, 0.0]
    assert pytest.approx((1 - THRESHOLD) * WASTED) == THRESHOLD * SAVED


def test_the_baseline_is_never_certain_and_never_fails() -> None:
    assert historical_rate(np.array([])) == 0.5
    assert historical_rate(np.array([0.0, 0.0, np.nan])) == 0.25
