"""The report's charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np

from pipelines.methods.chart import (
    Chart,
    calibration_chart,
    histogram,
    named_bars,
    over_time,
)
from pipelines.methods.quality import calibration
from pipelines.methods.watch import Night, Watched

BARS = 40  # of the scores' histogram
SHOWN = 15  # features whose drift is drawn


def charts(night: Night, watched: Watched) -> list[Chart]:
    """Those for which there is something to draw."""
    drawn = [
        _scores(watched),
        _rates(night, watched),
        _ranking(night, watched),
        _calibrated(watched),
    ]
    return [chart for chart in drawn if chart is not None]


def _scores(watched: Watched) -> Chart | None:
    if watched.scores.empty:
        return None
    shares = np.histogram(watched.scores, bins=BARS, range=(0, 1))[0] / len(watched.scores)
    mean = float(watched.scores.mean())
    note = f"Share of the day's events by score; the dashed line is their mean, {mean:.3f}."
    return histogram("Scores", note, shares.tolist(), mean)


def _rates(night: Night, watched: Watched) -> Chart | None:
    series = {
        "predicted": _series(night, watched, "rate_predicted"),
        "observed": _series(night, watched, "rate_observed"),
    }
    return _over_days(
        night, watched, "Predicted and observed", "Mean score and share by day.", series
    )


def _ranking(night: Night, watched: Watched) -> Chart | None:
    note = "How often an event that came true had the higher score, by day; 0.5 is chance."
    return _over_days(night, watched, "AUC", note, {"AUC": _series(night, watched, "auc")})


def _over_days(
    night: Night,
    watched: Watched,
    title: str,
    note: str,
    series: Mapping[str, Sequence[float | None]],
) -> Chart | None:
    if len(watched.quality) < 2:
        return None
    return over_time(title, note, [day.isoformat() for day in _days(night, watched)], series)


def _calibrated(watched: Watched) -> Chart | None:
    if watched.known.empty:
        return None
    note = "Tenths of the settled events by score: what was said, and what came (upright)."
    return calibration_chart("Calibration", note, calibration(watched.known))


def drift_chart(watched: Watched) -> Chart | None:
    """The features that moved most, those to look at in another colour."""
    if not watched.drift:
        return None
    rows = [
        (drift.feature, drift.psi, "bad" if drift.is_above(watched.psi_alert) else "one")
        for drift in watched.drift[:SHOWN]
    ]
    note = f"Population stability index of the last {watched.psi_days} days against training data."
    return named_bars("Drift", note, rows, watched.psi_alert)


def _days(night: Night, watched: Watched) -> list[date]:
    first = watched.quality[0].day
    return [first + timedelta(days=n) for n in range((night.day - first).days)]


def _series(night: Night, watched: Watched, metric: str) -> list[float | None]:
    if not watched.quality:
        return []
    kept = {quality.day: quality.metrics.get(metric) for quality in watched.quality}
    return [kept.get(day) for day in _days(night, watched)]
