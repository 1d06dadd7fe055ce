"""What of a night's watching is kept as numbers."""

from __future__ import annotations

from collections import defaultdict

from pipelines.core.records import Amount
from pipelines.evaluation.testset import SUBJECT as JUDGED
from pipelines.monitoring.analysis import MonitoringResult
from pipelines.monitoring.quality import PUBLISHED, point_estimate, score_metrics


def night_metrics(watched: MonitoringResult, days: int) -> dict[str, dict[str, Amount]]:
    """Metrics of the day itself: its scores and features, what to expect of its answers, and how
    everybody has done lately.
    """
    metrics: defaultdict[str, dict[str, Amount]] = defaultdict(dict)
    metrics["scores"].update(score_metrics(watched.scores))
    for drift in watched.drift:
        usual = {} if drift.usual is None else {"psi_usual": drift.usual}
        metrics[drift.feature].update({"psi": drift.psi, **usual})
    for subject, expected in watched.expected.items():
        metrics[subject].update(expected)
    for standing in (*watched.standings, *watched.shares):
        metrics[standing.subject].update(standing.named(days))
    if watched.judged is not None:
        metrics[JUDGED].update(watched.judged.metrics)
    return metrics


def summary(watched: MonitoringResult, days: int) -> dict[str, float]:
    """What the night's record tells of it."""
    worst = max((drift.psi for drift in watched.drift), default=None)
    lately = {f"{name}_{days}d": point_estimate(value) for name, value in watched.pooled.items()}
    expected = watched.expected.get(PUBLISHED, {})
    drifted = {"psi_max": worst, "features_drifted": float(len(watched.drifted))}
    return {
        **score_metrics(watched.scores),
        **{name: point_estimate(value) for name, value in expected.items()},
        **lately,
        **{name: value for name, value in drifted.items() if value is not None},
    }
