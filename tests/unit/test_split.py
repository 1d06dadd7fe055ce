from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelines.training.selection import fold_days, split_days

DAYS = st.dates(date(2013, 3, 1), date(2030, 1, 1))


@given(DAYS, st.integers(1, 60), st.integers(0, 10))
def test_training_and_test_days_never_overlap_and_keep_the_gap(
    last: date, test_days: int, embargo_days: int
) -> None:
    split = split_days(last, test_days, embargo_days)

    assert (split.first_test - split.last_train).days == embargo_days + 1
    assert (split.last_test - split.first_test).days == test_days - 1
    assert split.last_test == last


@given(DAYS, st.integers(6, 300), st.integers(1, 60), st.integers(0, 1))
def test_a_fold_stays_within_the_training_days(
    last: date, n_days: int, test_days: int, embargo_days: int
) -> None:
    first = last - timedelta(days=n_days - 1)

    fold = fold_days(first, last, test_days, embargo_days)

    assert fold.last_test == last
    assert first <= fold.last_train < fold.first_test
