"""The engine's features against a slow reference: one row at a time, in plain Python and pandas."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from small_world import Tables, a_world, flights, midnight

from pipelines.problem.features import FEATURES

KEYS = {
    "carrier": ["carrier"],
    "origin": ["origin"],
    "dest": ["dest"],
    "origin_dest": ["origin", "dest"],
    "tailnum": ["tailnum"],
    "carrier_flight": ["carrier", "flight"],
    "origin_hour": ["origin", "hour"],
}
SPRING, AUTUMN = date(2013, 3, 10), date(2013, 11, 3)


@pytest.mark.parametrize("clocks_change", [SPRING, AUTUMN, date(2013, 7, 4)])
def test_every_feature_equals_the_slow_reference(tmp_path: Path, clocks_change: date) -> None:
    first = clocks_change - timedelta(days=33)
    tables = flights(first, 36, seed=clocks_change.month)
    world = a_world(tmp_path, tables)
    asked = [clocks_change + timedelta(days=n) for n in (-27, -5, -1, 0, 1, 2)]

    world.night(max(asked))

    for day in asked:
        expected = reference(tables, day)
        pd.testing.assert_frame_equal(
            world.table(day)[list(FEATURES.names)], expected, check_dtype=False, check_exact=True
        )


def test_no_feature_of_the_reference_worlds_is_constant(tmp_path: Path) -> None:
    world = a_world(tmp_path, flights(date(2013, 5, 1), 36))

    made = world.night(date(2013, 6, 5))

    rows = world.lake.read([*made.history, made.partition]).to_pandas()
    assert [name for name in FEATURES.names if rows[name].nunique(dropna=False) < 2] == []


def reference(tables: Tables, day: date) -> pd.DataFrame:
    """The features of a day's events in key order, by definition and without any query."""
    events = tables["schedule"][day]
    events = events.sort_values(["carrier", "flight", "origin", "sched_dep_time"])
    facts = known_facts(tables, day)
    rows = [one_event(tables, facts, events, event) for _, event in events.iterrows()]
    return pd.DataFrame(rows, columns=list(FEATURES.names))


def known_facts(tables: Tables, day: date) -> pd.DataFrame:
    landed = [frame for known, frame in tables["flights"].items() if known < day and len(frame)]
    facts = pd.concat(landed)
    facts = facts[facts["known_at"] < midnight(day)]
    return facts.assign(hour=facts["sched_dep_time"] // 100)


def one_event(
    tables: Tables, facts: pd.DataFrame, events: pd.DataFrame, event: pd.Series
) -> dict[str, object]:
    day = event["day"]
    departure, arrival = event["sched_dep_time"], event["sched_arr_time"]
    planes = tables["planes"][max(known for known in tables["planes"] if known <= day)]
    plane = planes[planes["tailnum"] == event["tailnum"]]
    plane = plane.iloc[0] if len(plane) else {"year": None, "seats": None, "engines": None}
    row = {name: event[name] for name in ("carrier", "origin", "dest", "distance")}
    row |= {
        "seats": plane["seats"],
        "engines": plane["engines"],
        "weekday": day.isoweekday(),
        "weekend": int(day.isoweekday() in (6, 7)),
        "hour": departure // 100,
        "arrival_hour": arrival // 100,
        "clock_minutes": (clock(arrival) - clock(departure)) % 1440,
        "plane_age": None if pd.isna(plane["year"]) else day.year - plane["year"],
        "departures_that_hour": sum(
            other["origin"] == event["origin"]
            and other["sched_dep_time"] // 100 == departure // 100
            for _, other in events.iterrows()
        ),
        "arrivals_that_hour": sum(
            other["dest"] == event["dest"] and other["sched_arr_time"] // 100 == arrival // 100
            for _, other in events.iterrows()
        ),
    }
    event = pd.concat([event, pd.Series({"hour": departure // 100})])
    for name, keys in KEYS.items():
        for window in (7, 28):
            found = facts[facts["day"] >= day - timedelta(days=window)]
            for key in keys:
                found = found[found[key] == event[key]]  # None equals nothing
            ended = found["arr_delay"].dropna()
            rate = (ended >= 15).sum() / len(ended) if len(ended) else None
            row[f"late_rate_{window}d_by_{name}"] = rate
            row[f"flights_count_{window}d_by_{name}"] = len(found)
    return row | last_weather(tables, day, event["origin"])


def last_weather(tables: Tables, day: date, origin: str) -> dict[str, object]:
    rows = pd.concat([frame for known, frame in tables["weather"].items() if known < day])
    rows = rows[(rows["origin"] == origin) & (rows["known_at"] < midnight(day))]
    rows = rows[rows["observed_at"] < midnight(day)]
    rows = rows[rows["observed_at"] >= midnight(day) - pd.Timedelta(hours=6)]
    names = ["temp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    if rows.empty:
        return {f"weather_{name}": None for name in names}
    last = rows.sort_values(["observed_at", "known_at"]).iloc[-1]
    return {f"weather_{name}": last[name] for name in names}


def clock(hhmm: int) -> int:
    return hhmm // 100 * 60 + hhmm % 100


def test_the_world_of_the_reference_is_odd_enough() -> None:
    tables = flights(SPRING - timedelta(days=33), 36, seed=3)
    facts = pd.concat(tables["flights"].values())
    cutoffs = [midnight(day) for day in tables["schedule"]]

    assert facts["tailnum"].isna().any()
    assert facts["arr_delay"].isna().any()
    assert facts["known_at"].isin(cutoffs).any()
    assert facts.duplicated(["carrier", "flight"]).any()
