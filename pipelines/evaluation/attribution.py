"""What each feature of one event contributed to its score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

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
