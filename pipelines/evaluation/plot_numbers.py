"""Plots of scores that are numbers, as their outcomes are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pipelines.evaluation.figure_style import INK, SOFT, model_lines
from pipelines.metrics.classification import BINS, ScoredEvents

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHARES = (0.005, 0.995)  # of the events; a few far out would make the rest unreadable


def predicted_observed(axes: Axes, scored: Mapping[str, ScoredEvents]) -> None:
    """What came of each tenth of the events, from the lowest scores to the highest."""
    ends = []
    for name, colour, events in model_lines(scored):
        order = np.array_split(np.argsort(events.scores, kind="stable"), BINS)
        alike = np.ptp(events.scores) == 0  # the baseline says one number: one point, not ten
        parts = [np.concatenate(order)] if alike else [part for part in order if len(part)]
        said = [float(events.scores[part].mean()) for part in parts]
        came = [float(events.labels[part].mean()) for part in parts]
        axes.plot(said, came, color=colour, marker="o", markersize=4, label=name)
        ends += [min(said), max(said)]
    axes.plot(ends, ends, color=SOFT, linewidth=0.8, linestyle=":")
    axes.set(
        title="Predicted and observed",
        xlabel="score, mean of a tenth of the events",
        ylabel="outcome, their mean",
    )


def residuals(axes: Axes, scored: Mapping[str, ScoredEvents]) -> None:
    """How far scores are from outcomes."""
    errors = {name: (c, events.scores - events.labels) for name, c, events in model_lines(scored)}
    edges = _edges(np.concatenate([error for _, error in errors.values()]))
    for name, (colour, error) in errors.items():
        axes.stairs(np.histogram(error, edges)[0] / len(error), edges, color=colour, label=name)
    axes.axvline(0, color=SOFT, linewidth=0.8, linestyle=":")
    axes.set(title="Residuals", xlabel="score less outcome", ylabel="share of events")


def residuals_by_day(axes: Axes, scored: Mapping[str, ScoredEvents]) -> None:
    """Whether the world moved away from the models during the test."""
    for name, colour, events in model_lines(scored):
        error = events.by_day(events.scores - events.labels)
        days = np.arange(1, events.n_days + 1)
        mean = error / events.by_day(np.ones(len(events.scores)))
        axes.plot(days, mean, color=colour, marker="o", markersize=3, label=name)
    axes.axhline(0, color=SOFT, linewidth=0.8, linestyle=":")
    axes.set(
        title="Residuals by day", xlabel="day of the test", ylabel="mean of score less outcome"
    )
    axes.locator_params(axis="x", integer=True)


def scores(axes: Axes, scored: Mapping[str, ScoredEvents]) -> None:
    """What is said, beside what comes."""
    labels = next(iter(scored.values())).labels
    edges = _edges(labels)
    axes.stairs(
        np.histogram(labels, edges)[0] / len(labels),
        edges,
        color=INK,
        alpha=0.12,
        fill=True,
        label="outcomes",
    )
    for name, colour, events in model_lines(scored):
        if np.ptp(events.scores) == 0:
            level = float(events.scores[0])
            axes.axvline(level, color=colour, linestyle="--", linewidth=1.2, label=name)
            continue
        share = np.histogram(events.scores, edges)[0] / len(events.scores)
        axes.stairs(share, edges, color=colour, linewidth=1.6, label=name)
    axes.set(title="Scores", xlabel="score", ylabel="share of events")


def _edges(amounts: np.ndarray) -> np.ndarray:
    low, high = np.quantile(amounts, SHARES)
    return np.linspace(low, high if high > low else low + 1, 51)
