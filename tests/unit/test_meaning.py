"""A feature's hash follows what it means, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pipelines.define.features import (
    Column,
    DimensionJoin,
    FeatureSet,
    LatestAsOf,
    PeerCount,
    RowFeature,
    Window,
    WindowedAggregation,
)
from pipelines.define.problem import Problem
from pipelines.features.meaning import meanings
from pipelines.problem import PROBLEM


def speed(distance: Column) -> Column:
    """Miles a minute."""
    return distance / 60


def hurry(speed: Column, seats: Column) -> Column:
    """Needs another feature, and a column of a lookup."""
    return speed * seats


def late(arr_delay: Column) -> Column:
    """Fifteen minutes or more."""
    return arr_delay >= 15.0


PLANES = DimensionJoin("planes", ("tailnum",), {"seats": "seats"})
LATE = WindowedAggregation(
    "flights",
    late,
    by=(("carrier",), ("carrier", "origin")),
    days=(7, Window(28, 7)),
    prior_weight=10,
)
WEATHER = LatestAsOf("weather", ("origin",), ("wind",), max_age_hours=6)
CROWD = PeerCount("busy", ("origin", "hurry"), "How many.")
DECLARED = FeatureSet(
    columns={"distance": "Miles.", "seats": "Of the plane."},
    rows=(speed, hurry),
    lookups=(PLANES,),
    crowds=(CROWD,),
    history=(LATE,),
    latest=(WEATHER,),
)
RATE = "late_smoothed_rate_7d_by_carrier"
OF_HISTORY = {one.name for one in LATE.features()}


def problem(**changes: object) -> Problem:
    return replace(PROBLEM, features=replace(DECLARED, **changes))  # type: ignore[arg-type]


def changed(other: Problem) -> set[str]:
    """The features of both that do not mean the same."""
    before, after = meanings(problem()), meanings(other)
    return {name for name in before.keys() & after.keys() if before[name] != after[name]}


def faster() -> RowFeature:
    def speed(distance: Column) -> Column:
        """Miles an hour, under the old name."""
        return distance / 60 * 1000

    return speed


def the_same() -> RowFeature:
    minutes = 20 + 40

    def speed(distance: Column) -> Column:
        """Written in another way, with another entry in the dictionary."""
        # and a comment
        made = distance / minutes
        return made  # noqa: RET504

    return speed


def later() -> RowFeature:
    def late(arr_delay: Column) -> Column:
        """Thirty minutes or more, under the old name."""
        return arr_delay >= 30.0

    return late


def test_every_feature_has_a_hash_and_each_its_own() -> None:
    made = meanings(problem())

    assert tuple(made) == DECLARED.names
    assert len(set(made.values())) == len(made)
    assert all(len(one) == 16 for one in made.values())


def test_layout_comments_entries_and_names_of_helpers_change_nothing() -> None:
    assert changed(problem(rows=(the_same(), hurry))) == set()


def test_what_is_declared_beside_a_feature_changes_nothing() -> None:
    def more(distance: Column) -> Column:
        """Another."""
        return distance + 1

    fewer = replace(DECLARED, columns={"distance": "Miles."}, rows=(more, hurry, speed), latest=())
    assert changed(replace(PROBLEM, features=fewer)) == set()
    assert changed(problem(history=(replace(LATE, days=(7, 14, Window(28, 7))),))) == set()


CHANGES: dict[str, tuple[Callable[[], Problem], set[str]]] = {
    "a constant, and all that is made of it": (
        lambda: problem(rows=(faster(), hurry)),
        {"speed", "hurry", "busy"},
    ),
    "the column of a lookup": (
        lambda: problem(lookups=(replace(PLANES, take={"seats": "engines"}),)),
        {"seats", "hurry", "busy"},
    ),
    "the table of a lookup": (
        lambda: problem(lookups=(replace(PLANES, table="jets"),)),
        {"seats", "hurry", "busy"},
    ),
    "the key of a lookup": (
        lambda: problem(lookups=(replace(PLANES, by=("carrier",)),)),
        {"seats", "hurry", "busy"},
    ),
    "the keys of a crowd": (lambda: problem(crowds=(replace(CROWD, by=("origin",)),)), {"busy"}),
    "the value of a history": (
        lambda: problem(history=(replace(LATE, value=later()),)),
        {name for name in OF_HISTORY if "rate" in name},
    ),
    "how much a history is smoothed": (
        lambda: problem(history=(replace(LATE, prior_weight=11),)),
        {name for name in OF_HISTORY if "smoothed" in name},
    ),
    "the facts of a history": (
        lambda: problem(history=(replace(LATE, table="rides"),)),
        {name for name in OF_HISTORY if "rate" in name},  # a count is named after its table
    ),
    "the age of the latest": (
        lambda: problem(latest=(replace(WEATHER, max_age_hours=7),)),
        {"weather_wind"},
    ),
    "the keys of the latest": (
        lambda: problem(latest=(replace(WEATHER, by=("carrier",)),)),
        {"weather_wind"},
    ),
    "the clock of the latest": (
        lambda: problem(latest=(replace(WEATHER, at="known_at"),)),
        {"weather_wind"},
    ),
    "the key, of which one outcome counts": (
        lambda: replace(problem(), key=(*PROBLEM.key, "distance")),
        {name for name in OF_HISTORY if "rate" in name or "count" in name},
    ),
    "the zone": (
        lambda: replace(problem(), zone="Europe/Berlin"),
        OF_HISTORY | {"weather_wind"},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_declaration_has_another_hash(change: str) -> None:
    other, expected = CHANGES[change]

    assert changed(other()) == expected
