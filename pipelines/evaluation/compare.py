"""Contenders and baselines on the same test days: the figures of each, and what it gains over others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from pipelines.core.records import Candidates, Evaluated, Interval, ModelVersion, Refit
from pipelines.data.ports import Lake
from pipelines.define.problem import Problem
from pipelines.metrics.bootstrap import (
    BootstrapSamples,
    day_weights,
    interval,
    lift,
    lifts,
    measure,
)
from pipelines.metrics.classification import ScoredEvents, value
from pipelines.metrics.reliability import reliability
from pipelines.metrics.task import TASKS, Task, task_of
from pipelines.training.examples import Examples, score_events
from pipelines.training.refit import compare_fits
from pipelines.training.trailing import trailing_levels

CHAMPION = "champion"


def training_name(task: Task) -> str:
    """The baseline that answers the average of the training days."""
    return f"training-{task.average}"


def trailing_name(task: Task) -> str:
    """The baseline that answers the average of the last settled days: the one of `score`."""
    return f"trailing-{task.average}"


def baseline_scores(
    examples: Examples, training_level: float, problem: Problem, lake: Lake
) -> dict[str, np.ndarray]:
    """What each baseline says, or would have said in the night of each day, of the examples."""
    days, places = np.unique(examples.days, return_inverse=True)
    calendar = [date.fromisoformat(str(one)) for one in days]
    levels = trailing_levels(calendar, problem, lake)
    rolling = np.array([levels[one].level for one in calendar])
    task = task_of(problem.task)
    return {
        training_name(task): np.full(len(places), training_level),
        trailing_name(task): rolling[places],
    }


@dataclass(frozen=True)
class Comparison:
    """Everybody's scored events and metrics, with the same draws of the same days behind each."""

    scored: Mapping[str, ScoredEvents]
    samples: Mapping[str, BootstrapSamples]
    weights: np.ndarray
    over_nothing: Mapping[str, Interval]


def compare(
    examples: Examples, scores: Mapping[str, np.ndarray], problem: Problem, draw: tuple[int, int]
) -> Comparison:
    """Measure every name's scores of the examples; `draw` is the number of resamples and their seed."""
    resamples, seed = draw
    scored = {name: score_events(examples, mine, problem.worth) for name, mine in scores.items()}
    weights = day_weights(len(np.unique(examples.days)), resamples, seed)
    idle = problem.worth(examples.labels, np.full(len(examples.labels), problem.idle_score))
    gained = {
        name: value(replace(events, worth=events.worth - idle), weights)
        for name, events in scored.items()
    }
    return Comparison(
        scored=scored,
        samples={name: measure(events, weights) for name, events in scored.items()},
        weights=weights,
        over_nothing={
            name: interval(drawn, next(iter(scored.values())).n_days)
            for name, drawn in gained.items()
            if np.isfinite(drawn[0])
        },
    )


def evaluated(
    candidates: Candidates,
    champion: ModelVersion | None,
    found: Comparison,
    refits: Mapping[str, Refit],
) -> tuple[Evaluated, ...]:
    """Records of the candidates, simplest first, then champion, then baselines.

    Every candidate is compared with the champion, so the intervals of these gains are those of as many
    comparisons as there are candidates. Of the baselines all must be beaten, which needs no correction
    (an intersection-union test, Berger 1982).
    """
    task = TASKS[next(iter(found.samples.values())).task]
    names = [name for name in (training_name(task), trailing_name(task)) if name in found.samples]
    over = dict.fromkeys(names, 1)
    opponents = over | ({CHAMPION: len(candidates.candidates)} if CHAMPION in found.samples else {})
    models = []
    for one in candidates.candidates:
        if one.name not in refits:
            continue  # it did not answer
        made = _measured(found, one.name, opponents)
        trained, mine = one.metrics[f"train_{task.overfit}"], found.samples[one.name]
        overfit = task.metrics[task.overfit].gain(trained, mine.mid(task.overfit))
        known = {"version": one.version, "trained_until": one.held_out_until, "overfit": overfit}
        known |= {"refit": refits[one.name]}
        models.append(made.model_copy(update=known))
    if champion is not None and CHAMPION in found.samples:
        known = {"version": champion.version}
        models.append(_measured(found, CHAMPION, over).model_copy(update=known))
    return (*models, *(_measured(found, name, {}) for name in names))


def _measured(found: Comparison, name: str, opponents: Mapping[str, int]) -> Evaluated:
    """A name's figures, and its gains over the opponents, each of so many comparisons."""
    mine = found.samples[name]
    return Evaluated(
        name=name,
        version="",
        trained_until=None,
        metrics={metric: interval(drawn, mine.n_days) for metric, drawn in mine.numbers.items()},
        gains={
            other: lifts(mine, found.samples[other], comparisons)
            for other, comparisons in opponents.items()
        },
        over_nothing=found.over_nothing.get(name),
        calibration=tuple(reliability(found.scored[name].scores, found.scored[name].labels)),
    )


def refits(
    candidates: Candidates,
    scores: Mapping[str, np.ndarray],
    found: Comparison,
    examples: Examples,
    problem: Problem,
) -> dict[str, Refit]:
    """How each candidate's refit answers the test days beside its held-out fit, by name.

    `scores` are the refits'.
    """
    told = {}
    task = TASKS[examples.task]
    for one in candidates.candidates:
        if one.name not in scores:
            continue
        mine = scores[one.name]
        drawn = measure(score_events(examples, mine, problem.worth), found.weights)
        gain = lift(drawn, found.samples[one.name], task.loss)
        held_out = found.scored[one.name].scores
        told[one.name] = compare_fits(task, one.trained_until, (mine, held_out), gain)
    return told
