"""What each feature of one event contributed to its score."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.methods.model import Model

ROUNDS = 64  # walks from another event to this one; half of them are the other half, backwards


def contributions(
    model: Model, others: pd.DataFrame, event: pd.DataFrame, seed: int = 0
) -> tuple[float, pd.Series]:
    """The mean score of other events, and by feature what this one's adds to it: Shapley values.

    Estimated by sampling orders of the features (Štrumbelj & Kononenko 2014), each together with its
    reverse (Mitchell et al. 2022): features change one by one from another event's to this one's, and
    each gets the change of the score. The sum is exactly the score less the mean. Works for every form
    of model, in the unit of its scores. `event` has one row; largest contributions come first.
    """
    names = list(model.schema)
    generator = np.random.default_rng(seed)
    orders = np.argsort(generator.random((ROUNDS // 2, len(names))), axis=1)
    orders = np.concatenate([orders, orders[:, ::-1]])
    drawn = generator.integers(0, len(others), ROUNDS // 2)
    begins = np.concatenate([drawn, drawn])
    changed = np.argsort(orders, axis=1)  # at which step of the walk a feature changes
    steps = np.arange(len(names) + 1)
    pool = pd.concat([others[names], event[names]], ignore_index=True)
    walks = pd.DataFrame(
        {
            name: pool[name]
            .take(np.where(steps > changed[:, [place]], len(others), begins[:, None]).ravel())
            .reset_index(drop=True)
            for place, name in enumerate(names)
        }
    )
    scores = model.scores(walks).reshape(ROUNDS, len(steps))
    gained = np.take_along_axis(np.diff(scores, axis=1), changed, axis=1)
    told = pd.Series(gained.mean(axis=0), index=names)
    return float(scores[:, 0].mean()), told.sort_values(key=abs, ascending=False, kind="stable")
