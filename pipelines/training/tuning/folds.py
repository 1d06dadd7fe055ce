"""The days on which settings are tried: all before those on which candidates are chosen, tested and judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from pipelines.core.config import TrainParams
from pipelines.core.errors import DataError
from pipelines.data.effective_settings import embargo_days
from pipelines.define.problem import ModelSpec, Problem
from pipelines.metrics.task import TASKS
from pipelines.training.examples import Examples, score_events
from pipelines.training.refit import fit_recipe
from pipelines.training.selection import Split, fold_days, split_days

FEWEST_DAYS = 2  # that a fold tests on


@dataclass(frozen=True)
class Fold:
    """What is learned from, and the later days that tell how well; between them nobody looks."""

    learned: Examples
    tested: Examples


def before_test(known: Examples, split: Split, problem: Problem) -> Examples:
    """What a model may learn from that is tested from `first_test` on: what was known by then.

    The test asks what a model of then would have said.
    """
    then = problem.cutoff(split.first_test)
    return known.until(split.last_train).known_before(then)


def choice_fold(examples: Examples, problem: Problem, params: TrainParams) -> Fold:
    """The fold of the training days on which the night's candidates are chosen among."""
    first, last = _ends(examples)
    split = fold_days(first, last, params.test_days, embargo_days(params, problem))
    return _fold(examples, split, problem)


def tuning_folds(
    examples: Examples, problem: Problem, params: TrainParams, n_folds: int
) -> tuple[Fold, ...]:
    """Folds of the days that the choice among candidates learns from, oldest first.

    Each tests on the days that follow what it learns from, after the embargo; the test days of two folds
    are never the same (rolling origin; Tashman 2000). With little history folds test on fewer days.
    Raises DataError when there is not enough to learn from.
    """
    examples = choice_fold(examples, problem, params).learned
    first, last = _ends(examples)
    n_days, gap = (last - first).days + 1, embargo_days(params, problem)
    tested = min(params.test_days, max(FEWEST_DAYS, n_days // (n_folds + 2)))
    newest = [last - timedelta(days=tested * back) for back in reversed(range(n_folds))]
    folds = [_fold(examples, split_days(end, tested, gap), problem) for end in newest]
    for fold in folds:
        if len(np.unique(fold.learned.labels)) < 2 or not len(fold.tested.labels):
            raise DataError(
                f"tune: {n_days} days from {first} to {last} are too few to search settings on "
                f"{n_folds} folds; lower tune.folds or train.test_days, or raise ingest.history_days"
            )
    return tuple(folds)


def fold_losses(spec: ModelSpec, folds: Sequence[Fold], params: TrainParams) -> Iterator[float]:
    """The task's loss of the spec on each fold, as soon as it is known; raises RecipeError."""
    for fold in folds:
        model = fit_recipe(spec, fold.learned, params)
        scores = model.checked_scores(fold.tested.frame)
        task = TASKS[fold.tested.task]
        yield task.metrics[task.loss].of(score_events(fold.tested, scores, _worthless))


def _worthless(labels: np.ndarray, _scores: np.ndarray) -> np.ndarray:
    return np.zeros(len(labels))


def _ends(examples: Examples) -> tuple[date, date]:
    if not len(examples.days):
        raise DataError("tune: there are no labelled events to learn from; land more history")
    first, last = (date.fromisoformat(str(end(examples.days))) for end in (np.min, np.max))
    return first, last


def _fold(examples: Examples, split: Split, problem: Problem) -> Fold:
    return Fold(
        before_test(examples, split, problem),
        examples.between(split.first_test, split.last_test),
    )
