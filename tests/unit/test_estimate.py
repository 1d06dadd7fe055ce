"""What is expected before outcomes come is what comes, as long as scores mean what they meant."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from pipelines.core.records import Interval
from pipelines.metrics.performance_estimation import (
    LabelledScores,
    estimate_numbers,
    estimate_probabilities,
    expected_auc,
)
from pipelines.metrics.task import BINARY, REGRESSION
from pipelines.monitoring.expected_quality import Reconciled, estimate_day, reconcile
from pipelines.monitoring.quality import measure, point_estimate
from pipelines.problem.value import value

DAY = date(2013, 10, 1)
NOTHING = LabelledScores(np.empty(0), np.empty(0))


def ended(chance: np.ndarray, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(len(chance)) < chance).astype(float)


def came(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    found = measure(pd.DataFrame({"score": scores, "label": labels}), value, BINARY)
    return {name: point_estimate(amount) for name, amount in found.items()}


def test_calibrated_scores_tell_their_own_quality() -> None:
    chance = np.random.default_rng(1).beta(1.5, 4, 50_000)

    expected = estimate_probabilities(chance, NOTHING, value)

    found = came(chance, ended(chance, 2))
    for metric in ("rate_observed", "log_loss", "brier", "auc"):
        assert expected[metric] == pytest.approx(found[metric], abs=0.01)
    assert expected["value"] == pytest.approx(found["value"], rel=0.05)


def test_scores_that_say_too_much_are_corrected_by_what_came_lately() -> None:
    chance = np.random.default_rng(1).beta(1.5, 4, 50_000)
    said = np.sqrt(chance)
    before, now = np.arange(25_000), np.arange(25_000, 50_000)
    labels = ended(chance, 2)

    expected = estimate_probabilities(
        said[now], LabelledScores(said[before], labels[before]), value
    )
    trusting = estimate_probabilities(said[now], NOTHING, value)

    found = came(said[now], labels[now])
    assert expected["log_loss"] == pytest.approx(found["log_loss"], abs=0.01)
    assert expected["rate_observed"] == pytest.approx(found["rate_observed"], abs=0.01)
    assert trusting["rate_observed"] > found["rate_observed"] + 0.1


def test_days_that_are_harder_are_expected_to_be() -> None:
    generator = np.random.default_rng(1)
    plain, mixed = generator.beta(1, 12, 10_000), generator.beta(8, 8, 10_000)

    easy, hard = (estimate_probabilities(one, NOTHING, value) for one in (plain, mixed))

    assert hard["log_loss"] > easy["log_loss"] + 0.2


def test_the_expected_auc_is_the_mean_over_all_ways_to_end() -> None:
    """Three events, eight ways; each way counts by its pairs."""
    scores, chance = np.array([0.2, 0.5, 0.5]), np.array([0.3, 0.6, 0.4])
    wins = pairs = 0.0
    for way in range(8):
        labels = np.array([(way >> n) & 1 for n in range(3)])
        weight = np.prod(np.where(labels == 1, chance, 1 - chance))
        for up in np.flatnonzero(labels == 1):
            for down in np.flatnonzero(labels == 0):
                gap = scores[up] - scores[down]
                wins += weight * (1.0 if gap > 0 else 0.5 if gap == 0 else 0.0)
                pairs += weight

    assert expected_auc(scores, chance) == pytest.approx(wins / pairs)
    assert np.isnan(expected_auc(np.array([0.5]), np.array([0.5])))


def test_numbers_are_expected_to_err_as_such_numbers_did() -> None:
    """Large numbers err more; today there are more of them."""
    generator = np.random.default_rng(1)
    before, now = generator.uniform(0, 10, 20_000), generator.uniform(8, 10, 5_000)
    labels = before + 1 + generator.normal(0, 1, len(before)) * before
    truth = now + 1 + generator.normal(0, 1, len(now)) * now

    expected = estimate_numbers(now, LabelledScores(before, labels), value)

    assert expected["rmse"] == pytest.approx(np.sqrt(np.mean((truth - now) ** 2)), rel=0.08)
    assert expected["bias"] == pytest.approx(-1, abs=0.3)
    assert expected["mean_observed"] == pytest.approx(truth.mean(), abs=0.5)


def test_of_numbers_nothing_is_expected_before_enough_have_settled() -> None:
    assert REGRESSION.estimate(np.ones(9), LabelledScores(np.ones(99), np.ones(99)), value) == {}


def kept(day: date, metric: str, number: float, subject: str = "published") -> dict[str, object]:
    return {"day": day, "subject": subject, "metric": metric, "value": number}


def test_an_estimate_meets_what_came_of_the_same_day_and_subject() -> None:
    measured = pd.DataFrame(
        [
            kept(DAY, "estimated_auc", 0.7),
            kept(DAY, "auc", 0.65),
            kept(DAY, "auc", 0.5, "baseline"),
            kept(DAY + timedelta(days=1), "estimated_auc", 0.7),
        ]
    )

    (found,) = reconcile(measured)

    assert (found.day, found.subject, found.metric) == (DAY, "published", "auc")
    assert found.error == pytest.approx(-0.05)


def test_the_band_is_as_wide_as_earlier_estimates_were_wrong() -> None:
    generator = np.random.default_rng(3)
    scores = pd.DataFrame(
        {"event_key": list("abcd"), "score": [0.1, 0.2, 0.3, 0.4], "answers": True}
    ).assign(contender="champion", model_version="3")
    errors = generator.normal(0, 0.1, 20)
    past = [
        Reconciled(DAY - timedelta(days=n), "published", "log_loss", 0.5, 0.5 + error)
        for n, error in enumerate(errors)
    ]
    lately = scores.iloc[:0].assign(label=1.0)

    found = estimate_day(scores, lately, value, BINARY, past)

    band = found["published"]["estimated_log_loss"]
    assert isinstance(band, Interval)
    assert band.high - band.mid == pytest.approx(2.1 * np.sqrt(np.mean(errors**2)), rel=0.05)
    assert isinstance(found["champion 3"]["estimated_log_loss"], float)
