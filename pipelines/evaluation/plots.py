"""Plots of an evaluation: what a person looks at before trusting a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pipelines.core.records import TaskName
from pipelines.evaluation import plot_numbers, plot_probabilities
from pipelines.evaluation.figure_style import COLOURS, STYLE, canvas, png
from pipelines.metrics.classification import ScoredEvents
from pipelines.metrics.task import TASKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    Painter = Callable[[Axes, Mapping[str, ScoredEvents]], None]

SHOWN = 20  # features in the plot of importance
PAINTERS: Mapping[TaskName, Mapping[str, Painter]] = {
    "binary": {
        "roc": plot_probabilities.roc,
        "precision_recall": plot_probabilities.precision_recall,
        "calibration": plot_probabilities.calibration,
        "scores": plot_probabilities.scores,
    },
    "regression": {
        "predicted_observed": plot_numbers.predicted_observed,
        "residuals": plot_numbers.residuals,
        "residuals_by_day": plot_numbers.residuals_by_day,
        "scores": plot_numbers.scores,
    },
}


def draw(scored: Mapping[str, ScoredEvents], importance: Mapping[str, float]) -> dict[str, bytes]:
    """PNG files by name, below plots/; `scored` are all models on the same events, the last the baseline."""
    from matplotlib import rc_context

    task = TASKS[next(iter(scored.values())).task]
    with rc_context(STYLE):
        pictures = {name: _paint(painter, scored) for name, painter in PAINTERS[task.name].items()}
        pictures["importance"] = _importance(importance, task.metrics[task.loss].words)
    return {f"plots/{name}.png": picture for name, picture in pictures.items()}


def _paint(painter: Painter, scored: Mapping[str, ScoredEvents]) -> bytes:
    figure, axes = canvas(4.4)
    painter(axes, scored)
    axes.legend(fontsize=9)
    return png(figure)


def _importance(importance: Mapping[str, float], loss: str) -> bytes:
    shown = list(importance.items())[:SHOWN][::-1]
    figure, axes = canvas(1.2 + 0.24 * len(shown))
    axes.barh(
        [name for name, _ in shown], [rise for _, rise in shown], color=COLOURS[0], height=0.65
    )
    axes.set(title="Importance", xlabel=f"rise of {loss} when it is shuffled")
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=5)
    return png(figure)
