from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.config import EvaluateParams
from pipelines.core.records import Candidate, Candidates
from pipelines.evaluation.leakage import day_check, feature_check, readings, time_check
from pipelines.training.examples import Examples

FIRST, N_DAYS, PER_DAY = date(2013, 9, 3), 28, 600
NIGHT = FIRST + timedelta(days=N_DAYS)
PARAMS = EvaluateParams(bootstrap_samples=200, seed=1, max_feature_auc=0.8, max_day_correlation=0.8)


def days() -> np.ndarray:
    return np.repeat(np.datetime64(FIRST) + np.arange(N_DAYS), PER_DAY)


def labels(seed: int = 0) -> np.ndarray:
    """Of good and bad days, good and bad hours."""
    generator = np.random.default_rng(seed)
    lean = np.repeat(generator.normal(-1.3, 0.7, N_DAYS), PER_DAY) + 0.5 * hours(seed)
    return (generator.random(len(lean)) < 1 / (1 + np.exp(-lean))).astype("float64")


def hours(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + 99).normal(0, 1, N_DAYS * PER_DAY)


def examples(outcomes: np.ndarray | None = None, **columns: Any) -> Examples:
    outcomes = labels() if outcomes is None else outcomes
    frame = pd.DataFrame({"hour": hours(), **columns})
    kinds: Any = {n: "category" if n == "word" else "number" for n in frame}
    known_at = days().astype("datetime64[us]") + np.timedelta64(20, "h")
    return Examples(kinds, frame, outcomes, days(), known_at)


def flipped(share: float) -> np.ndarray:
    generator = np.random.default_rng(5)
    return np.where(generator.random(N_DAYS * PER_DAY) < share, 1 - labels(), labels())


def of_the_day() -> np.ndarray:
    by_day = labels().reshape(N_DAYS, PER_DAY)
    return np.repeat(by_day.mean(axis=1), PER_DAY) + hours(7) * 0.01


LEAKS: dict[str, Any] = {
    "the label": labels(),
    "the label upside down": 1 - labels(),
    "the label under noise": flipped(0.1),
    "a number that only its middle tells": np.where(labels() == 1, 0.0, hours(3) * 9),
    "a word": np.where(labels() == 1, "LATE", "ok").astype(object),
    "missing where it was late": np.where(labels() == 1, np.nan, 1.0),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_feature_that_tells_the_outcome_is_named_with_its_auc(leak: str) -> None:
    name = "word" if leak == "a word" else "code"
    leaky = examples(**{name: LEAKS[leak]})

    found = feature_check(leaky, list(readings(leaky)), PARAMS)

    assert not found.passed
    assert found.subject == name
    assert found.found > 0.8
    assert f"{name} {found.found:.3f} (" in found.reason
    assert "evaluate.max_feature_auc" in found.reason


@pytest.mark.parametrize("leak", ["the day's own rate", "the label under much noise"])
def test_what_follows_the_days_outcomes_is_found_where_no_single_event_tells(leak: str) -> None:
    leaky = examples(code=of_the_day() if leak == "the day's own rate" else flipped(0.25))

    alone = feature_check(leaky, list(readings(leaky)), PARAMS)
    by_day = day_check(leaky, list(readings(leaky)), PARAMS)

    assert alone.passed
    assert (by_day.passed, by_day.subject) == (False, "code"), by_day.reason
    assert "evaluate.max_day_correlation" in by_day.reason


def test_a_number_is_looked_at_as_yes_or_no_is() -> None:
    delays = labels() * 30 + hours(1)
    leaky = examples(delays, guess=delays + hours(2) * 5)

    found = feature_check(leaky, list(readings(leaky)), PARAMS)

    assert (found.passed, found.subject) == (False, "guess")


@pytest.mark.parametrize("seed", range(20))
def test_honest_features_pass(seed: int) -> None:
    noise = {f"x{n}": hours(seed * 100 + n) for n in range(10)}
    weekday = (days().astype("int64") % 7).astype("float64")
    honest = examples(
        labels(seed), weekday=weekday, gap=np.where(hours(seed) > 1, np.nan, 1), **noise
    )

    found = list(readings(honest))

    assert feature_check(honest, found, PARAMS).passed
    assert day_check(honest, found, PARAMS).passed


def test_an_accident_of_a_few_events_accuses_nobody() -> None:
    leaky = examples(code=flipped(0.17))
    few = leaky._only(np.arange(len(leaky.labels)) % 60 == 0)

    found = feature_check(few, list(readings(few)), PARAMS)

    assert found.found > 0.8
    assert found.passed
    assert found.reason.startswith("AUC alone: at most 0.8")


def midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time())


def candidates(until: date) -> Candidates:
    one = Candidate(
        name="linear",
        version="1",
        sha256="",
        trained_until=until,
        held_out_sha256="",
        held_out_until=until,
        golden=(),
        seconds=0,
        metrics={},
    )
    return Candidates(
        day=NIGHT, run_id="", fingerprint="", chosen="linear", reason="", first_test_day=FIRST, baseline=0.2, candidates=(one,),
    )  # fmt: skip


def test_outcomes_in_their_time_pass() -> None:
    found = time_check(examples(), candidates(FIRST - timedelta(days=2)), midnight, NIGHT)

    assert found.passed, found.reason


@pytest.mark.parametrize(
    ("hours_later", "until", "night", "word"),
    [
        (0, FIRST, NIGHT, "linear learned from days of the test"),
        (0, FIRST - timedelta(days=2), NIGHT - timedelta(days=1), "only after the night"),
        (-30, FIRST - timedelta(days=2), NIGHT, "100% of the outcomes were known before"),
    ],
)
def test_each_fault_of_time_is_said(hours_later: int, until: date, night: date, word: str) -> None:
    moved = examples()
    moved = replace(moved, known_at=moved.known_at + np.timedelta64(hours_later, "h"))

    found = time_check(moved, candidates(until), midnight, night)

    assert not found.passed
    assert word in found.reason


@pytest.mark.parametrize(("n_days", "passed"), [(4, True), (7, True), (12, False)])
def test_a_feature_that_is_there_on_a_few_days_only_is_accused_of_nothing(
    n_days: int, *, passed: bool
) -> None:
    rare = np.where(days() < np.datetime64(FIRST) + n_days, of_the_day(), np.nan)
    gusty = examples(gust=rare)

    assert day_check(gusty, list(readings(gusty)), PARAMS).passed == passed
