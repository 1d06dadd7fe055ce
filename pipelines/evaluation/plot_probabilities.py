"""Plots of scores that are probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pipelines.evaluation.figure_style import SOFT, model_lines, thin
from pipelines.metrics.classification import BINS, ScoredEvents

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def roc(axes: Axes, scored: Mapping[str, ScoredEvents]) -> None:
    """Hits against false alarms, from the highest score down."""
    for name, colour, events in model_lines(scored):
        hits, asked = _ranked(events)
        positives = hits[-1]
        axes.plot(
            thin((asked - hits) / (asked[-1] - positives)),
            thin(hits / positives),
            color=colour,
            label=name,
        )
    axes.set(title="ROC")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1))
    axes.set_aspect("equal")


def precision_recall(axes: Axes, scored: Mapping[str, ScoredEvents]) -> None:
    """How many of those asked were hits, against how many of all hits."""
    for name, colour, events in model_lines(scored):
        hits, asked = _ranked(events)
        found = hits[1:] / hits[-1]
        axes.plot(thin(found), thin(hits[1:] / asked[1:]), color=colour, label=name)
    axes.set(
        title="Precision and recall", xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1)
    )


def calibration(axes: Axes, scored: Mapping[str, ScoredEvents]) -> None:
    """What was said, and how often it came."""
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":")
    top = 0.05
    for name, colour, events in model_lines(scored):
        order = np.array_split(np.argsort(events.scores, kind="stable"), BINS)
        said = np.array([events.scores[part].mean() for part in order])
        came = np.array([events.labels[part].mean() for part in order])
        alike = np.ptp(said) == 0  # the baseline says one number: one point, not ten
        said, came = (said[:1], np.array([events.labels.mean()])) if alike else (said, came)
        axes.plot(said, came, color=colour, marker="o", markersize=4, label=name)
        top = max(top, float(said.max()), float(came.max()))
    limits = (0, min(1.0, top * 1.08))
    axes.set(
        title="Calibration",
        xlabel="score, mean of a tenth of the events",
        ylabel="share that came true",
    )
    axes.set(xlim=limits, ylim=limits)
    axes.set_aspect("equal")


def scores(axes: Axes, scored: Mapping[str, ScoredEvents]) -> None:
    """How scores are spread."""
    edges = np.linspace(0, 1, 51)
    for name, colour, events in model_lines(scored):
        if np.ptp(events.scores) == 0:
            axes.axvline(
                float(events.scores[0]), color=colour, linestyle="--", linewidth=1.2, label=name
            )
            continue
        share = np.histogram(events.scores, edges)[0] / len(events.scores)
        axes.stairs(share, edges, color=colour, linewidth=1.6, label=name)
    axes.set(title="Scores", xlabel="score", ylabel="share of events", xlim=(0, 1))


def _ranked(events: ScoredEvents) -> tuple[np.ndarray, np.ndarray]:
    """Positives and events at or above each distinct score, from the highest down, beginning with 0."""
    order = np.argsort(-events.scores, kind="stable")
    last_of_tie = np.flatnonzero(np.append(np.diff(events.scores[order]) != 0, [True]))
    hits = np.cumsum(events.labels[order])[last_of_tie]
    return np.append(0.0, hits), np.append(0.0, last_of_tie + 1.0)
