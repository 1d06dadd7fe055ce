"""The suites of what stages make: nothing is quarantined there, so what cannot be is critical."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.adapters.gx import GxValidator
from pipelines.methods.suite import Suite
from pipelines.problem.features import FEATURES

VALIDATOR = GxValidator(Path(__file__).parents[2] / "expectations")


def broken(suite: str, frame: pd.DataFrame) -> list[tuple[str, str]]:
    return [(r.severity, r.rule) for r in VALIDATOR.judge(suite, frame) if not r.passed]


def predictions(*scores: float) -> pd.DataFrame:
    keys = [f"2013-10-01|UA|{n}|EWR|515" for n in range(len(scores))]
    return pd.DataFrame({"event_key": keys, "score": np.array(scores, dtype="float64")})


def test_good_predictions_meet_every_rule() -> None:
    assert not broken("predictions", predictions(0.0, 0.25, 1.0))


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        (predictions(), "expect_table_row_count_to_be_between"),
        (predictions(0.5, np.nan), "expect_column_values_to_not_be_null(score)"),
        (predictions(0.5, np.inf), "expect_column_values_to_be_between(score)"),
        (predictions(0.5, -0.01), "expect_column_values_to_be_between(score)"),
        (
            predictions(0.5, 0.5).assign(event_key="x"),
            "expect_column_values_to_be_unique(event_key)",
        ),
        (predictions(0.5).assign(event_key=None), "expect_column_values_to_not_be_null(event_key)"),
    ],
)
def test_predictions_that_may_not_be_published_are_critical(frame: pd.DataFrame, rule: str) -> None:
    assert ("critical", rule) in broken("predictions", frame)


def the_features_suite() -> Suite:
    suite = VALIDATOR.suite("features")
    assert suite is not None
    return suite


def test_the_features_suite_names_only_features_and_the_names_of_events() -> None:
    named = {column for rule in the_features_suite().rules for column in rule.columns}

    assert named <= {*FEATURES.names, "day", "cutoff", "flight", "sched_dep_time"}


def test_every_numeric_feature_has_limits() -> None:
    limits = {"expect_column_values_to_be_between", "expect_column_values_to_be_in_set"}
    limited = {rule.columns[0] for rule in the_features_suite().rules if rule.type in limits}

    assert set(FEATURES.names) - limited == {"carrier", "origin", "dest"}
