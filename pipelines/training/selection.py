"""The choice of a candidate: the simplest one that is not measurably worse than the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
