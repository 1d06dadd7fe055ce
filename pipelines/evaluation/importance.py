"""Which features a model relies on, and what each feature of one event contributed to its score."""

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


ROUNDS = 64  # walks from another event to this one; half of them are the other half, backwards


@dataclass(frozen=True)
class Walks:
    """Rows on the way from other events to one, and how their scores tell what its features add.

    Shapley values, estimated by sampling orders of the features (Štrumbelj & Kononenko 2014), each
    together with its reverse (Mitchell et al. 2022): features change one by one from another event's to
    this one's, and each gets the change of the score. The sum is exactly the score less the mean. Works
    for every form of model, in the unit of its scores.
    """

    names: list[str]
    rows: pd.DataFrame
    changed: np.ndarray  # at which step of a walk a feature changes

    @classmethod
    def of(
        cls, names: list[str], others: pd.DataFrame, event: pd.DataFrame, seed: int = 0
    ) -> Walks:
        """The walks from others to the event, which has one row."""
        generator = np.random.default_rng(seed)
        orders = np.argsort(generator.random((ROUNDS // 2, len(names))), axis=1)
        orders = np.concatenate([orders, orders[:, ::-1]])
        drawn = generator.integers(0, len(others), ROUNDS // 2)
        begins = np.concatenate([drawn, drawn])
        changed = np.argsort(orders, axis=1)
        steps = np.arange(len(names) + 1)
        pool = pd.concat([others[names], event[names]], ignore_index=True)
        rows = pd.DataFrame(
            {
                name: pool[name]
                .take(np.where(steps > changed[:, [place]], len(others), begins[:, None]).ravel())
                .reset_index(drop=True)
                for place, name in enumerate(names)
            }
        )
        return cls(names, rows, changed)

    def contributions(self, scores: np.ndarray) -> tuple[float, pd.Series]:
        """The mean score of other events, and by feature what the event's adds to it, largest first."""
        steps = scores.reshape(ROUNDS, len(self.names) + 1)
        gained = np.take_along_axis(np.diff(steps, axis=1), self.changed, axis=1)
        told = pd.Series(gained.mean(axis=0), index=self.names)
        return float(steps[:, 0].mean()), told.sort_values(key=abs, ascending=False, kind="stable")
