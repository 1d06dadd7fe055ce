"""Plots of an evaluation: what a person looks at before trusting a model."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.methods.metrics import BINS, Scored

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, LINE, PAPER = "#1d2230", "#5d6577", "#e3e1dc", "#ffffff"
COLOURS = ("#35609b", "#b5372c", "#d9931e", "#1f7a4d", "#7b4fa3", "#2f8f9d")
STYLE: dict[Any, Any] = {
    "axes.edgecolor": LINE,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": SOFT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "font.size": 10,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}
SHOWN = 20  # features in the plot of importance
POINTS = 400  # of a curve; more cannot be seen


def draw(scored: Mapping[str, Scored], importance: Mapping[str, float]) -> dict[str, bytes]:
    """PNG files by name, below plots/; `scored` are all models on the same events, the last the baseline."""
    from matplotlib import rc_context

    painters: dict[str, Callable[[Axes, Mapping[str, Scored]], None]] = {
        "roc": _roc,
        "precision_recall": _precision_recall,
        "calibration": _calibration,
        "scores": _scores,
    }
    with rc_context(STYLE):
        pictures = {name: _paint(painter, scored) for name, painter in painters.items()}
        pictures["importance"] = _importance(importance)
    return {f"plots/{name}.png": picture for name, picture in pictures.items()}


def _paint(
    painter: Callable[[Axes, Mapping[str, Scored]], None], scored: Mapping[str, Scored]
) -> bytes:
    figure, axes = _canvas(4.4)
    painter(axes, scored)
    axes.legend(fontsize=9)
    return _png(figure)


def _roc(axes: Axes, scored: Mapping[str, Scored]) -> None:
    for name, colour, events in _lines(scored):
        hits, asked = _ranked(events)
        positives = hits[-1]
        axes.plot(
            _thin((asked - hits) / (asked[-1] - positives)),
            _thin(hits / positives),
            color=colour,
            label=name,
        )
    axes.set(title="ROC")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1))
    axes.set_aspect("equal")


def _precision_recall(axes: Axes, scored: Mapping[str, Scored]) -> None:
    for name, colour, events in _lines(scored):
        hits, asked = _ranked(events)
        found = hits[1:] / hits[-1]
        axes.plot(_thin(found), _thin(hits[1:] / asked[1:]), color=colour, label=name)
    axes.set(
        title="Precision and recall", xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1)
    )


def _calibration(axes: Axes, scored: Mapping[str, Scored]) -> None:
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":")
    top = 0.05
    for name, colour, events in _lines(scored):
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


def _scores(axes: Axes, scored: Mapping[str, Scored]) -> None:
    edges = np.linspace(0, 1, 51)
    for name, colour, events in _lines(scored):
        if np.ptp(events.scores) == 0:
            axes.axvline(
                float(events.scores[0]), color=colour, linestyle="--", linewidth=1.2, label=name
            )
            continue
        share = np.histogram(events.scores, edges)[0] / len(events.scores)
        axes.stairs(share, edges, color=colour, linewidth=1.6, label=name)
    axes.set(title="Scores", xlabel="score", ylabel="share of events", xlim=(0, 1))


def _importance(importance: Mapping[str, float]) -> bytes:
    shown = list(importance.items())[:SHOWN][::-1]
    figure, axes = _canvas(1.2 + 0.24 * len(shown))
    axes.barh(
        [name for name, _ in shown], [rise for _, rise in shown], color=COLOURS[0], height=0.65
    )
    axes.set(title="Importance", xlabel="rise of log loss when the feature is shuffled")
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=5)
    return _png(figure)


def _lines(scored: Mapping[str, Scored]) -> Iterator[tuple[str, str, Scored]]:
    """Each model with its colour; the last, the baseline, is grey."""
    *models, baseline = scored.items()
    for position, (name, events) in enumerate(models):
        yield name, COLOURS[position % len(COLOURS)], events
    yield baseline[0], SOFT, baseline[1]


def _ranked(events: Scored) -> tuple[np.ndarray, np.ndarray]:
    """Positives and events at or above each distinct score, from the highest down, beginning with 0."""
    order = np.argsort(-events.scores, kind="stable")
    last_of_tie = np.flatnonzero(np.append(np.diff(events.scores[order]) != 0, [True]))
    hits = np.cumsum(events.labels[order])[last_of_tie]
    return np.append(0.0, hits), np.append(0.0, last_of_tie + 1.0)


def _thin(curve: np.ndarray) -> np.ndarray:
    seen = np.unique(np.linspace(0, len(curve) - 1, POINTS).astype(int))
    return np.asarray(curve[seen])


def _canvas(height_inches: float) -> tuple[Figure, Axes]:
    # Not pyplot: it keeps figures alive, and is not made for threads.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, height_inches), layout="constrained", facecolor=PAPER)
    return figure, figure.subplots()


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()
