"""One constant on all scores of a model, so that they are right on average lately."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipelines.metrics.task import TASKS, Task
from pipelines.training.examples import Examples
from pipelines.training.model import Model

PRIOR_DAYS = 7  # as if so many further days had needed no shift: a few days move a model little
REACH = 20.0  # in log odds, beyond which a probability is 0 or 1 anyway
STEPS = 60  # halvings of that


def recalibrated(model: Model, examples: Examples, n_days: int) -> Model:
    """The model with a shift fitted on the last `n_days` days of what it learned from; 0: as it is.

    An intercept on the log odds of probabilities, a constant added to numbers, with every other
    coefficient left alone (calibration-in-the-large; Steyerberg 2009, ch. 15), shrunk toward none.
    Base rates move faster than what ranks events. The days are those that the model was fitted on, so
    the shift is what the fit has not followed already.
    """
    if n_days == 0:
        return model
    last = np.datetime64(model.trained_until)
    recent = examples.days > last - np.timedelta64(n_days, "D")
    days = len(np.unique(examples.days[recent]))
    scores = model.checked_scores(examples.frame.loc[recent])
    full = level_shift(TASKS[model.task], scores, float(examples.labels[recent].mean()))
    return replace(model, shift=full * days / (days + PRIOR_DAYS))


def level_shift(task: Task, scores: np.ndarray, level: float) -> float:
    """The shift that makes the mean score the level."""
    if task.name == "regression":
        return level - float(scores.mean())
    low, high = -REACH, REACH
    for _ in range(STEPS):
        middle = (low + high) / 2
        if task.shifted(scores, middle).mean() < level:
            low = middle
        else:
            high = middle
    return (low + high) / 2
