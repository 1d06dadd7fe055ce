"""The report's charts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np

from pipelines.core.records import Interval
from pipelines.metrics.task import PROBABILITIES
from pipelines.monitoring.analysis import MonitoringResult, Night
from pipelines.monitoring.earnings import Earnings
from pipelines.monitoring.expected_quality import PREFIX
from pipelines.monitoring.quality import PUBLISHED, calibration, point_estimate
from pipelines.reports.chart_rows import named_bars, whiskers
from pipelines.reports.svg_charts import (
    Chart,
    calibration_chart,
    histogram,
    over_time,
    round_span,
)

BARS = 40  # of the scores' histogram
MOST_CURVES = 2  # of evidence, the strongest first
FLOOR = 1e-9  # evidence is drawn no lower
SHOWN = 15  # features whose drift is drawn


def charts(night: Night, watched: MonitoringResult) -> list[Chart]:
    """Those for which there is something to draw."""
    drawn = [
        _scores(watched),
        _rates(night, watched),
        _loss(night, watched),
        _calibrated(watched),
        _arriving(watched),
        evidence_chart(night),
    ]
    return [chart for chart in drawn if chart is not None]


def _scores(watched: MonitoringResult) -> Chart | None:
    scores = watched.scores
    if scores.empty:
        return None
    whole = watched.task.bounds == PROBABILITIES
    span = PROBABILITIES if whole else round_span(float(scores.min()), float(scores.max()))
    shares = np.histogram(scores, bins=BARS, range=span)[0] / len(scores)
    mean = float(scores.mean())
    note = f"Share of the day's events by score; the dashed line is their mean, {mean:.3f}."
    return histogram("Scores", note, shares.tolist(), mean, span)


def _rates(night: Night, watched: MonitoringResult) -> Chart | None:
    average = watched.task.average
    series = {
        "predicted": _series(night, watched, f"{average}_predicted"),
        "observed": _series(night, watched, f"{average}_observed"),
    }
    note = f"Mean score and {average} that came, by day."
    return _over_days(night, watched, "Predicted and observed", note, series)


def _loss(night: Night, watched: MonitoringResult) -> Chart | None:
    loss = watched.task.loss
    words = watched.task.metrics[loss].words
    guesses = {
        one.day: one.estimated
        for one in watched.reconciled
        if (one.subject, one.metric) == (PUBLISHED, loss)
    }
    expected = watched.expected.get(PUBLISHED, {}).get(f"{PREFIX}{loss}")
    if expected is not None:
        guesses[night.day] = point_estimate(expected)
    note = f"{words[0].upper()}{words[1:]} of what was published, by day, and what was to be expected before it was known; lower is better."
    series = {
        "came": _series(night, watched, loss),
        "estimated": [guesses.get(day) for day in _days(night, watched)],
    }
    return _over_days(night, watched, "Quality", note, series)


def _arriving(watched: MonitoringResult) -> Chart | None:
    curve = watched.maturity
    if len(curve) < 3:  # a sentence says it
        return None
    note = "Share of a day's outcomes that were known after so many nights."
    nights = [str(one.nights) for one in curve]
    return over_time("Maturity", note, nights, {"known": [one.arrived for one in curve]})


def evidence_chart(night: Night) -> Chart | None:
    """The evidence after each settled day for the strongest lines, and how much is needed."""
    claims = night.verdict.claims[:MOST_CURVES] if night.verdict else ()
    days = sorted({day for one in claims for day, _ in one.curve})
    if len(days) < 2:
        return None
    curves = {
        one.of: {day: math.log10(max(much, FLOOR)) for day, much in one.curve} for one in claims
    }
    series: dict[str, list[float | None]] = {
        name: [curve.get(day) for day in days] for name, curve in curves.items()
    }
    series["needed"] = [math.log10(claims[0].needed)] * len(days)
    note = (
        "How sure it is after each settled day that a line is better than the champion's, in powers of "
        f"ten; at {claims[0].needed:g} it replaces it."
    )
    return over_time("Evidence", note, [day.isoformat() for day in days], series)


def _over_days(
    night: Night,
    watched: MonitoringResult,
    title: str,
    note: str,
    series: Mapping[str, Sequence[float | None]],
) -> Chart | None:
    if len(watched.quality) < 2:
        return None
    return over_time(title, note, [day.isoformat() for day in _days(night, watched)], series)


def _calibrated(watched: MonitoringResult) -> Chart | None:
    if watched.known.empty:
        return None
    note = "Tenths of the settled events by score: what was said, and what came (upright)."
    return calibration_chart("Calibration", note, calibration(watched.known))


def drift_chart(watched: MonitoringResult) -> Chart | None:
    """The features that moved most, those to look at in another colour."""
    if not watched.drift:
        return None
    rows = [
        (drift.feature, drift.psi, "bad" if drift.is_above(watched.limits.psi) else "one")
        for drift in watched.drift[:SHOWN]
    ]
    note = (
        f"Population stability index of the last {watched.limits.days} days against training data."
    )
    return named_bars("Drift", note, rows, watched.limits.psi)


def slices_chart(watched: MonitoringResult) -> Chart | None:
    """How far scores were from what came, by slice, those that are surest to be off first."""
    rows = [(f"{one.name} ({one.events:,})", one.gap, one.is_off) for one in watched.slices[:SHOWN]]
    if not rows:
        return None
    note = "Mean score less what came, with its 95 % interval over days; left of 0 too little was said."
    return whiskers("Slices", note, rows)


def earnings_chart(earnings: Earnings | None) -> Chart | None:
    """What each week was worth more than each opponent would have been, with its interval."""
    if earnings is None:
        return None
    rows = [
        (f"{week.first:%d %b}, over {name}", gain, gain.high < 0)
        for week in earnings.weeks
        for name, gain in week.gains.items()
        if isinstance(gain, Interval) and gain.low < gain.high
    ]
    if not rows:
        return None
    note = "How much more what was published was worth, with its 95 % interval over days; left of 0 it was worth less."
    return whiskers("Value by week", note, rows)


def _days(night: Night, watched: MonitoringResult) -> list[date]:
    first = watched.quality[0].day if watched.quality else night.day
    return [first + timedelta(days=n) for n in range((night.day - first).days + 1)]


def _series(night: Night, watched: MonitoringResult, metric: str) -> list[float | None]:
    if not watched.quality:
        return []
    kept = {one.day: one.metrics[metric] for one in watched.quality if metric in one.metrics}
    return [point_estimate(kept[day]) if day in kept else None for day in _days(night, watched)]
