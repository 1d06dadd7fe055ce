"""The candidate of a night."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.define.problem import ModelSpec


def logistic_regression(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """One-hot categories and scaled numbers, missing ones at the median."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    del threads
    numbers = [name for name, kind in schema.items() if kind == "number"]
    categories = [name for name, kind in schema.items() if kind == "category"]
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    prepared = make_column_transformer(
        (scaled, numbers), (OneHotEncoder(handle_unknown="ignore"), categories)
    )
    return make_pipeline(prepared, LogisticRegression(C=0.1, random_state=seed))


RECIPES = (ModelSpec("logistic-regression", logistic_regression),)
