"""What was promised, and what came: published scores against outcomes, day by day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from pipelines.methods.metrics import Scored
from pipelines.methods.task import BINARY, Task

Worth = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Quality:
    """How the published answers of one contender did."""

    day: date
    answered_by: str
    model_version: str | None
    metrics: dict[str, float]

    @property
    def subject(self) -> str:
        """Whose metrics these are, as daily_metric calls them."""
        return subject(self.answered_by, self.model_version)


def subject(answered_by: str, model_version: str | None) -> str:
    """A contender's name in daily_metric, such as `champion 3`."""
    return f"{answered_by} {model_version}" if model_version else answered_by


def daily_quality(predictions: pd.DataFrame, worth: Worth, task: Task = BINARY) -> list[Quality]:
    """The quality of every day with known outcomes, oldest first; `predictions` are the warehouse's."""
    known = predictions.loc[predictions["label"].notna()]
    # All rows of a day are of one run, so the day's first row tells who answered.
    return [
        Quality(*_who(rows), measure(rows, worth, task))
        for _, rows in known.groupby("day", sort=True)
    ]


def _who(rows: pd.DataFrame) -> tuple[date, str, str | None]:
    first = rows.iloc[0]
    version = first["model_version"]
    return first["day"], first["answered_by"], version if isinstance(version, str) else None


def measure(known: pd.DataFrame, worth: Worth, task: Task = BINARY) -> dict[str, float]:
    """Metrics of scored events with a label; without any, only their number.

    `rate_predicted` is the mean score, `rate_observed` the share that came true; of numbers they are
    `mean_predicted` and `mean_observed`. What is not defined, such as the AUC of a day on which
    nothing came true, is left out.
    """
    labels, scores = known["label"].to_numpy(dtype="float64"), known["score"].to_numpy()
    metrics = {"events": float(len(labels))}
    if not len(labels):
        return metrics
    days = np.zeros(len(labels), dtype=np.int64)
    scored = Scored(labels, scores, worth(labels, scores), days, n_days=1, task=task.name)
    means = {"predicted": scores.mean(), "observed": labels.mean()}
    metrics |= {f"{task.average}_{which}": float(mean) for which, mean in means.items()}
    metrics |= {name: metric.of(scored) for name, metric in task.metrics.items()}
    return {name: value for name, value in metrics.items() if np.isfinite(value)}


def calibration(known: pd.DataFrame, bins: int = 10) -> list[tuple[float, float, int]]:
    """Mean score, share that came true and number of events, of bins of equally many events."""
    if known.empty:
        return []
    ordered = known.sort_values("score", kind="stable")
    parts = [part for part in np.array_split(np.arange(len(ordered)), bins) if len(part)]
    scores, labels = ordered["score"].to_numpy(), ordered["label"].to_numpy()
    return [(float(scores[p].mean()), float(labels[p].mean()), len(p)) for p in parts]


def score_metrics(scores: pd.Series) -> dict[str, float]:
    """How the scores of a day are spread."""
    if scores.empty:
        return {"events": 0.0}
    cuts = {f"score_p{share:02d}": float(scores.quantile(share / 100)) for share in (5, 50, 95)}
    return {"events": float(len(scores)), "score_mean": float(scores.mean()), **cuts}
