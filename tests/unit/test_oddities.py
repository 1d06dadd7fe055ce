"""What is kept for the morning after."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.monitoring.drift import PER_FEATURE, Outlier, draw, find_outliers

KEYS = pd.Series([f"2013-10-01|{number}" for number in range(500)])
BEFORE = pd.DataFrame({"temp": [3.0, 8.5, np.nan, np.inf], "dest": ["BOS", "ORD", None, "BOS"]})


def test_a_sample_is_of_the_same_events_however_they_stand() -> None:
    shuffled = KEYS.sample(frac=1, random_state=1).reset_index(drop=True)

    assert set(KEYS[draw(KEYS, 30)]) == set(shuffled[draw(shuffled, 30)])
    assert len(draw(KEYS, 30)) == 30
    assert len(draw(KEYS[:7], 30)) == 7


def test_a_value_never_seen_before_is_an_outlier_and_says_what_was_seen() -> None:
    now = pd.DataFrame({"temp": [9.0, 3.0, 2.5, np.nan], "dest": ["BOS", "XNA", None, "ORD"]})

    found = find_outliers(BEFORE, now, KEYS, ["temp", "dest"])

    assert found == [
        Outlier(KEYS[0], "temp", "9.0", "above the highest of 2 events before, 8.5"),
        Outlier(KEYS[2], "temp", "2.5", "below the lowest of 2 events before, 3"),
        Outlier(KEYS[1], "dest", "XNA", "none of 3 events before had it"),
    ]


def test_what_was_seen_before_is_none_and_without_a_before_there_are_none() -> None:
    assert find_outliers(BEFORE, BEFORE.iloc[:3], KEYS, ["temp", "dest"]) == []
    assert find_outliers(pd.DataFrame(), BEFORE, KEYS, ["temp", "dest"]) == []


def test_a_broken_feature_does_not_fill_the_table() -> None:
    now = pd.DataFrame({"temp": np.full(500, 99.0)})

    assert len(find_outliers(BEFORE, now, KEYS, ["temp"])) == PER_FEATURE
