"""Estimates made before outcomes came, and how they proved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from pipelines.core.records import Amount, Interval
from pipelines.metrics.performance_estimation import LabelledScores
from pipelines.metrics.task import Task
from pipelines.monitoring.quality import Worth, by_contender

PREFIX = "estimated_"
ENOUGH = 5  # days of estimates that proved right or wrong, for a band around the next one


@dataclass(frozen=True)
class Reconciled:
    """What was estimated of a contender's day, and what came."""

    day: date
    subject: str
    metric: str
    estimated: float
    came: float

    @property
    def error(self) -> float:
        """By how much more came."""
        return self.came - self.estimated


def reconcile(measured: pd.DataFrame) -> list[Reconciled]:
    """Every kept estimate whose metric is known by now, oldest first; `measured` is the warehouse's."""
    is_estimate = measured["metric"].str.startswith(PREFIX)
    keys = ["day", "subject", "metric"]
    estimates = measured.loc[is_estimate, [*keys, "value"]]
    estimates = estimates.assign(metric=estimates["metric"].str.removeprefix(PREFIX))
    came = measured.loc[~is_estimate, [*keys, "value"]]
    both = estimates.merge(came, on=keys, suffixes=("_estimated", "_came"))
    return [Reconciled(*row) for row in both.sort_values(keys).itertuples(index=False)]


def estimate_day(
    scores: pd.DataFrame, lately: pd.DataFrame, worth: Worth, task: Task, past: list[Reconciled]
) -> Mapping[str, Mapping[str, Amount]]:
    """What to expect of the day's answers, by subject and metric, as daily_metric calls them.

    `scores` are those of the day, `lately` those of days before it. Once enough estimates of the same
    subject have met their outcomes, each has the band in which 95 in 100 of them would have been right.
    """
    known = lately.loc[lately["label"].notna()]
    found: dict[str, Mapping[str, Amount]] = {}
    for name, rows in by_contender(scores):
        if rows.empty:
            continue
        before = _said_before(known, rows)
        settled = LabelledScores(before["score"].to_numpy(), before["label"].to_numpy())
        expected = task.estimate(rows["score"].to_numpy(), settled, worth)
        found[name] = dict(_banded(name, expected, past))
    return found


def _said_before(known: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """What the versions that give these rows said of settled events, under whatever name."""
    versions = rows["model_version"].dropna().unique()
    if len(versions):
        return known.loc[known["model_version"].isin(versions)]
    return known.loc[known["contender"].isin(rows["contender"].unique())]


def _banded(
    subject: str, expected: Mapping[str, float], past: list[Reconciled]
) -> Iterator[tuple[str, Amount]]:
    for metric, number in expected.items():
        if np.isfinite(number):
            errors = [one.error for one in past if (one.subject, one.metric) == (subject, metric)]
            yield f"{PREFIX}{metric}", _band(number, np.array(errors))


def _band(number: float, errors: np.ndarray) -> Amount:
    """A prediction interval for one more day, of errors around 0: a lasting error widens it."""
    if len(errors) < ENOUGH:
        return number
    from scipy.special import stdtrit

    spread = np.sqrt(np.mean(errors**2) * (1 + 1 / len(errors)))
    reach = float(stdtrit(len(errors), 0.975) * spread)
    return Interval(low=number - reach, mid=number, high=number + reach)
