"""What came, against what was said."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipelines.core.records import Interval
from pipelines.data.partitions import checksum, run_name
from pipelines.monitoring.quality import (
    calibration,
    daily_quality,
    measure,
    point_estimate,
    score_metrics,
)

DAY, NEXT = date(2013, 10, 1), date(2013, 10, 2)


def worth(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return np.where(scores > 0.5, labels, 0.0)


def answers(
    day: date, scores: list[float], labels: list[float], version: str | None = "3"
) -> pd.DataFrame:
    """What one contender said of events 0, 1, 2, … of a day, and what was published."""
    return pd.DataFrame(
        {
            "day": day,
            "event_key": [f"{day}|{n}" for n in range(len(scores))],
            "score": scores,
            "label": labels,
            "answers": True,
            "contender": "champion" if version else "baseline",
            "model_version": version,
        }
    )


def many(n: int) -> pd.DataFrame:
    """A day of so many events, answered well."""
    generator = np.random.default_rng(1)
    scores = generator.uniform(0, 1, n)
    return answers(DAY, scores.tolist(), (generator.random(n) < scores).astype(float).tolist())


def test_every_day_is_measured_for_what_was_published_and_for_every_contender() -> None:
    kept = answers(DAY, [0.5, 0.5], [1.0, 0.0], version=None).assign(answers=False)
    scores = pd.concat(
        [
            answers(DAY, [0.9, 0.1], [1.0, 0.0]),
            kept,
            answers(NEXT, [0.5, 0.5], [1.0, np.nan], version=None),
            answers(date(2013, 10, 3), [0.5], [np.nan]),
        ]
    )

    found = {(one.day, one.subject): one.metrics for one in daily_quality(scores, worth)}

    assert list(found) == [
        (DAY, "published"),
        (DAY, "baseline"),
        (DAY, "champion 3"),
        (NEXT, "published"),
        (NEXT, "baseline"),
    ]
    assert found[DAY, "published"] == found[DAY, "champion 3"]
    assert point_estimate(found[DAY, "champion 3"]["auc"]) == 1.0
    assert point_estimate(found[DAY, "baseline"]["auc"]) == 0.5
    assert found[NEXT, "baseline"]["events"] == 1.0


def test_a_days_numbers_have_intervals_that_ten_times_the_events_make_narrower() -> None:
    (few, *_), (more, *_) = (daily_quality(many(n), worth) for n in (200, 2000))

    narrow, wide = more.metrics["log_loss"], few.metrics["log_loss"]
    assert isinstance(narrow, Interval)
    assert isinstance(wide, Interval)
    assert isinstance(few.metrics["value"], Interval)  # money is no surer than skill
    assert few.metrics["value"].low < few.metrics["value"].mid < few.metrics["value"].high
    assert wide.low <= wide.mid <= wide.high
    assert narrow.high - narrow.low < (wide.high - wide.low) / 2


def test_a_slice_is_measured_apart_for_every_contender() -> None:
    said = answers(DAY, [0.9, 0.8, 0.1, 0.2], [1.0, 0.0, 0.0, 0.0])
    scores = said.assign(origin=["EWR", "EWR", "JFK", None])

    found = {one.subject: one.metrics for one in daily_quality(scores, worth, slices=["origin"])}

    assert found["champion 3 origin=EWR"]["rate_observed"] == 0.5
    assert found["champion 3 origin=JFK"]["events"] == 1.0
    assert len(found) == 6


def test_metrics_are_those_computed_by_hand() -> None:
    metrics = measure(answers(DAY, [0.8, 0.6], [1.0, 0.0]), worth)

    assert metrics["rate_predicted"] == pytest.approx(0.7)
    assert metrics["rate_observed"] == 0.5
    assert metrics["brier"] == pytest.approx((0.04 + 0.36) / 2)
    assert metrics["log_loss"] == pytest.approx(-(np.log(0.8) + np.log(0.4)) / 2)
    assert metrics["value"] == 0.5


def test_what_is_not_defined_is_left_out() -> None:
    assert "auc" not in measure(answers(DAY, [0.8], [1.0]), worth)
    assert measure(answers(DAY, [], []), worth) == {"events": 0.0}


def test_calibration_has_bins_of_equally_many_events() -> None:
    points = calibration(answers(DAY, [0.4, 0.1, 0.2, 0.3], [1.0, 0.0, 0.0, 1.0]), bins=2)

    assert np.allclose(points, [(0.15, 0.0, 2), (0.35, 1.0, 2)])
    assert calibration(answers(DAY, [], [])) == []


def test_scores_are_told_by_their_spread() -> None:
    assert score_metrics(pd.Series([0.0, 0.5, 1.0]))["score_p50"] == 0.5
    assert score_metrics(pd.Series([], dtype=float)) == {"events": 0.0}


def test_a_checksum_is_of_the_keys_and_every_bit_of_the_scores_in_key_order() -> None:
    predictions = pd.DataFrame({"event_key": ["a", "b"], "score": [0.1, 0.2]})

    assert checksum(predictions.iloc[::-1]) == checksum(predictions)
    assert checksum(predictions.assign(score=[0.1, np.nextafter(0.2, 1)])) != checksum(predictions)
    assert checksum(predictions.assign(event_key=["a", "c"])) != checksum(predictions)


def test_a_run_is_named_after_all_of_its_parts() -> None:
    assert run_name("a", "b") == run_name("a", "b")
    assert run_name("a", "b") != run_name("a", "c")
    assert len(run_name("a")) == 20
