"""The candidates of a night, simplest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.define.problem import ModelSpec


def ridge(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """One-hot categories, scaled numbers with missing ones marked, an L2 penalty on the weights."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    del seed, threads
    numbers = [name for name, kind in schema.items() if kind == "number"]
    categories = [name for name, kind in schema.items() if kind == "category"]
    known = OneHotEncoder(handle_unknown="ignore", min_frequency=20, sparse_output=False)
    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return make_pipeline(
        make_column_transformer((scaled, numbers), (known, categories)), Ridge(alpha=100)
    )


def gradient_boosting(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """Shallow trees on histograms."""
    from xgboost import XGBRegressor

    del schema
    return XGBRegressor(
        n_estimators=60,
        max_depth=3,
        learning_rate=0.08,
        min_child_weight=50,
        enable_categorical=True,
        random_state=seed,
        n_jobs=threads,
    )


RECIPES = (ModelSpec("ridge", ridge), ModelSpec("gradient-boosting", gradient_boosting))
