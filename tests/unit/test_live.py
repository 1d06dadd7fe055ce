"""What was published is compared with what came: an alarm has a size and is no chance."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from pipelines.define.problem import Problem
from pipelines.monitoring.published_quality import find_live
from pipelines.problem import PROBLEM

DAY = date(2013, 10, 1)
NUMBERS: Problem = replace(PROBLEM, task="regression", value=None)


def lived(days: int, odds: float, seed: int = 4, rho: float = 0.3) -> pd.DataFrame:
    """Calm and stormy days in turn, with scores whose odds are `odds` times those of the world."""
    generator = np.random.default_rng(seed)
    parts, weather = [], 0.0
    for n in range(days):
        weather = rho * weather + np.sqrt(1 - rho**2) * generator.normal(0, 0.4)
        truth = generator.normal(-1.4, 0.8, 200)
        came = generator.random(200) < 1 / (1 + np.exp(-truth - weather))
        said = 1 / (1 + np.exp(-truth - np.log(odds)))
        parts.append(
            pd.DataFrame({"day": DAY + timedelta(days=n), "score": said, "label": came * 1.0})
        )
    return pd.concat(parts, ignore_index=True)


def test_everything_came_where_a_fifth_was_predicted() -> None:
    known = lived(3, 1.0).assign(label=1.0)

    assert find_live(known, PROBLEM).is_off


def test_odds_that_are_twice_as_high_are_off_within_two_weeks_and_odds_that_are_right_are_not() -> (
    None
):
    found = [find_live(lived(14, 2.5, seed), PROBLEM).is_off for seed in range(40)]

    assert np.mean(found) > 0.8


def test_honest_scores_are_no_alarm_on_19_of_20_nights_however_many_days_are_known() -> None:
    """The days' weather persists, and scores know nothing of it."""
    nights = [
        find_live(rows.loc[rows["day"] < DAY + timedelta(days=n)], PROBLEM).is_off
        for rows in (lived(28, 1.0, seed) for seed in range(40))
        for n in range(1, 29, 3)
    ]

    assert np.mean(nights) < 0.05


def test_a_small_error_that_is_sure_is_no_alarm() -> None:
    live = find_live(lived(28, 1.2, rho=0.0).assign(label=lambda r: r["score"] * 0.9), PROBLEM)

    assert live.gap is not None
    assert live.gap.low > 0
    assert not live.is_off


def test_one_day_is_never_sure() -> None:
    live = find_live(lived(1, 1.0).assign(label=1.0), PROBLEM)

    assert (live.gap, live.is_off, live.apart > 1) == (None, False, True)


def test_acting_on_scores_that_are_much_too_high_is_worth_less_than_doing_nothing() -> None:
    known = lived(14, 30.0, rho=0.0).assign(label=0.0)

    assert find_live(known, PROBLEM).is_wasteful
    assert not find_live(lived(14, 1.0), PROBLEM).is_wasteful
    assert not find_live(known, replace(PROBLEM, value=None)).is_wasteful


def test_a_loss_is_no_alarm_while_chance_explains_it_or_it_hardly_matters() -> None:
    live = find_live(lived(14, 30.0, rho=0.0).assign(label=0.0), PROBLEM)
    assert live.gain is not None

    assert live.is_wasteful
    assert not replace(live, wasted=0.9).is_wasteful
    assert not replace(live, gain=live.gain.model_copy(update={"high": 0.1})).is_wasteful


@pytest.mark.parametrize(("shift", "off"), [(0.0, False), (1.0, True)])
def test_numbers_are_off_by_deviations(shift: float, off: bool) -> None:
    generator = np.random.default_rng(1)
    truth = generator.normal(10, 2, 1400)
    days = [DAY + timedelta(days=n // 100) for n in range(1400)]
    known = pd.DataFrame({"day": days, "score": truth + shift, "label": truth})

    assert find_live(known, NUMBERS).is_off is off


def test_without_outcomes_there_is_nothing_to_say() -> None:
    live = find_live(lived(2, 1.0).iloc[:0], PROBLEM)

    assert not live.is_off
    assert not live.is_wasteful
