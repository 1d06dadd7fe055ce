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


def split_days(last: date, test_days: int, embargo_days: int) -> Split:
    """The last `test_days` up to `last` are for testing, all before the gap for training.

    `last` is the newest day with complete outcomes, and the gap is at least as long as outcomes take
    (data/effective.py): what is trained on was complete when the first test day was scored.
    The gap keeps what a feature of a test day looked back on, and outcomes that were known late,
    out of training (de Prado 2018, Advances in Financial Machine Learning, ch. 7: embargo).
    """
    first_test = last - timedelta(days=test_days - 1)
    return Split(
        last_train=first_test - timedelta(days=embargo_days + 1),
        first_test=first_test,
        last_test=last,
    )


def fold_days(first: date, last: date, test_days: int, embargo_days: int) -> Split:
    """A split of the training days themselves, from first to last, to choose among candidates.

    A candidate must not be chosen on the days it is judged on. With little history the fold tests
    on a third of it.
    """
    n_days = (last - first).days + 1
    tested = min(test_days, max(2, n_days // 3))
    return split_days(last, tested, embargo_days)
