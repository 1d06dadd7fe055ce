"""What MLflow loads a model with: the scores of the night, wherever Redeye is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.adapters.mlflow.models import FORMS
from pipelines.core.errors import DataError
from pipelines.training.model import Model
from pipelines.training.model_file import unpack


class Scorer:
    """A model behind MLflow's `predict`."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> np.ndarray:  # noqa: ARG002  MLflow's protocol
        """The score of each row. Columns are found by name, in any order; further ones are ignored.

        Raises DataError when a feature is no column, or a number is none.
        """
        for name, kind in self._model.schema.items():
            if kind == "number" and name in frame.columns:
                frame = frame.assign(**{name: _numbers(frame[name])})
        return self._model.scores(frame)


def _numbers(values: pd.Series) -> pd.Series:
    try:
        numbers = values.to_numpy(dtype="float64", na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"column {values.name!r}: holds what is no number ({error}); give numbers, or none where "
            f"one is missing"
        ) from error
    return pd.Series(numbers, index=values.index)


def _load_pyfunc(path: str) -> Scorer:
    """The model of a file; its form is told by its name."""
    file = Path(path)
    return Scorer(unpack(FORMS[file.name], file.read_bytes()))
