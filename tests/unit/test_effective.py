from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.config import Params, read_params
from pipelines.data.effective_settings import (
    embargo_days,
    judged_days,
    refetch_days,
    settled_days,
    trailing_days,
)
from pipelines.define.problem import Problem
from pipelines.problem import PROBLEM
from pipelines.training.selection import split_days

DAY = date(2013, 10, 1)
PARAMS: Params = read_params(Path(__file__).parents[2] / "params.yaml")
MATURITIES = st.integers(0, 90)


def maturing(days: int) -> Problem:
    return replace(PROBLEM, label_maturity_days=days)


def test_without_a_maturity_every_number_is_what_params_yaml_says() -> None:
    problem = maturing(0)
    yesterday = DAY - timedelta(days=1)

    assert embargo_days(PARAMS.train, problem) == PARAMS.train.embargo_days
    assert refetch_days(PARAMS.ingest, problem) == PARAMS.ingest.refetch_days
    week_before = DAY - timedelta(days=PARAMS.settle.lookback_days)
    assert settled_days(DAY, PARAMS.settle, problem) == (week_before, yesterday)
    month_before = DAY - timedelta(days=PARAMS.monitor.lookback_days)
    assert judged_days(DAY, PARAMS.monitor, problem) == (month_before, yesterday)


@given(MATURITIES, st.integers(0, 10), st.integers(1, 60))
def test_what_is_trained_on_was_complete_when_the_first_test_day_was_scored(
    maturity: int, gap: int, test_days: int
) -> None:
    problem = maturing(maturity)
    params = PARAMS.train.model_copy(update={"embargo_days": gap})

    split = split_days(problem.last_mature_day(DAY), test_days, embargo_days(params, problem))

    assert split.last_train <= problem.last_mature_day(split.first_test)
    assert (split.first_test - split.last_train).days > gap


@given(MATURITIES)
def test_no_day_is_settled_or_judged_before_its_outcomes_are_complete(maturity: int) -> None:
    problem = maturing(maturity)
    complete = problem.last_mature_day(DAY)

    assert settled_days(DAY, PARAMS.settle, problem)[1] == complete
    assert judged_days(DAY, PARAMS.monitor, problem)[1] == complete
    assert trailing_days(DAY, 28, problem) == (complete - timedelta(days=27), complete)


@given(MATURITIES, st.integers(1, 10))
def test_facts_are_asked_for_again_as_long_as_they_are_settled(maturity: int, days: int) -> None:
    problem = maturing(maturity)
    ingest = PARAMS.ingest.model_copy(update={"refetch_days": days})
    settle = PARAMS.settle.model_copy(update={"lookback_days": days})

    oldest_asked = DAY - timedelta(days=refetch_days(ingest, problem))

    assert settled_days(DAY, settle, problem)[0] == oldest_asked
    assert oldest_asked <= problem.last_mature_day(DAY)
