"""The days a model learns from and those it is judged on, and the choice of the simplest good candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.metrics.bootstrap import BootstrapSamples, lift
from pipelines.metrics.task import TASKS


def choose(
    simplest_first: Sequence[str], samples: Mapping[str, BootstrapSamples], metric: str
) -> tuple[str, str]:
    """The chosen candidate's name, and why.

    A more complex candidate must beat a simpler one by more than the 95 % interval of their paired
    difference over whole days (the one-standard-error rule of Breiman et al. 1984, with an
    interval that knows of days).
    """
    judged = TASKS[samples[simplest_first[0]].task].metrics[metric]
    best = max(simplest_first, key=lambda name: judged.gain(samples[name].mid(metric), 0.0))
    for name in simplest_first:
        gain = lift(samples[best], samples[name], metric)
        if name == best or gain.low <= 0:
            break
    figure = f"{judged.words} {samples[name].mid(metric):.4f}"
    if name == best:
        return name, f"{name} is best on the fold: {figure}" + _beaten(
            name, simplest_first, samples, metric
        )
    return name, (
        f"{name} is simpler than {best} and not measurably worse on the fold: {figure}, "
        f"{best} gains {gain.mid:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
    )


def _beaten(
    best: str, simplest_first: Sequence[str], samples: Mapping[str, BootstrapSamples], metric: str
) -> str:
    simpler = simplest_first[: simplest_first.index(best)]
    gains = [(name, lift(samples[best], samples[name], metric)) for name in simpler]
    return "".join(
        f", {g.mid:+.4f} ({g.low:+.4f} to {g.high:+.4f}) over {name}" for name, g in gains
    )


@dataclass(frozen=True)
class Split:
    """Days up to `last_train`, a gap that nobody uses, and the days from `first_test` to `last_test`."""

    last_train: date
    first_test: date
    last_test: date


def split_days(last: date, test_days: int, embargo_days: int) -> Split:
    """The last `test_days` up to `last` are for testing, all before the gap for training.

    `last` is the newest day with complete outcomes, and the gap is at least as long as outcomes take
    (data/effective_settings.py): what is trained on was complete when the first test day was scored.
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
