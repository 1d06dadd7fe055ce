"""Recipes of which no model could be made, and since which night."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd

from pipelines.core.records import Amount, Candidates

PREFIX, METRIC = "recipe ", "failed"  # subject and name in daily_metric


def failure_metrics(candidates: Candidates | None) -> dict[str, dict[str, Amount]]:
    """Whether each recipe failed tonight, by subject in daily_metric."""
    if candidates is None:
        return {}
    marks = dict.fromkeys((one.name for one in candidates.candidates), 0.0)
    marks |= dict.fromkeys(candidates.failed, 1.0)
    return {f"{PREFIX}{name}": {METRIC: mark} for name, mark in marks.items()}


def failing_since(
    candidates: Candidates | None, measured: pd.DataFrame, day: date
) -> Mapping[str, date]:
    """Tonight's failed recipes, each with the first of the nights on which it has failed without a break.

    `measured` are the warehouse's metrics of the nights before. A night that trained nothing is no break.
    """
    failed = candidates.failed if candidates else {}
    found = dict.fromkeys(failed, day)
    for name in failed:
        mine = (measured["subject"] == f"{PREFIX}{name}") & (measured["metric"] == METRIC)
        for night, value in measured.loc[mine, ["day", "value"]].iloc[::-1].itertuples(index=False):
            if not value:
                break
            found[name] = night
    return found
