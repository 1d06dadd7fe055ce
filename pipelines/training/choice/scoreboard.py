"""The choice of a night's candidate, and the scoreboard of what it rests on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from pipelines.core.config import TrainParams
from pipelines.core.errors import DataError, RecipeError
from pipelines.core.records import CandidateScore
from pipelines.define.problem import ModelSpec, Problem
from pipelines.metrics.bootstrap import BootstrapSamples, day_weights, interval, lift, measure
from pipelines.metrics.classification import ScoredEvents
from pipelines.metrics.task import TASKS, Task
from pipelines.training.estimators.complexity import Complexity, complexity
from pipelines.training.examples import Examples, score_events
from pipelines.training.model import Model
from pipelines.training.model_file import pack
from pipelines.training.recipes import Attempts
from pipelines.training.refit import fit_recipe
from pipelines.training.selection import choose
from pipelines.training.tuning.folds import Fold, choice_fold

RESAMPLES = 500  # behind the choice among tonight's candidates
# Shares of the days from which candidates learn as well, for their learning curves.
CURVE = (0.1, 0.3)
TRAINING_ROWS = 10_000  # of those learned from, on which a fit is asked how well it knows them


@dataclass(frozen=True)
class Choice:
    """The chosen recipe, why, every recipe's metrics on the fold, and the scoreboard, simplest first."""

    chosen: str
    reason: str
    folds: dict[str, dict[str, float]]
    scoreboard: tuple[CandidateScore, ...] = ()


@dataclass(frozen=True)
class _Comparison:
    """What all candidates are put through alike."""

    fold: Fold
    weights: np.ndarray  # how often each tested day is drawn
    problem: Problem
    params: TrainParams
    shares: Sequence[float]

    @property
    def task(self) -> Task:
        return TASKS[self.fold.tested.task]

    def answers(self, model: Model, examples: Examples) -> ScoredEvents:
        return score_events(examples, model.checked_scores(examples.frame), self.problem.worth)


@dataclass(frozen=True)
class _Measured:
    """What a candidate's fit on the fold showed of itself."""

    samples: BootstrapSamples
    gap: float
    seconds: float
    row_seconds: float
    n_bytes: int
    size: Complexity
    curve: tuple[tuple[int, float], ...]


def curve_shares(day: date, params: TrainParams) -> tuple[float, ...]:
    """Shares of the days before the fold from which candidates learn as well, if it is such a night."""
    every = params.learning_curve_days
    return CURVE if every and day.toordinal() % every == 0 else ()


def choose_candidate(
    attempts: Attempts,
    problem: Problem,
    params: TrainParams,
    examples: Examples,
    shares: Sequence[float] = (),
) -> Choice:
    """The simplest candidate that the best does not beat, on a fold of the examples' last days.

    `shares` of the newest days before the fold are points of the learning curves, beside all of them.
    Raises DataError when the days before the fold teach nothing.
    """
    if len(attempts.recipes) == 1:
        only = attempts.recipes[0].name
        return Choice(only, "the only recipe there is", {only: {}})
    fold = choice_fold(examples, problem, params)
    refuse_poor(fold.learned, date.fromisoformat(str(examples.days.max())))
    weights = day_weights(len(np.unique(fold.tested.days)), RESAMPLES, params.seed)
    alike = _Comparison(fold, weights, problem, params, shares)
    measured = attempts.each(lambda recipe: _measure(recipe, alike))
    samples = {name: one.samples for name, one in measured.items()}
    loss = alike.task.loss
    chosen, reason = choose(list(samples), samples, loss)
    folds = {n: {f"fold_{m}": s.mid(m) for m in s.numbers} for n, s in samples.items()}
    return Choice(chosen, reason, folds, tuple(_lines(measured, loss)))


def refuse_poor(examples: Examples, day: date) -> None:
    """Raise DataError when the examples teach nothing."""
    if len(np.unique(examples.labels)) < 2:
        raise DataError(
            f"train {day}: {len(examples.labels)} labelled events, all ending alike, teach nothing; "
            f"raise ingest.history_days, or lower train.test_days"
        )


def _measure(recipe: ModelSpec, alike: _Comparison) -> _Measured:
    """Fit the recipe on the days before the fold and measure it there."""
    learned, tested, task = alike.fold.learned, alike.fold.tested, alike.task
    started = time.perf_counter()
    model = fit_recipe(recipe, learned, alike.params)
    fitted = time.perf_counter()
    answers = alike.answers(model, tested)
    answered = time.perf_counter()
    samples, overfit = measure(answers, alike.weights), task.metrics[task.overfit]
    known = overfit.of(alike.answers(model, learned.sample(TRAINING_ROWS)))
    curve = dict(_learning_curve(recipe, alike))
    curve[len(np.unique(learned.days))] = samples.mid(task.loss)
    return _Measured(
        samples,
        gap=overfit.gain(known, samples.mid(task.overfit)),
        seconds=fitted - started,
        row_seconds=(answered - fitted) / len(tested.labels),
        n_bytes=len(pack(model)),
        size=complexity(model.estimator),
        curve=tuple(sorted(curve.items())),
    )


def _learning_curve(recipe: ModelSpec, alike: _Comparison) -> Iterator[tuple[int, float]]:
    """From how many of the newest days before the fold it learned, and its loss on the fold then.

    A share of days on which it cannot be fitted, or which all end alike, is left out.
    """
    learned, metric = alike.fold.learned, alike.task.metrics[alike.task.loss]
    days = np.unique(learned.days)
    for share in alike.shares:
        newest = days[-max(1, round(share * len(days))) :]
        first, last = (date.fromisoformat(str(day)) for day in (newest[0], newest[-1]))
        some = learned.between(first, last)
        if len(np.unique(some.labels)) < 2:
            continue
        try:
            model = fit_recipe(recipe, some, alike.params)
            yield len(newest), metric.of(alike.answers(model, alike.fold.tested))
        except RecipeError:
            continue  # on all days it could be fitted


def _lines(measured: Mapping[str, _Measured], loss: str) -> Iterator[CandidateScore]:
    """The lines of the scoreboard, in the order of what was measured."""
    drawn = np.array([one.samples[loss] for one in measured.values()])
    leads = np.bincount(drawn[:, 1:].argmin(axis=0), minlength=len(drawn)) / (drawn.shape[1] - 1)
    best = list(measured.values())[int(drawn[:, 0].argmin())].samples
    for (name, one), led in zip(measured.items(), leads, strict=True):
        mine = one.samples
        yield CandidateScore(
            name=name,
            loss=interval(mine[loss], mine.n_days),
            behind=None if mine is best else lift(best, mine, loss),
            best_in=float(led),
            gap=one.gap,
            fit_seconds=round(one.seconds, 3),
            score_microseconds=round(one.row_seconds * 1e6, 3),
            bytes=one.n_bytes,
            leaves=one.size.leaves,
            weights=one.size.weights,
            curve=one.curve,
        )
