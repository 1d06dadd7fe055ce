"""Which features a model leans on, whatever kind of model it is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.core.records import TaskName
from pipelines.methods.examples import Examples
from pipelines.methods.metrics import Scored
from pipelines.methods.model import Model
from pipelines.methods.task import TASKS

ROWS = 1000


def permutation_importance(model: Model, examples: Examples, seed: int) -> dict[str, float]:
    """How much the task's loss rises when a feature's values are shuffled among events; largest first.

    On a sample of the events that the model has not seen (Breiman 2001, Random Forests, section 10).
    """
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(examples.labels))[:ROWS]
    frame, labels = examples.frame.iloc[rows].reset_index(drop=True), examples.labels[rows]
    shuffled = frame.iloc[generator.permutation(len(rows))].reset_index(drop=True)
    variants = [frame, *(frame.assign(**{name: shuffled[name]}) for name in model.schema)]
    # Scored in one go: a model's call costs more than its rows.
    scores = model.scores(pd.concat(variants, ignore_index=True)).reshape(len(variants), -1)
    known, *losses = (_loss(examples.task, labels, variant) for variant in scores)
    rises = {name: loss - known for name, loss in zip(model.schema, losses, strict=True)}
    return dict(sorted(rises.items(), key=lambda item: -item[1]))


def _loss(task: TaskName, labels: np.ndarray, scores: np.ndarray) -> float:
    nothing, one_day = np.zeros(len(labels)), np.zeros(len(labels), dtype=np.int64)
    scored = Scored(labels, scores, nothing, one_day, 1, task)
    return TASKS[task].metrics[TASKS[task].loss].of(scored)
