"""How far scores are from outcomes that are numbers: the metrics of a regression, as in classification.py."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipelines.metrics.classification import Metric, ScoredEvents, mean, value


def mae(scored: ScoredEvents, weights: np.ndarray) -> np.ndarray:
    """Mean absolute error, in the label's unit; the median minimises it (Gneiting 2011)."""
    return mean(scored, weights, np.abs(scored.scores - scored.labels))


def rmse(scored: ScoredEvents, weights: np.ndarray) -> np.ndarray:
    """Root of the mean squared error, in the label's unit; the mean minimises it (Gneiting 2011)."""
    return np.asarray(np.sqrt(mean(scored, weights, (scored.scores - scored.labels) ** 2)))


def bias(scored: ScoredEvents, weights: np.ndarray) -> np.ndarray:
    """Mean of score less label, in the label's unit; above 0 the scores are too high."""
    return mean(scored, weights, scored.scores - scored.labels)


def r2(scored: ScoredEvents, weights: np.ndarray) -> np.ndarray:
    """Share of the labels' variance that the scores explain; below 0 their mean would be nearer.

    The coefficient of determination (Wright 1921), about the mean of each resample.
    """
    centred = scored.labels - scored.labels.mean()  # large labels would cancel
    missed = mean(scored, weights, (scored.scores - scored.labels) ** 2)
    varied = mean(scored, weights, centred**2) - mean(scored, weights, centred) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(varied > 0, 1 - missed / varied, np.nan)


def rank_correlation(scored: ScoredEvents, weights: np.ndarray) -> np.ndarray:
    """Whether higher scores go with higher labels (Spearman 1904); 0 for a score that never changes.

    Ranks are those of the whole sample, ties share theirs.
    """
    said, came = _ranks(scored.scores), _ranks(scored.labels)
    said_mean, came_mean = mean(scored, weights, said), mean(scored, weights, came)
    together = mean(scored, weights, said * came) - said_mean * came_mean
    said_varied = mean(scored, weights, said**2) - said_mean**2
    came_varied = mean(scored, weights, came**2) - came_mean**2
    if np.ptp(said) == 0:
        return np.zeros(len(weights))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(together / np.sqrt(said_varied * came_varied))


def _ranks(amounts: np.ndarray) -> np.ndarray:
    """Ranks from −1 to 1 around 0."""
    from scipy.stats import rankdata

    return np.asarray(2 * rankdata(amounts) / (len(amounts) + 1) - 1)


METRICS: Mapping[str, Metric] = {
    "rmse": Metric("RMSE", rmse, "lower"),
    "mae": Metric("MAE", mae, "lower"),
    "r2": Metric("R²", r2),
    "rank_correlation": Metric("rank correlation", rank_correlation),
    "bias": Metric("bias", bias, "nearer 0"),
    "value": Metric("value per event", value),
}
