"""Drift is what is further away than weeks of the training data are from each other."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from pipelines.monitoring.drift import (
    Drift,
    chance_index,
    feature_drift,
    share_beyond,
    spread_blocks,
    stability_index,
)


def frame(values: object) -> pd.DataFrame:
    return pd.DataFrame({"x": values})


def drift_of(then: list[pd.DataFrame], now: pd.DataFrame) -> Drift:
    (found,) = feature_drift(then, [now], ["x"])
    return found


def weeks(n: int, shift: float = 0.0) -> list[pd.DataFrame]:
    generator = np.random.default_rng(7)
    return [frame(generator.normal(shift, 1, 1000)) for _ in range(n)]


def test_the_index_is_the_one_computed_by_hand() -> None:
    """Shares 1/2, 1/2 then and 3/4, 1/4 now: (1/4) ln(3/2) − (1/4) ln(1/2) = (1/4) ln 3."""
    then, now = np.array([99999.5, 99999.5]), np.array([149999.5, 49999.5])

    assert stability_index(then, now) == pytest.approx(0.25 * math.log(3), rel=1e-6)


def test_equal_shares_have_no_distance_and_an_empty_bin_no_infinite_one() -> None:
    assert stability_index(np.array([5, 5]), np.array([5, 5])) == 0.0
    assert math.isfinite(stability_index(np.array([10, 0]), np.array([0, 10])))


def test_chance_explains_more_when_there_are_fewer_events() -> None:
    """(1/1000 + 1/1000) times 27.88, the 99.9 % quantile of χ² with 9 degrees of freedom."""
    assert chance_index(1000, 1000, 10) == pytest.approx(0.05576, rel=0.01)
    assert chance_index(1000, 10, 10) > 2


def test_a_stable_world_has_not_drifted() -> None:
    *then, now = weeks(6)

    assert not drift_of(then, now).is_above(0.01)


def test_a_shifted_world_has() -> None:
    assert drift_of(weeks(9), weeks(1, shift=1.0)[0]).is_above(0.25)


def test_what_weeks_differ_by_anyhow_is_no_drift() -> None:
    """A value for each week, as weather is: this week's is new, and nothing is unusual about that."""
    then = [frame(np.full(1000, float(level))) for level in range(8)]

    strange = drift_of(then, frame(np.full(1000, 3.0)))

    assert strange.psi > 0.25
    assert not strange.is_above(0.25)


def test_what_always_moves_much_is_not_the_strongest() -> None:
    restless = Drift("weather", psi=8.5, usual=7.3, missing_then=0, missing_now=0)
    calm = Drift("distance", psi=0.5, usual=0.01, missing_then=0, missing_now=0)

    assert restless.strength(0.25) < 1.2 < calm.strength(0.25)


def test_a_few_events_prove_nothing() -> None:
    few = drift_of(weeks(5), weeks(1, shift=1.0)[0].head(5))

    assert few.psi > 0.25
    assert not few.is_above(0.25)


def test_values_that_go_missing_have_drifted() -> None:
    now = weeks(1)[0].mask(np.arange(1000)[:, None] % 2 == 0)

    found = drift_of(weeks(9), now)

    assert found.is_above(0.25)
    assert (found.missing_then, found.missing_now) == (0.0, 0.5)


def test_a_category_that_training_never_saw_has_drifted() -> None:
    then = [frame(["UA", "AA"] * 500) for _ in range(9)]

    assert drift_of(then, frame(["UA", "ZZ"] * 500)).is_above(0.25)
    assert drift_of(then, frame(["AA", "UA"] * 500)).psi < 0.01


def test_a_constant_that_changes_has_drifted_upwards_as_well() -> None:
    then = [frame([1.0] * 100) for _ in range(9)]

    assert drift_of(then, frame([2.0] * 100)).is_above(0.25)
    assert drift_of(then, frame([1.0] * 100)).psi == 0.0


def test_a_feature_that_was_always_missing_is_compared_too() -> None:
    nothing = frame(np.full(100, np.nan))

    assert drift_of([nothing] * 9, nothing).psi == 0.0
    assert drift_of([nothing] * 9, frame(np.ones(100))).is_above(0.25)


def test_without_training_days_or_events_there_is_no_drift() -> None:
    assert feature_drift([], [frame([1.0])], ["x"]) == ()
    assert feature_drift([frame([1.0])], [frame([])], ["x"]) == ()


def test_the_feature_that_moved_most_comes_first() -> None:
    then = pd.DataFrame({"still": [1, 2] * 50, "moved": [1, 2] * 50})
    now = pd.DataFrame({"still": [1, 2] * 50, "moved": [2, 2] * 50})

    assert [d.feature for d in feature_drift([then], [now], ["still", "moved"])] == [
        "moved",
        "still",
    ]


@pytest.mark.parametrize("count", [0, 3, 7, 13, 20, 100, 364])
def test_blocks_are_whole_weeks_that_do_not_overlap(count: int) -> None:
    blocks = spread_blocks(count, 7)

    assert all(one.stop <= other.start for one, other in pairwise(blocks))
    assert all(0 <= block.start < block.stop <= count for block in blocks)
    assert len(blocks) == (min(20, count // 7) if count >= 7 else min(1, count))


# Worlds that move for a reason


DAYS, PER_DAY, FEATURES = 179, 40, 11
NAMES = [f"f{number}" for number in range(FEATURES)]


def levels(kind: str, days: int, seed: int) -> np.ndarray:
    """The mean of each feature on each day; the events of one day share its weather."""
    generator = np.random.default_rng(seed)
    day, phase = np.arange(days)[:, None], generator.uniform(0, 2 * np.pi, FEATURES)
    weather = generator.normal(0, 0.3, (days, FEATURES))
    patterns = {
        "stationary": np.zeros((days, FEATURES)),
        "weekly": np.sin(2 * np.pi * day / 7 + phase),
        "yearly": 1.5 * np.sin(2 * np.pi * day / 365 + phase),
        "trending": day * np.full(FEATURES, 0.01),
    }
    return weather + patterns[kind]


def a_world(kind: str, days: int, seed: int = 5) -> list[pd.DataFrame]:
    generator = np.random.default_rng(seed + 1)
    means = levels(kind, days, seed)[:, None, :]
    values = means + generator.normal(0, 1, (days, PER_DAY, FEATURES))
    return [pd.DataFrame(of_day, columns=NAMES) for of_day in values]


def moved(days: list[pd.DataFrame]) -> list[str]:
    """Features with an alarm on the last of the days, of which the night reads the last 179."""
    past, recent = days[-DAYS:-7], days[-7:]
    blocks = [pd.concat(past[one.start : one.stop]) for one in spread_blocks(len(past), 7)]
    return [one.feature for one in feature_drift(blocks, recent, NAMES) if one.is_above(0.25)]


@pytest.mark.parametrize("kind", ["stationary", "weekly", "yearly", "trending"])
def test_what_its_own_past_explains_is_an_alarm_on_one_night_in_twenty_at_most(kind: str) -> None:
    days = a_world(kind, 60 + 80)

    nights = [bool(moved(days[:until])) for until in range(60, 140, 2)]

    assert sum(nights) <= 0.05 * len(nights)


@pytest.mark.parametrize("kind", ["stationary", "weekly", "yearly", "trending"])
def test_another_unit_is_an_alarm_on_its_first_night(kind: str) -> None:
    days = a_world(kind, 100)
    days[-1] = days[-1].assign(f3=days[-1]["f3"] * 100)

    assert moved(days) == ["f3"]


def test_another_unit_is_an_alarm_without_any_history_to_speak_of() -> None:
    days = a_world("stationary", 14)
    days[-1] = days[-1].assign(f3=days[-1]["f3"] * 100)

    assert moved(days) == ["f3"]


def test_a_feature_that_leaves_its_level_for_a_week_is_an_alarm() -> None:
    days = a_world("stationary", DAYS)
    shifted = [one.assign(f3=one["f3"] + 2) for one in days[-7:]]

    assert moved([*days[:-7], *shifted]) == ["f3"]


def test_too_little_history_explains_nothing_and_raises_no_alarm() -> None:
    found = drift_of(weeks(3), weeks(1, shift=1.0)[0])

    assert found.psi > 0.25
    assert found.usual is None
    assert not found.is_above(0.25)


def test_blocks_after_training_are_neither_compared_with_nor_an_excuse() -> None:
    """The world moved three weeks ago, and the model learned before that."""
    blocks = [*weeks(9), *weeks(2, shift=1.0)]
    recent = weeks(1, shift=1.0)

    (old,) = feature_drift(blocks, recent, ["x"], unlearned=2)

    assert old.is_above(0.25)


def test_texts_and_constants_have_no_scale() -> None:
    assert share_beyond(pd.Series(["a"]), pd.Series(["b"])) == 0.0
    assert share_beyond(pd.Series([1.0, 1.0]), pd.Series([500.0])) == 0.0
    assert share_beyond(pd.Series([0.0, 1.0]), pd.Series([2.0, 2.1, -1.1, np.nan])) == 2 / 3
