"""How much better a candidate is than who answers otherwise, slice by slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pipelines.core.config import EvaluateParams
from pipelines.core.records import Evaluated, SliceGain
from pipelines.evaluation.compare import CHAMPION, Comparison, trailing_name
from pipelines.metrics.bootstrap import day_weights
from pipelines.metrics.classification import ScoredEvents
from pipelines.metrics.slices import FEWEST, each_slice, slice_name
from pipelines.metrics.task import TASKS, Task


def with_slices(
    models: Sequence[Evaluated], found: Comparison, columns: pd.DataFrame, params: EvaluateParams
) -> tuple[Evaluated, ...]:
    """The records, those of candidates with their gains by slice over the champion and over the baseline
    that answers when no model can.

    `columns` are those to slice by, of the scored events; a slice's own days are resampled.
    """
    if columns.columns.empty:
        return tuple(models)
    draw = (params.bootstrap_samples, params.seed)
    task = TASKS[next(iter(found.scored.values())).task]
    candidates = [one.name for one in models if one.overfit is not None]
    opponents = [one for one in (CHAMPION, trailing_name(task)) if one in found.scored]
    gains: dict[str, dict[str, list[SliceGain]]] = {
        name: {other: [] for other in opponents} for name in candidates
    }
    for column, value, places in each_slice(columns, list(columns.columns)):
        here = dict(_losses(found.scored, (*candidates, *opponents), places, draw))
        for name in candidates if here else ():
            for other in opponents:
                made = _gain(slice_name(column, value), here[name], here[other], task)
                gains[name][other].append(made)
    told = {name: {o: tuple(g) for o, g in over.items()} for name, over in gains.items()}
    return tuple(
        one.model_copy(update={"slices": told[one.name]}) if one.name in told else one
        for one in models
    )


Losses = tuple[ScoredEvents, np.ndarray]  # the slice's events, and their loss in each resample


def _losses(
    scored: Mapping[str, ScoredEvents],
    names: Sequence[str],
    places: np.ndarray,
    draw: tuple[int, int],
) -> Iterator[tuple[str, Losses]]:
    """Everybody's loss on a slice, in the same resamples of its days; nothing of a slice that is too small."""
    days, numbers = np.unique(scored[names[0]].days[places], return_inverse=True)
    if len(places) < FEWEST or len(days) < 2:
        return
    weights = day_weights(len(days), *draw)
    for name in names:
        whole = scored[name]
        mine = replace(
            whole,
            labels=whole.labels[places],
            scores=whole.scores[places],
            worth=whole.worth[places],
            days=numbers,
            n_days=len(days),
        )
        loss = TASKS[whole.task].metrics[TASKS[whole.task].loss]
        yield name, (mine, loss.measure(mine, weights))


def _gain(name: str, mine: Losses, other: Losses, task: Task) -> SliceGain:
    gained = task.metrics[task.loss].gain(mine[1], other[1])
    return SliceGain(
        name=name,
        events=len(mine[0].labels),
        days=mine[0].n_days,
        gain=float(gained[0]),
        error=float(gained[1:].std(ddof=1)),
        loss=float(other[1][0]),
    )
