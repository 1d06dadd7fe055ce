"""What every plot is drawn on, and with."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.metrics.classification import ScoredEvents

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
    "text.parse_math": False,  # a name may hold any number of $
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}
POINTS = 400  # of a curve; more cannot be seen


def model_lines(scored: Mapping[str, ScoredEvents]) -> Iterator[tuple[str, str, ScoredEvents]]:
    """Each model with its colour; the last, the baseline, is grey."""
    *models, baseline = scored.items()
    for position, (name, events) in enumerate(models):
        yield name, COLOURS[position % len(COLOURS)], events
    yield baseline[0], SOFT, baseline[1]


def thin(curve: np.ndarray) -> np.ndarray:
    """As many points of a curve as can be seen."""
    seen = np.unique(np.linspace(0, len(curve) - 1, POINTS).astype(int))
    return np.asarray(curve[seen])


def canvas(height_inches: float) -> tuple[Figure, Axes]:
    """An empty figure."""
    # Not pyplot: it keeps figures alive, and is not made for threads.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, height_inches), layout="constrained", facecolor=PAPER)
    return figure, figure.subplots()


def png(figure: Figure) -> bytes:
    """The figure as a file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()
