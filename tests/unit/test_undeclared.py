"""Labels that take longer than declared are found, and those that do not are left alone, in simulated worlds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.adapters.lake.lake import LocalLake
from pipelines.core.records import FeatureTable
from pipelines.problem import PROBLEM
from pipelines.training.label_delay import Lags, advise, curve, find_delay, read_lags

Nights = Callable[[np.random.Generator, np.ndarray], np.ndarray]  # of labels: nights until known
NEVER = 10**6


@dataclass(frozen=True)
class World:
    """Events of some days; the rate of each day is its own, as in storms."""

    nights: Nights
    days: int = 120
    a_day: int = 60
    rate: float = 0.15
    told: float = 1.0  # share of the events of which the source tells anything
    storms: float = 0.0  # share of the days on which it tells of half of them

    def seen(self, seed: int, night: int = 0) -> Lags:
        """What a night knows; a later `night` of the same world has more days behind it."""
        rng = np.random.default_rng(seed)
        n_days = self.days + night
        chance = np.clip(self.rate * rng.gamma(4, 0.25, n_days), 0.01, 0.9)
        told = np.where(rng.random(n_days) < self.storms, self.told / 2, self.told)
        day = np.repeat(np.arange(n_days), self.a_day)
        high = rng.random(len(day)) < chance[day]
        nights = np.where(rng.random(len(day)) < told[day], self.nights(rng, high), NEVER)
        age = n_days - day
        recent = age <= self.days
        known = (nights <= age)[recent]
        ages = np.arange(1, self.days + 1)
        return Lags(
            age=age[recent][known],
            nights=nights[recent][known],
            high=high[recent][known],
            day_age=ages,
            events=np.full(self.days, self.a_day),
            known=np.bincount(age[recent], weights=known, minlength=self.days + 1)[1:],
        )


def next_night(rng: np.random.Generator, high: np.ndarray) -> np.ndarray:
    return np.ones(len(high), dtype=int)


def after_midnight(rng: np.random.Generator, high: np.ndarray) -> np.ndarray:
    """Flights: of the late ones 18 % land after midnight, of the others 5 %."""
    return 1 + (rng.random(len(high)) < np.where(high, 0.18, 0.05))


def stragglers(rng: np.random.Generator, high: np.ndarray) -> np.ndarray:
    """2 in 100 take a week, whatever they are."""
    return np.where(rng.random(len(high)) < 0.02, 8, 1)


def long_stragglers(rng: np.random.Generator, high: np.ndarray) -> np.ndarray:
    """3 in 100 take two months, whatever they are."""
    return np.where(rng.random(len(high)) < 0.03, 61, 1)


def returned(rng: np.random.Generator, high: np.ndarray) -> np.ndarray:
    """Returned after 1 to 10 days, kept on day 14."""
    return np.where(high, rng.integers(2, 12, len(high)), 15)


def defaulted(rng: np.random.Generator, high: np.ndarray) -> np.ndarray:
    """What goes well is known at once, what goes wrong after a month."""
    return np.where(high, 31, 1)


def half_a_day(rng: np.random.Generator, high: np.ndarray) -> np.ndarray:
    """Of what went well a third is known a night later; of the rest nothing is."""
    return np.where(~high & (rng.random(len(high)) < 0.4), 2, 1)


def one_in_ten(rng: np.random.Generator, high: np.ndarray) -> np.ndarray:
    """Of what went well one in ten is known after a month."""
    return np.where(~high & (rng.random(len(high)) < 0.1), 31, 1)


def slow_for_all(rng: np.random.Generator, high: np.ndarray) -> np.ndarray:
    return rng.integers(1, 8, len(high))


HONEST = [
    World(next_night),
    World(after_midnight),
    World(after_midnight, days=364, a_day=100),
    World(after_midnight, days=30, a_day=20),
    World(stragglers),
    World(long_stragglers, days=240, a_day=20, rate=0.1),
    World(next_night, told=0.97, storms=0.1),
    World(next_night, told=0.97, storms=0.3),
    World(after_midnight, a_day=5, rate=0.05),
    World(next_night, days=12, a_day=4),
]


@pytest.mark.parametrize("world", HONEST, ids=range(len(HONEST)))
def test_labels_that_come_in_time_are_refused_in_no_night_of_a_year(world: World) -> None:
    found = [
        find_delay(world.seen(seed, night), 0) for seed in range(8) for night in range(0, 365, 5)
    ]

    assert not any(found), next(filter(None, found))


LATE = [
    (World(returned, rate=0.08), 14),
    (World(returned, rate=0.08, days=60, a_day=20), 14),
    (World(returned, rate=0.08, days=364), 14),
    (World(defaulted, rate=0.08), 30),
    (World(defaulted, rate=0.08, days=45), 30),
    (World(half_a_day), 1),
    (World(one_in_ten), 30),
    (World(slow_for_all), 6),
]


@pytest.mark.parametrize(("world", "takes"), LATE, ids=range(len(LATE)))
def test_labels_that_take_longer_are_found_and_the_advice_can_be_followed(
    world: World, takes: int
) -> None:
    for seed in range(12):
        lags = world.seen(seed)

        assert find_delay(lags, 0)
        advised = advise(lags, 0)
        assert advised == takes
        assert not find_delay(lags, advised)


@pytest.mark.parametrize(("world", "takes"), LATE, ids=range(len(LATE)))
def test_what_is_declared_is_refused_in_no_night_of_a_year(world: World, takes: int) -> None:
    found = [
        find_delay(world.seen(seed, night), takes)
        for seed in range(4)
        for night in range(0, 365, 9)
    ]

    assert not any(found), next(filter(None, found))


@pytest.mark.parametrize("declared", [1, 5, 10, 13])
def test_too_little_is_not_enough(declared: int) -> None:
    lags = World(returned, rate=0.08).seen(1)

    assert find_delay(lags, declared)
    assert advise(lags, declared) == 14


def test_a_history_that_was_known_at_once_hides_nothing() -> None:
    """The rows that were loaded say that they were known in time; those since come when they come."""
    lags = World(next_night, days=60).seen(1)
    young = lags.age <= 14
    kept = young & ~lags.high
    lags = Lags(
        lags.age[~kept],
        lags.nights[~kept],
        lags.high[~kept],
        lags.day_age,
        lags.events,
        lags.known - np.bincount(lags.age[kept], minlength=61)[1:],
    )

    why = find_delay(lags, 0)

    assert "of the events of the last 3 days used" in why
    assert advise(lags, 0) == 14
    assert not find_delay(lags, 14)


def test_the_curve_tells_what_is_known_of_each_class_after_how_many_days() -> None:
    lags = World(returned, rate=0.2).seen(1)

    told = curve(lags, 14)

    assert "0 days after the event 0% of label 0 and 0% of label 1" in told
    assert "10 days after the event 0% of label 0 and 100% of label 1" in told
    assert told.endswith("14 days after the event 100% of label 0 and 100% of label 1")
    assert "21 days" not in told


def test_few_events_say_nothing() -> None:
    assert not find_delay(World(defaulted, days=18, a_day=3).seen(1), 0)
    nothing = World(next_night, days=30).seen(1)
    empty = np.empty(0, dtype=int)
    assert not find_delay(Lags(empty, empty, empty.astype(bool), empty, empty, empty), 0)
    assert not find_delay(nothing, 29)


def test_a_night_that_is_run_again_counts_no_outcome_that_came_after_it(tmp_path: Path) -> None:
    problem = replace(
        PROBLEM,
        key=("number",),
        outcomes="ends",
        zone="America/Los_Angeles",
        outcome=lambda ends: pd.DataFrame({"label": ends["went"], "excluded": None}),
    )
    lake, first, night = LocalLake(tmp_path), date(2025, 1, 1), date(2025, 1, 4)
    features, numbers = [], list(range(10))
    for day in (first, first + timedelta(days=1), first + timedelta(days=2)):
        events = {"day": pa.array([day] * 10), "number": pa.array(numbers)}
        features.append(lake.write("features", day, pa.table(events)))
        late = problem.cutoff(night) if day > first else problem.cutoff(day + timedelta(days=1))
        at = pa.array([late] * 4 + [late - timedelta(minutes=1)] * 6, pa.timestamp("us"))
        ends = events | {"went": pa.array([1.0] * 4 + [0.0] * 6), "known_at": at}
        lake.write("accepted/ends", day, pa.table(ends))
    table = FeatureTable(
        day=night, names=(), partition=features[-1], history=tuple(features), fingerprint=""
    )

    lags = read_lags(night, problem, table, lake)

    assert lags.known.tolist() == [6, 6, 10]  # the youngest day first
    assert sorted(lags.nights[lags.age == 3].tolist()) == [1] * 6 + [2] * 4
    assert set(lags.nights[lags.age == 1].tolist()) == {1}
