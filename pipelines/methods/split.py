"""Which days a model learns from, and which it is judged on: never the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Split:
    """Days up to `last_train`, a gap that nobody uses, and the days from `first_test` to `last_test`."""

    last_train: date
    first_test: date
    last_test: date


def split_days(day: date, test_days: int, gap_days: int) -> Split:
    """The last `test_days` before the night are for testing, all before the gap for training.

    The gap keeps what a feature of a test day looked back on, and outcomes that were known late,
    out of training (de Prado 2018, Advances in Financial Machine Learning, ch. 7: embargo).
    """
    first_test = day - timedelta(days=test_days)
    return Split(
        last_train=first_test - timedelta(days=gap_days + 1),
        first_test=first_test,
        last_test=day - timedelta(days=1),
    )


def fold_days(first: date, last: date, test_days: int, gap_days: int) -> Split:
    """A split of the training days themselves, from first to last, to choose among candidates.

    A candidate must not be chosen on the days it is judged on. With little history the fold tests
    on a third of it.
    """
    n_days = (last - first).days + 1
    tested = min(test_days, max(2, n_days // 3))
    return split_days(last + timedelta(days=1), tested, gap_days)
