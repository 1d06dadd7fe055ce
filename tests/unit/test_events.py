"""Events have one name each, and one outcome."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import DataError
from pipelines.training.labels import event_keys, label_events

KEY = ("carrier", "flight", "origin", "sched_dep_time")
NOON = pd.Timestamp("2013-10-02 12:00")


def flights(*numbers: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "day": [date(2013, 10, 1)] * len(numbers),
            "carrier": "UA",
            "flight": np.array(numbers, dtype="int32"),
            "origin": "EWR",
            "sched_dep_time": np.array([515] * len(numbers), dtype="int16"),
        }
    )


def test_an_event_is_named_by_its_day_and_its_key() -> None:
    assert event_keys(flights(1545), KEY).tolist() == ["2013-10-01|UA|1545|EWR|515"]


def test_a_name_does_not_depend_on_how_the_table_spells_days_and_numbers() -> None:
    other = flights(1545).assign(
        day=pd.Timestamp("2013-10-01"), flight=[1545.0], carrier=pd.Categorical(["UA"])
    )

    assert event_keys(other, KEY).tolist() == event_keys(flights(1545), KEY).tolist()


def test_a_separator_within_a_value_is_escaped_so_that_no_two_events_share_a_name() -> None:
    values = ["a", "|", "\\", "", "\\|", "|a", "a\\"]
    pairs = [(one, other) for one in values for other in values]
    frame = pd.DataFrame(pairs, columns=["b", "c"]).assign(day=date(2013, 10, 1))

    names = event_keys(frame, ("b", "c"))

    assert names.nunique() == len(pairs)
    assert names[pairs.index(("|", "a\\"))] == "2013-10-01|\\||a\\\\"


def test_an_event_without_a_clear_name_is_refused() -> None:
    with pytest.raises(DataError, match="'carrier'"):
        event_keys(flights(1545).assign(carrier=None), KEY)


def test_every_event_keeps_its_place_and_gets_its_own_outcome() -> None:
    reasons = pd.Series([None, "cancelled"], dtype=object)
    ended = flights(3, 2).assign(label=[1.0, np.nan], excluded=reasons, known_at=NOON)

    labelled = label_events(flights(1, 2, 3), ended, KEY)

    assert labelled["label"].fillna(-1).tolist() == [-1, -1, 1.0]
    assert labelled["excluded"].tolist() == [None, "cancelled", None]
    assert labelled["known_at"].isna().tolist() == [True, False, False]


def test_the_frames_given_stay_as_they_were() -> None:
    features, ended = flights(1), flights(1).assign(label=1.0, excluded=None, known_at=NOON)

    label_events(features, ended, KEY)

    assert "label" not in features
    assert "event_key" not in ended


def test_two_outcomes_of_one_event_are_refused() -> None:
    twice = flights(1, 1).assign(label=[1.0, 0.0], excluded=None)

    with pytest.raises(DataError, match=r"outcomes: 1 rows repeat .*UA\|1\|EWR"):
        label_events(flights(1), twice, KEY)


def test_one_event_that_is_there_twice_is_refused() -> None:
    with pytest.raises(DataError, match="features: 1 rows repeat"):
        label_events(flights(1, 1), flights(1).assign(label=1.0, excluded=None), KEY)
