"""A recipe's two fits: one that is judged on days it has not seen, and one on all days that serves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date

import numpy as np

from pipelines.core.config import TrainParams
from pipelines.core.errors import RecipeError
from pipelines.core.records import Interval, Refit
from pipelines.define.problem import ModelSpec, Problem
from pipelines.metrics.task import TASKS, Task
from pipelines.training.examples import Examples, score_events
from pipelines.training.model import Model, fit, unfitted
from pipelines.training.model_file import pack
from pipelines.training.recalibration import level_shift, recalibrated

FAR = 100.0
REHEARSED = 1000  # events on which it is tried whether a model can be kept


@dataclass(frozen=True)
class Fits:
    """The model that is to serve, the held-out fit of the same recipe, and what is known of both."""

    model: Model
    held_out: Model
    seconds: float
    metrics: dict[str, float]


def fit_recipe(recipe: ModelSpec, examples: Examples, params: TrainParams) -> Model:
    """The recipe fitted on all examples, its level set by the last of their days."""
    fitted = fit(recipe, examples, params.seed, params.threads, params.device)
    return recalibrated(fitted, examples, params.recalibration_days)


def rehearse(recipe: ModelSpec, examples: Examples, params: TrainParams) -> None:
    """Raise RecipeError when what the recipe makes cannot be kept: told by a fit on a few events."""
    _, form = unfitted(recipe, examples, params.seed, params.threads)
    if form == "ubj":
        return
    try:
        model = fit(recipe, examples.sample(REHEARSED), params.seed, params.threads, params.device)
    except RecipeError:
        return  # a few events may lack what all of them have; if they do not, the fit itself will tell
    pack(model)


def fit_both(
    recipe: ModelSpec, early: Examples, known: Examples, params: TrainParams, problem: Problem
) -> Fits:
    """Both fits, made the same way: of the examples before the test days, and of all that are known.

    Raises RecipeError when one cannot be made, asked, or kept; of what cannot be kept, before it is fitted.
    """
    rehearse(recipe, early, params)
    started = time.perf_counter()
    held_out, model = (fit_recipe(recipe, some, params) for some in (early, known))
    seconds = round(time.perf_counter() - started, 3)
    for one in (held_out, model):
        pack(one)
    shifts = {"held_out_shift": held_out.shift, "shift": model.shift}
    losses = _training_loss(held_out, early, problem)
    refit = {f"refit_{name}": n for name, n in _training_loss(model, known, problem).items()}
    return Fits(model, held_out, seconds, shifts | losses | refit)


def _training_loss(model: Model, examples: Examples, problem: Problem) -> dict[str, float]:
    """Loss on the very events it was fitted on, and what the test days' is compared with."""
    scored = score_events(examples, model.checked_scores(examples.frame), problem.worth)
    task = TASKS[examples.task]
    names = dict.fromkeys((task.loss, task.overfit))
    return {f"train_{name}": task.metrics[name].of(scored) for name in names}


def compare_fits(
    task: Task, until: date, scores: tuple[np.ndarray, np.ndarray], gain: Interval
) -> Refit:
    """How the refit, trained until a day, and the held-out fit answer the same rows; `gain` is the
    refit's over the held-out fit, in the loss.
    """
    mine, held_out = scores
    return Refit(
        trained_until=until,
        mean=float(mine.mean()),
        held_out_mean=float(held_out.mean()),
        distance=distance(task, mine, held_out),
        gain=gain,
    )


def distance(task: Task, scores: np.ndarray, other: np.ndarray) -> float:
    """How far scores are from other scores of the same rows, levels aside, over the spread of the others.

    Root mean square distance over standard deviation: 0 when both say the same, 1 when they differ by as
    much as events differ. Both fits set their level on days of their own, and a level that moved is no
    fault. Scores without any spread are FAR from all that differ from them.
    """
    level = level_shift(task, scores, float(other.mean()))
    apart = float(np.sqrt(np.mean((task.shifted(scores, level) - other) ** 2)))
    spread = float(other.std())
    return min(apart / spread, FAR) if spread > 0 else FAR * float(apart > 0)
