"""What a history tells: each measure over a handful of facts, by both of its queries."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.core.errors import ConfigError
from pipelines.define.features import Column, FeatureSet, Window, WindowedAggregation
from pipelines.features import day_tables as calendar
from pipelines.features.daily_aggregates import totals_query
from pipelines.features.ports import Engine
from pipelines.features.query import features_query
from pipelines.features.scope import TableSchemas

DAY = date(2013, 10, 1)
Fact = tuple[int, str | None, float | None]  # day of September, key, value
FACTS: list[Fact] = [
    (28, "a", 10.0),
    (29, "a", None),
    (30, "a", 20.0),
    (30, "a", 31.0),
    (30, "b", 7.0),
    (30, None, 99.0),
]


def delay(arr_delay: Column) -> Column:
    """Minutes late."""
    return arr_delay


def late(arr_delay: Column) -> Column:
    """Whether it was late."""
    return arr_delay > 15


def place(where: Column) -> Column:
    """Where it was."""
    return where


def facts_of(*facts: Fact) -> pa.Table:
    days = [date(2013, 9, day) for day, _, _ in facts]
    return pa.table(
        {
            "day": pa.array(days, pa.date32()),
            "who": pa.array([who for _, who, _ in facts], pa.string()),
            "where": pa.array([f"place {day}" for day, _, _ in facts], pa.string()),
            "arr_delay": pa.array([value for _, _, value in facts], pa.float64()),
            "known_at": [midnight(day) + timedelta(hours=12) for day in days],
        }
    )


def midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time())


def told(
    engine: Engine, history: WindowedAggregation, facts: pa.Table, where: str = "place 30"
) -> dict[str, list[object]]:
    """The features of one day's events, whose keys are a, b, one nobody knows, and none."""
    declared = FeatureSet(columns={}, history=(history,))
    whose = pa.array(["a", "b", "x", None], pa.string())
    events = pa.table({"day": pa.array([DAY] * 4, pa.date32()), "who": whose, "n": range(4)})
    events = events.append_column("where", pa.array([where] * 4))
    shape = TableSchemas("events", ("n",), {"events": events.schema, "facts": facts.schema})
    days = [DAY - timedelta(days=n) for n in range(history.longest, 0, -1)]
    tables = {
        "facts": facts,
        calendar.PARTITIONS: calendar.partition_days(days, midnight, history.longest),
        calendar.LOCAL_DAYS: calendar.local_days(days[0], DAY, midnight),
    }
    totals = engine.run(totals_query(declared, history, shape), tables)
    inputs = {
        "events": events,
        calendar.DAYS: calendar.scored_days([DAY], midnight, history.windows),
        calendar.AGES: calendar.ages(history.windows),
        calendar.HISTORY + history.name: totals,
    }
    return engine.run(features_query(declared, shape), inputs).to_pydict()


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("count", [4.0, 1.0, 0.0, 0.0]),
        ("sum", [61.0, 7.0, 0.0, 0.0]),
        ("mean", [61 / 3, 7.0, None, None]),
        ("min", [10.0, 7.0, None, None]),
        ("max", [31.0, 7.0, None, None]),
        ("distinct", [3.0, 1.0, 0.0, 0.0]),
        ("last", [31.0, 7.0, None, None]),  # of the two known at the same time the larger
        ("days_since", [1.0, 1.0, None, None]),
    ],
)
def test_each_measure_is_of_the_facts_in_its_window(
    engine: Engine, measure: str, expected: list[float | None]
) -> None:
    history = WindowedAggregation("facts", delay, by=(("who",),), days=(3,), functions=(measure,))

    found = told(engine, history, facts_of(*FACTS))

    assert found[history.features()[0].name] == expected


def test_sums_and_means_of_fractions_are_those_of_pandas_in_any_order(engine: Engine) -> None:
    rng = np.random.default_rng(5)
    shares = [*rng.random(200), *(rng.normal(size=200) * 10.0 ** rng.integers(-3, 12, size=200))]
    facts: list[Fact] = [
        (int(day), who, float(value))
        for day, who, value in zip(
            rng.integers(28, 31, size=400), rng.choice(["a", "b"], size=400), shares, strict=True
        )
    ]
    history = WindowedAggregation(
        "facts", delay, by=(("who",), ()), days=(3, 1), functions=("sum", "mean")
    )

    found = told(engine, history, facts_of(*facts))

    frame = pd.DataFrame(facts, columns=["day", "who", "value"])
    for days in (3, 1):
        values = frame[frame["day"] > 30 - days].groupby("who")["value"]
        sums, sizes = values.agg(math.fsum), values.size()
        for n, who in enumerate(["a", "b"]):
            assert found[f"delay_sum_{days}d_by_who"][n] == pytest.approx(sums[who], 5e-16)
            assert found[f"delay_mean_{days}d_by_who"][n] == pytest.approx(
                values.mean()[who], 1e-12
            )
            assert found[f"delay_mean_{days}d_by_who"][n] == pytest.approx(
                sums[who] / sizes[who], 5e-16
            )
    assert told(engine, history, facts_of(*reversed(facts))) == found


def test_a_value_counts_to_the_last_of_62_binary_places(engine: Engine) -> None:
    history = WindowedAggregation("facts", delay, by=(("who",),), days=(3,), functions=("sum",))
    facts = facts_of((29, "a", 2.0**-62), (30, "a", -3 * 2.0**-62), (30, "b", 2.0**-64))

    assert told(engine, history, facts)["delay_sum_3d_by_who"] == [-(2.0**-61), 0.0, 0.0, 0.0]


def test_sums_beyond_53_bits_are_rounded_as_doubles_are(engine: Engine) -> None:
    days = (3, Window(3, half_life=9))
    history = WindowedAggregation("facts", delay, by=(("who",),), days=days, functions=("sum",))
    facts = facts_of((30, "a", -(2.0**53)), (30, "a", -2.0), (30, "b", 19030075067865.0))

    found = told(engine, history, facts)

    assert found["delay_sum_3d_by_who"][:2] == [-(2.0**53 + 2), 19030075067865.0]
    millionths = [-(2**53 + 2) * 10**6, 19030075067865 * 10**6]
    assert found["delay_sum_3d_half_9d_by_who"][:2] == [float(one) / 1e6 for one in millionths]


def test_all_measures_stand_side_by_side_and_each_window_has_its_own(engine: Engine) -> None:
    history = WindowedAggregation(
        "facts",
        delay,
        by=(("who",), ()),
        days=(3, 1),
        functions=("mean", "count", "min", "distinct", "last", "days_since"),
    )

    found = told(engine, history, facts_of(*FACTS))

    assert list(found)[3:] == [one.name for one in history.features()]
    assert found["delay_mean_1d_by_who"] == [25.5, 7.0, None, None]
    assert found["delay_mean_3d_by_who"] == [61 / 3, 7.0, None, None]
    assert found["facts_count_1d_by_who"] == [2.0, 1.0, 0.0, 0.0]
    assert found["delay_min_1d_by_who"] == [20.0, 7.0, None, None]
    assert found["delay_distinct_1d_by_who"] == [2.0, 1.0, 0.0, 0.0]


def test_without_a_key_it_is_of_everybody_also_of_those_without_a_name(engine: Engine) -> None:
    history = WindowedAggregation("facts", late, by=((),), days=(3,))

    found = told(engine, history, facts_of(*FACTS))

    assert found["late_rate_3d"] == [3 / 5] * 4
    assert found["facts_count_3d"] == [6.0] * 4


@pytest.mark.parametrize("odd", [float("inf"), -float("inf"), float("nan"), 2.0**53 + 2, -1e300])
def test_a_number_that_is_not_finite_or_beyond_exactness_is_no_value(
    engine: Engine, odd: float
) -> None:
    measures = ("count", "sum", "mean", "min", "max", "distinct", "last")
    history = WindowedAggregation("facts", delay, by=(("who",),), days=(3,), functions=measures)

    found = told(engine, history, facts_of((29, "a", 5.0), (30, "a", odd)))

    assert [found[one.name][0] for one in history.features()] == [2.0, *[5.0] * 3, 5.0, 1.0, 5.0]


def test_words_have_a_last_one_and_different_ones(engine: Engine) -> None:
    history = WindowedAggregation(
        "facts", place, by=(("who",),), days=(3,), functions=("last", "distinct")
    )

    found = told(engine, history, facts_of(*FACTS))

    assert found["place_last_3d_by_who"] == ["place 30", "place 30", None, None]
    assert found["place_distinct_3d_by_who"] == [3.0, 1.0, 0.0, 0.0]


def test_the_last_is_of_the_newest_time_that_is_asked_for(engine: Engine) -> None:
    facts = facts_of((29, "a", 1.0), (30, "a", 2.0), (30, "a", 3.0))
    started = [midnight(DAY) - timedelta(hours=hours) for hours in (5, 30, 31)]
    facts = facts.append_column("started_at", pa.array(started, pa.timestamp("us")))
    history = WindowedAggregation(
        "facts", delay, by=(("who",),), days=(3,), functions=("last",), at="started_at"
    )

    assert told(engine, history, facts)["delay_last_3d_by_who"][0] == 1.0


def test_zero_has_one_spelling(engine: Engine) -> None:
    measures = ("min", "max", "distinct", "last")
    history = WindowedAggregation("facts", delay, by=(("who",),), days=(3,), functions=measures)

    found = told(engine, history, facts_of((29, "a", 0.0), (30, "a", -0.0)))

    spelt = [str(found[one.name][0]) for one in history.features()]
    assert spelt == ["0.0", "0.0", "1.0", "0.0"]


@pytest.mark.parametrize(
    ("value", "measure", "message"),
    [
        (delay, "rate", "'rate' of a value that is number; that is for boolean"),
        (place, "mean", "'mean' of a value that is text"),
        (place, "max", "'max' of a value that is text"),
    ],
)
def test_a_measure_that_does_not_suit_its_value_is_refused(
    engine: Engine, value: object, measure: str, message: str
) -> None:
    history = WindowedAggregation("facts", value, by=(("who",),), days=(3,), functions=(measure,))

    with pytest.raises(ConfigError, match=message):
        told(engine, history, facts_of(*FACTS))


def test_older_days_count_less_by_half_each_half_life(engine: Engine) -> None:
    measures = ("count", "sum", "mean")
    fading = Window(3, half_life=1)
    history = WindowedAggregation(
        "facts", delay, by=(("who",),), days=(fading, 1), functions=measures
    )

    found = told(engine, history, facts_of(*FACTS))

    assert found["facts_count_3d_half_1d_by_who"] == [2 + 1 / 2 + 1 / 4, 1.0, 0.0, 0.0]
    assert found["delay_sum_3d_half_1d_by_who"] == [51 + 10 / 4, 7.0, 0.0, 0.0]
    assert found["delay_mean_3d_half_1d_by_who"] == [(51 + 10 / 4) / (2 + 1 / 4), 7.0, None, None]
    assert found["delay_mean_1d_by_who"] == [25.5, 7.0, None, None]


def test_a_thin_key_is_drawn_toward_its_parent_and_that_toward_everybody(engine: Engine) -> None:
    history = WindowedAggregation(
        "facts",
        delay,
        by=(("who", "where"),),
        days=(3,),
        functions=("mean", "count"),
        prior_weight=2,
    )
    facts = facts_of(*FACTS)
    here = facts.set_column(2, "where", pa.array(["here"] * 5 + ["there"], pa.string()))

    found = told(engine, history, here, where="here")

    everybody = (10 + 20 + 31 + 7 + 99) / 5
    a, b = (10 + 20 + 31 + 2 * everybody) / 5, (7 + 2 * everybody) / 3
    drawn = [(61 + 2 * a) / 5, (7 + 2 * b) / 3, everybody, everybody]
    assert found["delay_smoothed_mean_3d_by_who_where"] == pytest.approx(drawn)
    assert found["facts_count_3d_by_who_where"] == [3.0 + 1.0, 1.0, 0.0, 0.0]


def test_where_nobody_knows_anything_there_is_nothing_to_be_drawn_toward(engine: Engine) -> None:
    history = WindowedAggregation(
        "facts", late, by=(("who",),), days=(3,), functions=("rate",), prior_weight=9
    )

    found = told(engine, history, facts_of((30, "a", None)))

    assert found["late_smoothed_rate_3d_by_who"] == [None] * 4
