"""A column of a million different words: what looks at it ends in seconds, and tells of a few."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipelines.metrics.slices import LONGEST, VALUES, slice_name
from pipelines.metrics.task import BINARY
from pipelines.monitoring.drift import PER_FEATURE, feature_drift, find_outliers
from pipelines.monitoring.quality import daily_quality, find_slices
from pipelines.problem.value import value

MANY, FEWER = 1_000_000, 100_000
DAY = date(2013, 10, 1)


@pytest.fixture(scope="module")
def words() -> pd.Series:
    return pd.Series([f"word {number}" for number in range(MANY)])


def test_the_drift_of_a_million_words_is_one_number(words: pd.Series) -> None:
    frame = pd.DataFrame({"item": words})
    blocks = [frame.iloc[start::5] for start in range(4)]

    (drift,) = feature_drift(blocks, [frame.iloc[4::5]], ["item"])

    assert drift.psi < 0.01  # words that never come again are one bin, then and now


def test_of_a_million_words_a_few_are_told_as_never_seen(words: pd.Series) -> None:
    now = pd.DataFrame({"item": words})
    then = pd.DataFrame({"item": words + "?"})

    assert len(find_outliers(then, now, words, ["item"])) == PER_FEATURE


def test_slices_of_many_words_are_the_most_frequent_ones() -> None:
    words = pd.Series([f"word {number}" for number in range(FEWER)])
    chance = np.random.default_rng(1)
    scores = pd.DataFrame(
        {
            "day": np.repeat(np.array([DAY, date(2013, 10, 2)], dtype=object), FEWER // 2),
            "event_key": words,
            "item": words.where(np.arange(FEWER) % 4 > 0, "x" * 10_000),
            "score": chance.random(FEWER),
            "label": chance.integers(0, 2, FEWER).astype("float64"),
            "contender": "champion",
            "model_version": "1",
            "answers": True,
        }
    )

    found = find_slices(scores, ["item"], value, BINARY)
    kept = daily_quality(scores, value, BINARY, ["item"])

    assert [one.name for one in found] == [slice_name("item", "x" * 10_000)]
    assert len({one.subject for one in kept}) <= 2 * (2 * VALUES + 1)
    assert max(len(one.subject) for one in kept) < 2 * LONGEST


def test_a_long_value_names_its_slice_by_its_beginning_and_no_other() -> None:
    one, other = (slice_name("item", "x" * 5000 + end) for end in "ab")

    assert one != other
    assert len(one) < 2 * LONGEST
    assert slice_name("origin", "EWR") == "origin=EWR"
