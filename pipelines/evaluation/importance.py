"""Which features a model leans on, whatever kind of model it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.core.records import TaskName
from pipelines.metrics.classification import ScoredEvents
from pipelines.metrics.task import TASKS
from pipelines.training.examples import Examples

ROWS = 1000


@dataclass(frozen=True)
class Shuffled:
    """Some events, and the same with one feature's values shuffled among them, feature after feature."""

    task: TaskName
    labels: np.ndarray
    names: list[str]
    rows: pd.DataFrame

    @classmethod
    def of(cls, examples: Examples, seed: int) -> Shuffled:
        """A sample of the events, which the model must not have seen."""
        generator = np.random.default_rng(seed)
        rows = generator.permutation(len(examples.labels))[:ROWS]
        names = list(examples.schema)
        frame, labels = examples.frame.iloc[rows].reset_index(drop=True), examples.labels[rows]
        shuffled = frame.iloc[generator.permutation(len(rows))].reset_index(drop=True)
        variants = [frame, *(frame.assign(**{name: shuffled[name]}) for name in names)]
        return cls(examples.task, labels, names, pd.concat(variants, ignore_index=True))

    def importance(self, scores: np.ndarray) -> dict[str, float]:
        """How much the task's loss of a model rises with each feature; largest first.

        `scores` are the model's of the rows (Breiman 2001, Random Forests, section 10).
        """
        variants = scores.reshape(len(self.names) + 1, -1)
        known, *losses = (_loss(self.task, self.labels, variant) for variant in variants)
        rises = {name: loss - known for name, loss in zip(self.names, losses, strict=True)}
        return dict(sorted(rises.items(), key=lambda item: -item[1]))


def _loss(task: TaskName, labels: np.ndarray, scores: np.ndarray) -> float:
    nothing, one_day = np.zeros(len(labels)), np.zeros(len(labels), dtype=np.int64)
    scored = ScoredEvents(labels, scores, nothing, one_day, 1, task)
    return TASKS[task].metrics[TASKS[task].loss].of(scored)
