"""How much a fitted estimator has learned by heart: the leaves of its trees, and its weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.training.estimators.fitting import is_xgboost, parts

NO_WEIGHTS = ("classes_", "cv_results_")


@dataclass(frozen=True)
class Complexity:
    """Leaves of all trees, and numbers that predictors hold beside them."""

    leaves: int = 0
    weights: int = 0


def complexity(estimator: Any) -> Complexity:
    """Of a booster, or of a scikit-learn estimator with all predictors in it.

    What only prepares features is not counted: it does not grow with what a model can tell apart.
    """
    from xgboost import Booster

    if isinstance(estimator, Booster):
        return Complexity(leaves=_booster_leaves(estimator))
    leaves = weights = 0
    for part in parts(estimator):
        if is_xgboost(part):
            leaves += _booster_leaves(part.get_booster()) if part.__sklearn_is_fitted__() else 0
        elif hasattr(part, "predict"):
            leaves += sum(_leaves(part))
            weights += sum(_weights(part))
    return Complexity(leaves, weights)


def _booster_leaves(booster: Any) -> int:
    return sum(tree.count("leaf=") for tree in booster.get_dump())


def _leaves(part: Any) -> Iterator[int]:
    """Of a tree, and of histogram boosting, whose trees are no estimators."""
    if hasattr(part, "tree_"):
        yield int(part.tree_.n_leaves)
    for stage in getattr(part, "_predictors", ()):
        yield from (int(tree.get_n_leaf_nodes()) for tree in stage)


def _weights(part: Any) -> Iterator[int]:
    """Sizes of the arrays of numbers that it was fitted with; of neighbours, the events that it keeps."""
    for name, value in vars(part).items():
        if name in NO_WEIGHTS or not (name.endswith("_") or name == "_fit_X"):
            continue
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, np.ndarray | np.floating) and np.issubdtype(one.dtype, np.floating):
                yield int(np.size(one))
