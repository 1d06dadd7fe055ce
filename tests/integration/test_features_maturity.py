"""Features of outcomes read no day whose outcomes are not complete, whatever of it is known already."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from small_world import Tables, World, a_world, flights, midnight

from pipelines.define.features import LatestAsOf
from pipelines.problem.features import FEATURES

FIRST, DAY = date(2013, 9, 25), date(2013, 11, 5)
TAKES = 5
EARLIER = DAY - timedelta(days=TAKES)
HISTORY = [one.name for history in FEATURES.history for one in history.features()]
LAST = LatestAsOf("flights", ("carrier",), ("arr_delay",), max_age_hours=48, at="known_at")


@pytest.fixture(scope="module")
def tables() -> Tables:
    """A world in which every outcome is known in the evening of its day."""
    found = flights(FIRST, (DAY - FIRST).days + 1)
    known = {
        day: rows.assign(known_at=midnight(day) + pd.Timedelta(hours=20))
        for day, rows in found["flights"].items()
    }
    return {**found, "flights": known}


def history_of(root: Path, tables: Tables, day: date, maturity: int) -> pd.DataFrame:
    """What is told on a day of the past of the events of DAY."""
    events = tables["schedule"][DAY].assign(day=day)
    world = a_world(root, {**tables, "schedule": {day: events}})
    features = replace(FEATURES, latest=(*FEATURES.latest, LAST))
    problem = replace(
        world.problem, first_day=FIRST, features=features, label_maturity_days=maturity
    )
    world = World(root, problem)
    world.night(day)
    key = list(problem.key)
    return world.table(day).sort_values(key).set_index(key)[[*HISTORY, "flights_arr_delay"]]


def test_a_window_ends_so_many_days_earlier(tmp_path: Path, tables: Tables) -> None:
    complete = history_of(tmp_path / "a", tables, DAY, TAKES)

    same = history_of(tmp_path / "b", tables, EARLIER, 0)

    assert complete["flights_count_28d_by_carrier"].max() > 0
    assert complete["flights_arr_delay"].notna().any()
    pd.testing.assert_frame_equal(complete, same)
    assert not complete.equals(history_of(tmp_path / "c", tables, DAY, 0))


def test_what_is_known_of_younger_days_changes_nothing(tmp_path: Path, tables: Tables) -> None:
    young = [DAY - timedelta(days=n) for n in range(1, TAKES + 1)]
    facts = tables["flights"]
    late = {day: facts[day].assign(arr_delay=500.0).head(3) for day in young if day in facts}

    found = history_of(tmp_path / "a", {**tables, "flights": facts | late}, DAY, TAKES)

    assert late
    pd.testing.assert_frame_equal(found, history_of(tmp_path / "b", tables, DAY, TAKES))
