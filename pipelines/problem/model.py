"""The candidates of a night, simplest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.define.problem import ModelSpec
from pipelines.define.spaces import integer, log_uniform, uniform


def logistic_regression(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """One-hot categories, scaled numbers with missing ones marked, an L2 penalty on the weights.

    Of a feature, the 3,000 most frequent categories count, the others together as one: the solver's time
    and memory grow with the square of the columns and faster.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    del threads  # the linear algebra library takes what the process may use
    numbers = [name for name, kind in schema.items() if kind == "number"]
    categories = [name for name, kind in schema.items() if kind == "category"]
    known = OneHotEncoder(handle_unknown="ignore", min_frequency=50, max_categories=3000)
    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    steps = [("numbers", scaled, numbers), ("categories", known, categories)]
    prepared = ColumnTransformer(
        steps, sparse_threshold=1.0
    )  # thousands of categories fit in memory
    return make_pipeline(
        prepared, LogisticRegression(C=0.1, solver="newton-cholesky", random_state=seed)
    )


def gradient_boosting(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """A hundred shallow trees on histograms; missing numbers and categories take a branch of their own."""
    from xgboost import XGBClassifier

    del schema  # categories are recognised by their type
    return XGBClassifier(
        n_estimators=100,
        max_depth=5,
        learning_rate=0.08,
        subsample=0.8,
        colsample_bytree=0.5,
        min_child_weight=20,
        max_bin=64,  # as good here as 256, at two thirds of the time
        tree_method="hist",
        enable_categorical=True,
        eval_metric="logloss",
        random_state=seed,
        n_jobs=threads,
    )


# What `redeye tune` searches, and `train` in every `tune.every_days` nights.
RECIPES = (
    ModelSpec(
        "logistic-regression",
        logistic_regression,
        tune={"logisticregression__C": log_uniform(0.001, 10)},
    ),
    ModelSpec(
        "gradient-boosting",
        gradient_boosting,
        tune={
            "learning_rate": log_uniform(0.02, 0.3),
            "max_depth": integer(3, 8),
            "min_child_weight": integer(5, 100, log=True),
            "colsample_bytree": uniform(0.3, 1.0),
        },
    ),
)
