"""The baseline that `score` falls back on, and the gate's: one computation, held against pandas."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.adapters.lake.lake import LocalLake
from pipelines.evaluation.compare import baseline_scores
from pipelines.training.examples import Examples
from pipelines.training.trailing import trailing_levels
from tests.integration.learning import FIRST, PROBLEM, REGRESSION, rides

LAST = FIRST + timedelta(days=50)


def land(lake: LocalLake, facts: pd.DataFrame, night: date | None = None) -> None:
    for day, rows in facts.groupby("day"):
        columns = rows[["day", "ride", "delay", "known_at"]]
        table = pa.Table.from_pandas(columns, preserve_index=False)
        table = table.set_column(0, "day", table["day"].cast(pa.date32()))
        table = table.set_column(3, "known_at", table["known_at"].cast(pa.timestamp("us")))
        lake.write("accepted/rides", day, table, night=night)  # type: ignore[arg-type]


@pytest.fixture
def facts() -> pd.DataFrame:
    """Seven weeks of rides; every fifth is known two days later than it ended."""
    made = pd.concat([rides(FIRST + timedelta(days=n)) for n in range(50)], ignore_index=True)
    late = made.index % 5 == 0
    return made.assign(known_at=made["known_at"] + pd.to_timedelta(np.where(late, 48, 0), "h"))


@pytest.mark.parametrize("problem", [PROBLEM, REGRESSION], ids=["binary", "regression"])
@pytest.mark.parametrize("maturity", [0, 3])
def test_the_level_of_a_day_is_that_of_the_last_28_mature_days_as_known_then(
    tmp_path: Path, facts: pd.DataFrame, problem: object, maturity: int
) -> None:
    asked = replace(problem, label_maturity_days=maturity)  # type: ignore[type-var]
    land(lake := LocalLake(tmp_path), facts)
    days = [FIRST + timedelta(days=n) for n in (6, 29, 40)]

    levels = trailing_levels(days, asked, lake)  # type: ignore[arg-type]

    for day in days:
        last = day - timedelta(days=1 + maturity)
        window = facts["day"].between(last - timedelta(days=27), last)
        midnight = pd.Timestamp(day).tz_localize("America/New_York").tz_convert(None)
        delay = facts.loc[window & (facts["known_at"] < midnight), "delay"].dropna()
        late = (delay >= 10).sum()
        expected = (late + 1) / (len(delay) + 2) if problem is PROBLEM else delay.mean()
        assert levels[day].outcomes == len(delay)
        assert levels[day].level == pytest.approx(expected)


def test_a_correction_counts_from_the_night_that_saw_it(
    tmp_path: Path, facts: pd.DataFrame
) -> None:
    land(lake := LocalLake(tmp_path), facts)
    corrected = facts.loc[facts["day"] == FIRST + timedelta(days=20)].assign(delay=20.0)
    land(lake, corrected, night=FIRST + timedelta(days=30))
    before, after = (FIRST + timedelta(days=n) for n in (29, 30))

    levels = trailing_levels([before, after], PROBLEM, lake)

    land(other := LocalLake(tmp_path / "other"), facts)
    untouched = trailing_levels([before, after], PROBLEM, other)
    assert levels[before] == untouched[before]
    assert levels[after].level > untouched[after].level


def test_the_gates_baseline_says_of_every_test_day_what_score_would_have(
    tmp_path: Path, facts: pd.DataFrame
) -> None:
    land(lake := LocalLake(tmp_path), facts)
    days = np.array(["2013-02-10", "2013-02-12", "2013-02-10"], "datetime64[D]")
    known = np.array(["2013-02-14"] * 3, "datetime64[us]")
    examples = Examples({}, pd.DataFrame(index=range(3)), np.ones(3), days, known)

    scores = baseline_scores(examples, 0.25, PROBLEM, lake)

    tenth, twelfth = (
        one.level
        for one in trailing_levels([date(2013, 2, 10), date(2013, 2, 12)], PROBLEM, lake).values()
    )
    assert scores["training-rate"].tolist() == [0.25, 0.25, 0.25]
    assert scores["trailing-rate"].tolist() == [tenth, twelfth, tenth]
    assert tenth != twelfth
