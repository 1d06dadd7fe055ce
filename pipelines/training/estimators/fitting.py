"""Fitting estimators of any make, and making them ready to answer alike wherever they are asked."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.errors import ConfigError

STOPPING_SHARE = 8  # one of so many days, the last ones, tells XGBoost when to stop


def learn(estimator: Any, frame: pd.DataFrame, labels: np.ndarray, days: np.ndarray) -> Any:
    """The fitted estimator. XGBoost with `early_stopping_rounds` finds the number of its trees on the
    last eighth of the days, fitted on those before, and is then fitted on all with so many.
    """
    if is_xgboost(estimator) and estimator.get_params().get("early_stopping_rounds"):
        from sklearn.base import clone

        late = stopping_rows(days)
        trial = clone(estimator)
        trial.fit(
            frame.loc[~late],
            labels[~late],
            eval_set=[(frame.loc[late], labels[late])],
            verbose=False,
        )
        estimator.set_params(n_estimators=trial.best_iteration + 1, early_stopping_rounds=None)
    with _one_after_another(estimator):
        estimator.fit(frame, labels)
    return _settled(estimator)


def _one_after_another(estimator: Any) -> AbstractContextManager[object]:
    """Have the parts of an ensemble of any estimators fitted in this process, in their order: what comes
    back from another one is a copy, and a model of copies has other bytes. Trees of a forest may be
    fitted at once, as may whatever a library does in threads of its own.
    """
    from joblib import parallel_config
    from sklearn.ensemble._forest import BaseForest
    from sklearn.pipeline import Pipeline

    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    return nullcontext() if isinstance(last, BaseForest) else parallel_config(backend="sequential")


def stopping_rows(days: np.ndarray) -> np.ndarray:
    """Which rows are of the days on which early stopping looks."""
    known = np.unique(days)
    if len(known) < 2:
        raise ValueError("early stopping needs events of two days or more")
    stopping: np.ndarray = days >= known[-max(1, len(known) // STOPPING_SHARE)]
    return stopping


def put_on(device: str, estimator: Any) -> None:
    """Have all XGBoost estimators in it work on the device; raises ConfigError when there is none."""
    if device == "cpu":
        return
    found = [part for part in parts(estimator) if is_xgboost(part)]
    if not found:
        return
    refuse_missing(device)
    for part in found:
        part.set_params(device=device)


def refuse_missing(device: str) -> None:
    """Raise ConfigError when XGBoost cannot use the device: asked for one, it falls back in silence."""
    import xgboost

    rows = xgboost.DMatrix(np.zeros((2, 1)), np.array([0.0, 1.0]))
    try:
        # A `verbosity` among the parameters would go on in this process: nothing would be warned of.
        with warnings.catch_warnings(), xgboost.config_context(verbosity=0):
            warnings.simplefilter("ignore")
            booster = xgboost.train({"device": device}, rows, 1)
        used = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    except xgboost.core.XGBoostError:
        used = "cpu"
    if not used.startswith(device):
        raise ConfigError(
            f"train.device: {device}: XGBoost finds no such device on this machine; "
            f"say `device: cpu` in params.yaml, or train where there is one"
        )


def is_xgboost(estimator: Any) -> bool:
    """Whether it is one of XGBoost's."""
    return type(estimator).__module__.startswith("xgboost.")


def parts(estimator: Any) -> Iterator[Any]:
    """The estimator, and all estimators within, fitted ones included; each once."""
    from sklearn.base import BaseEstimator

    waiting, seen = [estimator], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
        elif isinstance(one, np.ndarray) and one.dtype == np.dtype("object"):
            waiting += list(one.ravel())
        elif isinstance(one, BaseEstimator):
            yield one
            waiting += vars(one).values()
        elif type(one).__module__ == "sklearn.calibration":  # a pair that is no estimator itself
            waiting += vars(one).values()


def _settled(estimator: Any) -> Any:
    """A search is what it found; and no part begins threads or processes of its own, or asks a device:
    sums in another order would be other scores.
    """
    from sklearn.pipeline import Pipeline

    if hasattr(estimator, "best_estimator_"):
        return _settled(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        estimator.steps = [(name, _settled(step)) for name, step in estimator.steps]
    for part in parts(estimator):
        if is_xgboost(part):
            part.set_params(n_jobs=None, device=None)
            if part.__sklearn_is_fitted__():
                part.get_booster().set_param({"nthread": 0, "device": "cpu"})
        elif getattr(part, "n_jobs", None) is not None:
            part.n_jobs = None
    return estimator


def forget_questions(estimator: Any) -> None:
    """Set the counters of trees of neighbours back: they count what was asked, and stand in the file."""
    for part in parts(estimator):
        tree = getattr(part, "_tree", None)
        if tree is not None and hasattr(tree, "reset_n_calls"):
            *arrays, trims, leaves, splits, calls, metric, weights = tree.__getstate__()
            asked = [type(one)(0) for one in (trims, leaves, splits, calls)]
            tree.__setstate__((*arrays, *asked, metric, weights))
