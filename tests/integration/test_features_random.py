"""Random declarations over random small worlds: the engine against the slow reference."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import inf, nan
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from slow_reference import Reference, Row, midnight
from small_world import World

from pipelines.define.aggregations import WEIGHED, Measure
from pipelines.define.features import Column, FeatureSet, Window, WindowedAggregation
from tests.integration.flights import PROBLEM

N_DAYS = 9
ZONES = {  # each with a day about which the clocks, or the calendar, do something odd
    "America/New_York": date(2013, 3, 10),
    "Europe/Berlin": date(2013, 10, 27),
    "Asia/Kathmandu": date(2013, 3, 10),
    "Australia/Lord_Howe": date(2013, 4, 7),
    "America/Sao_Paulo": date(2013, 10, 20),
    "Pacific/Apia": date(2011, 12, 30),
    "UTC": date(2012, 2, 29),
}
SCHEMA = pa.schema(
    [
        ("day", pa.date32()),
        ("a", pa.string()),
        ("b", pa.int16()),
        ("flag", pa.bool_()),
        ("amount", pa.float64()),
        ("units", pa.int32()),
        ("word", pa.string()),
        ("started_at", pa.timestamp("us")),
        ("known_at", pa.timestamp("us")),
    ]
)
ALWAYS: tuple[Measure, ...] = ("count", "distinct", "last", "days_since")
NUMBERS: tuple[Measure, ...] = (*ALWAYS, "sum", "mean", "min", "max")
KEYS = ((), ("a",), ("b",), ("a", "b"), ("b", "a"))
SPANS = (1, 2, 3, 8, 400, Window(4, half_life=1), Window(8, half_life=3))


def flag_value(flag: Column) -> Column:
    """A yes or no."""
    return flag


def amount_value(amount: Column) -> Column:
    """A number, or none, or one that is no number."""
    return amount


def units_value(units: Column) -> Column:
    """A whole number."""
    return units


def word_value(word: Column) -> Column:
    """A word."""
    return word


VALUES: dict[Callable[..., Column], tuple[Measure, ...]] = {
    flag_value: (*NUMBERS, "rate"),
    amount_value: NUMBERS,
    units_value: NUMBERS,
    word_value: ALWAYS,
}


@dataclass(frozen=True)
class Small:
    """A small world: what happened, and what is asked of it."""

    zone: str
    facts: tuple[Row, ...]
    missing: frozenset[int]  # days without events, and some without a partition of facts
    histories: tuple[WindowedAggregation, ...]
    alone: int

    @property
    def first(self) -> date:
        return ZONES[self.zone] - timedelta(days=4)

    def day(self, n: int) -> date:
        return self.first + timedelta(days=n)

    @property
    def asked(self) -> list[date]:
        return [self.day(n) for n in range(1, N_DAYS) if n not in self.missing]


def some(*values: object) -> st.SearchStrategy[object]:
    return st.sampled_from(values)


FACT = st.fixed_dictionaries(
    {
        "n": st.integers(0, N_DAYS - 1),
        "a": some("x", "y", None),
        "b": some(1, 2, None),
        "flag": some(True, False, None),
        "amount": some(
            0.0, -0.0, 0.5, 2.5, -1.5, 1e9, 0.1, -1e-4, None, nan, inf, -inf, 2.0**53, -1e300
        ),
        "units": some(0, 3, -7, 2**31 - 1, None),
        "word": some("", "one", "two", "Zwei", None),
        "started": some(0, 60, 61, None),
        # Minutes since its day began: before, at the very start or end, hours later, days later.
        "known": some(-900, 0, 600, 1439, 1440, 1500, 3000, 5000, 20000, None),
    }
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[WindowedAggregation, ...]:
    found = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=2, unique=True))
    return apart(*(draw(a_history(value)) for value in found))


@st.composite
def a_history(draw: st.DrawFn, value: Callable[..., Column]) -> WindowedAggregation:
    def several(values: Sequence[object]) -> tuple[object, ...]:
        return tuple(draw(st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)))

    measures = several(VALUES[value])
    weighs = WEIGHED.intersection(measures) - {"count"}
    return WindowedAggregation(
        "visits",
        value,
        by=several(KEYS),
        days=several(SPANS if weighs else SPANS[:5]),
        functions=measures,
        at=draw(st.sampled_from(["known_at", "started_at"])),
        prior_weight=draw(st.sampled_from([0, 3])) if {"mean", "rate"} & set(measures) else 0,
    )


@st.composite
def worlds(draw: st.DrawFn) -> Small:
    zone = draw(st.sampled_from(list(ZONES)))
    small = Small(zone, (), draw(st.frozensets(st.integers(1, N_DAYS - 2))), draw(histories()), 0)
    facts = tuple(dated(small, one) for one in draw(st.lists(FACT, max_size=30)))
    return replace(small, facts=facts, alone=draw(st.integers(0, len(small.asked) - 1)))


def dated(small: Small, drawn: Row) -> Row:
    day = small.day(drawn["n"])
    opens = midnight(day, small.zone)
    times = {
        at: None if drawn[minutes] is None else opens + timedelta(minutes=drawn[minutes])
        for at, minutes in (("known_at", "known"), ("started_at", "started"))
    }
    return drawn | times | {"day": day}


def apart(*histories: WindowedAggregation) -> tuple[WindowedAggregation, ...]:
    """What is told of facts, whatever their value, is asked once."""
    first, *rest = histories
    once = [
        replace(one, functions=tuple(m for m in one.functions if m not in ("count", "days_since")))
        for one in rest
        if set(one.functions) - {"count", "days_since"}
    ]
    return (first, *once)


FLAGS = WindowedAggregation(
    "visits", flag_value, by=KEYS, days=SPANS, functions=VALUES[flag_value], prior_weight=3
)
AMOUNTS = replace(FLAGS, value=amount_value, functions=NUMBERS)
WORDS = WindowedAggregation(
    "visits", word_value, by=KEYS, days=SPANS[:5], functions=ALWAYS, at="started_at"
)
CROWDED = tuple(
    {
        "n": n % N_DAYS,
        "a": ("x", "y", None, "x")[n % 4],
        "b": (1, 2, None, 1, 1)[n % 5],
        "flag": (True, False, None)[n % 3],
        "amount": (2.5, -0.0, inf, 0.1, nan, -0.3, -1e300)[n % 7],
        "units": (3, None, -7)[n % 3],
        "word": ("one", "two", "")[n % 3],
        "started": (60, 61, None, 60)[n % 4],
        "known": (1440, 600, 3000, -900, 1439, 20000)[n // 2 % 6],
    }
    for n in range(90)
)


def crowded(zone: str, *histories: WindowedAggregation) -> Small:
    """Facts on every day, several with the same key."""
    small = Small(zone, (), frozenset({3}), apart(*histories), alone=5)
    return replace(small, facts=tuple(dated(small, one) for one in CROWDED))


# Not made smaller when it fails: that takes minutes, and a world is printed whole anyway.
@settings(
    max_examples=20,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(small=worlds())
@example(small=crowded("America/New_York", FLAGS, WORDS))
@example(small=crowded("Pacific/Apia", AMOUNTS))
def test_every_history_equals_the_slow_reference(small: Small) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = landed(small, Path(folder) / "all", small.asked)

        world.night(small.asked[-1])

        for day in small.asked:
            assert_equal(world.table(day), expected(small, day))
        alone = landed(small, Path(folder) / "alone", [small.asked[small.alone]])
        alone.night(small.asked[small.alone])
        made, same = alone.files("features"), world.files("features")
        assert made
        assert made.items() <= same.items()


def landed(small: Small, root: Path, asked: Sequence[date]) -> World:
    features = FeatureSet(columns={}, history=small.histories)
    problem = replace(
        PROBLEM,
        zone=small.zone,
        first_day=small.first,
        events="guests",
        key=("guest",),
        features=features,
    )
    world = World(root, problem)
    kept = [small.day(n) for n in range(N_DAYS)]
    rows = {day: [one for one in small.facts if one["day"] == day] for day in kept}
    there = [day for n, day in enumerate(kept) if n == 0 or rows[day] or n not in small.missing]
    facts = {day: pa.Table.from_pylist(rows[day], SCHEMA) for day in there}
    world.land({"guests": {day: guests(day) for day in asked}, "visits": facts})
    return world


def guests(day: date) -> pa.Table:
    """Everybody there could be: of every key, of a key that nobody has seen, and of none."""
    rows = [(a, b) for a in ("x", "y", "z", None) for b in (1, 2, 3, None)]
    columns = {"day": pa.array([day] * len(rows), pa.date32()), "guest": range(len(rows))}
    return pa.table(
        columns
        | {"a": pa.array([a for a, _ in rows]), "b": pa.array([b for _, b in rows], pa.int16())}
    )


def expected(small: Small, day: date) -> list[dict[str, object]]:
    references = [
        Reference(one, one.name.removesuffix("_value"), small.facts, small.zone)
        for one in small.histories
    ]
    events = guests(day).to_pylist()
    return [
        {name: value for one in references for name, value in one.tells(event, day).items()}
        for event in events
    ]


def assert_equal(table: pd.DataFrame, rows: list[dict[str, object]]) -> None:
    """Exactly; only sums of fractions, weights and what is drawn toward a parent may differ by how
    doubles round.
    """
    for name in rows[0]:
        found = [None if pd.isna(one) else one for one in table[name]]
        wanted = [row[name] for row in rows]
        rounded = name.startswith(("amount_value_sum", "amount_value_mean"))
        if rounded or "_smoothed_" in name or "_half_" in name:
            found = [nan if one is None else one for one in found]
            wanted = pytest.approx(
                [nan if one is None else one for one in wanted],
                1e-15 if rounded else 1e-12,
                nan_ok=True,
            )
        assert found == wanted, name
