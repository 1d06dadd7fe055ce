"""The candidates of a night, simplest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.define.problem import ModelSpec


def logistic_regression(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """One-hot airports, scaled numbers with missing ones marked, a strong L2 penalty."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    del threads
    numbers = [name for name, kind in schema.items() if kind == "number"]
    categories = [name for name, kind in schema.items() if kind == "category"]
    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    prepared = make_column_transformer(
        (scaled, numbers), (OneHotEncoder(handle_unknown="ignore"), categories)
    )
    return make_pipeline(prepared, LogisticRegression(C=0.01, random_state=seed))


def gradient_boosting(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """A few stumps: there are two dozen periods a day to learn from."""
    from xgboost import XGBClassifier

    del schema
    return XGBClassifier(
        n_estimators=40,
        max_depth=2,
        learning_rate=0.1,
        min_child_weight=20,
        enable_categorical=True,
        random_state=seed,
        n_jobs=threads,
    )


RECIPES = (
    ModelSpec("logistic-regression", logistic_regression),
    ModelSpec("gradient-boosting", gradient_boosting),
)
