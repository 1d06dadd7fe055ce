from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.errors import DataError
from pipelines.metrics.bootstrap import day_weights, interval, lift, measure
from pipelines.metrics.classification import (
    METRICS,
    ScoredEvents,
    auc,
    average_precision,
    brier,
    calibration_error,
    information,
    log_loss,
    value,
)

N_DAYS = 12


def scored(seed: int = 0, n_events: int = 3000, digits: int = 2) -> ScoredEvents:
    """Calibrated scores with many ties."""
    generator = np.random.default_rng(seed)
    scores = np.round(generator.beta(2, 6, n_events), digits)
    labels = (generator.random(n_events) < scores).astype("float64")
    days = generator.integers(0, N_DAYS, n_events)
    return ScoredEvents(labels, scores, np.where(labels == 1.0, 3.0, -1.0), days, N_DAYS)


def test_every_metric_equals_its_reference_in_every_resample() -> None:
    from sklearn import metrics as reference

    events, weights = scored(), day_weights(N_DAYS, 20, seed=1)

    for row in (0, 7, 20):
        counts = weights[row][events.days]
        known = {"y_true": events.labels, "sample_weight": counts}
        assert auc(events, weights)[row] == pytest.approx(
            reference.roc_auc_score(y_score=events.scores, **known)
        )
        assert average_precision(events, weights)[row] == pytest.approx(
            reference.average_precision_score(y_score=events.scores, **known), abs=1e-6
        )
        assert log_loss(events, weights)[row] == pytest.approx(
            reference.log_loss(y_proba=events.scores, **known)
        )
        rate = np.full(len(events.labels), np.average(events.labels, weights=counts))
        assert information(events, weights)[row] == pytest.approx(
            reference.log_loss(y_proba=rate, **known)
            - reference.log_loss(y_proba=events.scores, **known)
        )
        assert brier(events, weights)[row] == pytest.approx(
            reference.brier_score_loss(y_proba=events.scores, **known)
        )
        assert value(events, weights)[row] == pytest.approx(
            np.average(events.worth, weights=counts)
        )


def test_calibrated_scores_have_almost_no_calibration_error() -> None:
    assert calibration_error(scored(n_events=50_000), np.ones((1, N_DAYS)))[0] < 0.01


def test_scores_that_are_all_too_high_have_the_calibration_error_they_deserve() -> None:
    events = scored(n_events=50_000)
    raised = ScoredEvents(
        events.labels, events.scores * 0.5 + 0.5, events.worth, events.days, N_DAYS
    )

    error = calibration_error(raised, np.ones((1, N_DAYS)))[0]

    assert error == pytest.approx((raised.scores - events.labels).mean(), abs=0.01)


def test_few_events_make_right_scores_look_no_worse_than_many() -> None:
    """The plain error of bins is 0.041 on average here, and 0.008 with 20,000 events."""
    errors = [
        calibration_error(scored(seed, n_events=600, digits=9), np.ones((1, N_DAYS)))[0] ** 2
        for seed in range(200)
    ]

    assert np.sqrt(np.mean(errors)) < 0.03
    assert np.mean(np.sqrt(errors)) < 0.02


@pytest.mark.parametrize("n_days", [1, N_DAYS])
def test_the_square_of_the_calibration_error_is_a_mean_over_pairs_that_share_no_chance(
    n_days: int,
) -> None:
    events = scored(n_events=400)
    events = ScoredEvents(
        events.labels, events.scores * 0.4, events.worth, events.days % n_days, n_days
    )
    weights = np.ones((1, 1)) if n_days == 1 else day_weights(n_days, 3, seed=2)
    edges = np.quantile(events.scores, np.linspace(0, 1, 11)[1:-1])
    bins = np.searchsorted(edges, events.scores, "right")
    errors, ties = events.labels - events.scores, events.days
    units = np.arange(400) if n_days == 1 else ties

    for row in weights:
        counts, square = row[ties], 0.0
        for one in range(10):
            mine = np.flatnonzero(bins == one)
            apart = units[mine][:, None] != units[mine]
            pairs = np.outer(counts[mine], counts[mine])[apart].sum()
            products = np.outer((counts * errors)[mine], (counts * errors)[mine])[apart].sum()
            square += counts[mine].sum() / counts.sum() * products / pairs
        found = calibration_error(events, row[None, :])[0]
        assert found == pytest.approx(np.sqrt(max(square, 0.0)))


def test_a_constant_score_ranks_like_chance() -> None:
    events = scored()
    constant = ScoredEvents(
        events.labels, np.full(len(events.labels), 0.2), events.worth, events.days, N_DAYS
    )

    samples = measure(constant, day_weights(N_DAYS, 50, seed=1))

    assert set(samples["auc"]) == {0.5}
    assert samples["average_precision"][0] == pytest.approx(events.labels.mean())


def test_whole_days_are_drawn_alike_for_every_model_and_every_time() -> None:
    weights = day_weights(N_DAYS, 50, seed=3)

    assert (weights == day_weights(N_DAYS, 50, seed=3)).all()
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == N_DAYS).all()


def test_a_model_has_no_lift_over_itself() -> None:
    samples = measure(scored(), day_weights(N_DAYS, 50, seed=3))

    assert all(lift(samples, samples, metric).high == 0.0 for metric in METRICS)


def test_lift_is_above_zero_for_the_better_model_whichever_way_the_metric_points() -> None:
    events = scored(n_events=20_000)
    noise = np.random.default_rng(4).normal(0, 0.2, len(events.scores))
    worse = ScoredEvents(
        events.labels, np.clip(events.scores + noise, 0.01, 0.99), events.worth, events.days, N_DAYS
    )
    weights = day_weights(N_DAYS, 200, seed=3)

    better, other = measure(events, weights), measure(worse, weights)

    assert all(lift(better, other, metric).low > 0 for metric in METRICS if metric != "value")


def test_days_that_rise_and_fall_together_give_a_wider_interval_than_their_events_would() -> None:
    generator = np.random.default_rng(5)
    days = np.repeat(np.arange(20), 500)
    rate = generator.uniform(0.05, 0.5, 20)[days]
    labels = (generator.random(len(days)) < rate).astype("float64")
    events = ScoredEvents(labels, np.full(len(days), 0.25), labels, days, 20)

    by_day = interval(measure(events, day_weights(20, 500, seed=1))["value"], 20)

    assert by_day.high - by_day.low > 3 * 4 * np.sqrt(0.2 / len(days))


def test_one_day_is_too_few_to_compare_on() -> None:
    with pytest.raises(DataError, match="too few"):
        day_weights(1, 100, seed=1)


def test_outcomes_that_are_all_alike_judge_nobody() -> None:
    events = scored()
    calm = ScoredEvents(
        np.zeros(len(events.labels)), events.scores, events.worth, events.days, N_DAYS
    )

    with pytest.raises(DataError, match="all alike"):
        measure(calm, day_weights(N_DAYS, 100, seed=1))


def test_resamples_without_a_positive_do_not_count() -> None:
    labels = np.array([1.0, 0.0, 0.0, 0.0])
    events = ScoredEvents(labels, np.array([0.9, 0.1, 0.2, 0.3]), labels, np.array([0, 0, 1, 2]), 3)

    band = interval(measure(events, day_weights(3, 100, seed=1))["auc"], 3)

    assert (band.low, band.mid, band.high) == (1.0, 1.0, 1.0)
