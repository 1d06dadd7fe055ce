"""What each night knows of a day: outcomes that arrive, and a number that settles."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from pipelines.metrics.task import BINARY
from pipelines.monitoring.maturity import LabelMaturity, known_by_all, maturity
from pipelines.problem import PROBLEM
from pipelines.problem.value import value

DAY = date(2013, 10, 8)


def published(day: date, arrivals: list[int | None], labels: list[float]) -> pd.DataFrame:
    """Events whose outcome is known so many nights after their day, or not yet."""
    noon = datetime.combine(day, datetime.min.time()) + timedelta(hours=12)
    known = [None if n is None else noon + timedelta(days=n - 1) for n in arrivals]
    label = [np.nan if n is None else said for n, said in zip(arrivals, labels, strict=True)]
    return pd.DataFrame(
        {"day": day, "score": 0.5, "label": label, "known_at": pd.to_datetime(pd.Series(known))}
    )


def curve(*days: pd.DataFrame) -> list[LabelMaturity]:
    return maturity(pd.concat(days, ignore_index=True), DAY, PROBLEM.cutoff, value, BINARY)


def test_the_share_that_had_arrived_is_told_for_each_night_until_all_have() -> None:
    old = published(date(2013, 10, 1), [1, 1, 2, 3], [1.0, 0.0, 1.0, 0.0])

    found = curve(old)

    assert [one.arrived for one in found] == [0.5, 0.75, 1.0]


def test_a_day_counts_only_for_nights_that_have_come() -> None:
    old = published(date(2013, 10, 1), [1, 2], [1.0, 0.0])
    young = published(date(2013, 10, 7), [1, None], [1.0, 0.0])

    found = curve(old, young)

    assert [(one.n_days, one.arrived) for one in found] == [(2, 0.5), (1, 1.0)]


def test_what_never_comes_counts_as_not_arrived() -> None:
    assert curve(published(date(2013, 10, 1), [1, None], [1.0, 0.0]))[-1].arrived == 0.5


def test_how_far_a_days_loss_is_from_its_last_value_shrinks_as_outcomes_arrive() -> None:
    """Scored 0.9, two came true on the first night; the third night brings one that did not."""
    day = published(date(2013, 10, 1), [1, 1, 3], [1.0, 1.0, 0.0]).assign(score=0.9)

    moved = [one.moved for one in curve(day)]

    final = -(2 * np.log(0.9) + np.log(0.1)) / 3
    assert moved == pytest.approx([final + np.log(0.9), final + np.log(0.9), 0.0])


def test_without_days_there_is_no_curve() -> None:
    assert curve(published(DAY - timedelta(days=1), [], [])) == []


def test_outcomes_of_days_that_are_not_complete_are_left_aside() -> None:
    days = [published(date(2013, 10, n), [1, 2], [1.0, 0.0]) for n in (1, 2, 3)]

    found = known_by_all(pd.concat(days, ignore_index=True), complete=date(2013, 10, 2))

    assert found["label"].notna().tolist() == [True] * 4 + [False] * 2
    assert found["known_at"].notna().tolist() == [True] * 4 + [False] * 2
