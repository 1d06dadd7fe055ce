"""The suites of what stages make: nothing is quarantined there, so what cannot be is critical."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipelines.adapters.great_expectations import GxValidator
from pipelines.data.expectations import Suite
from pipelines.problem.features import FEATURES

VALIDATOR = GxValidator(Path(__file__).parents[2] / "expectations")


def broken(suite: str, frame: pd.DataFrame) -> list[tuple[str, str]]:
    return [(r.severity, r.rule) for r in VALIDATOR.judge(suite, frame) if not r.passed]


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
