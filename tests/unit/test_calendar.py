from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipelines.define.features import LatestAsOf, Window
from pipelines.features.day_tables import (
    local_days,
    partition_days,
    reached_days,
    runs_of,
    scored_days,
)
from pipelines.problem import PROBLEM

SPRING, AUTUMN = date(2013, 3, 10), date(2013, 11, 3)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (date(2013, 7, 4), 24)])
def test_a_day_is_as_long_as_the_clocks_make_it(day: date, hours: int) -> None:
    rows = local_days(day, day, PROBLEM.cutoff).to_pylist()

    assert {row["closes_at"] - row["opens_at"] for row in rows} == {timedelta(hours=hours)}
    assert [row["utc_day"] for row in rows] == [day, day + timedelta(days=1)]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/New_York", SPRING),
        ("America/New_York", AUTUMN),
        ("Asia/Kathmandu", SPRING),  # 5:45 ahead
        ("Australia/Lord_Howe", date(2013, 4, 7)),  # half an hour back
        ("America/Sao_Paulo", date(2013, 10, 20)),  # a day that begins at one o'clock
        ("Pacific/Apia", date(2011, 12, 30)),  # a day that never was
        ("UTC", SPRING),
    ],
)
def test_every_instant_has_one_local_day(zone: str, day: date) -> None:
    first, last = day - timedelta(days=3), day + timedelta(days=3)
    cutoff = replace(PROBLEM, zone=zone).cutoff
    rows = local_days(first, last, cutoff).to_pylist()
    instant = cutoff(first)

    while instant < cutoff(last):
        found = [
            row["day"] for row in rows if row["utc_day"] == instant.date() and open_at(row, instant)
        ]

        assert found == [instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()]
        instant += timedelta(minutes=15)


def test_a_partition_opens_with_its_day_and_closes_with_its_last_window() -> None:
    rows = partition_days([AUTUMN], PROBLEM.cutoff, 2).to_pylist()

    assert rows == [
        {
            "day": AUTUMN,
            "opens_at": datetime.fromisoformat("2013-11-03T04:00"),
            "closes_at": datetime.fromisoformat("2013-11-05T05:00"),
        }
    ]


def test_a_window_ends_before_the_cutoff_and_begins_so_many_days_earlier() -> None:
    row = scored_days([SPRING], PROBLEM.cutoff, map(Window, (28, 7, 7))).to_pylist()[0]

    assert row == {
        "day": SPRING,
        "cutoff": datetime.fromisoformat("2013-03-10T05:00"),
        "since_7": date(2013, 3, 3),
        "since_28": date(2013, 2, 10),
    }


def test_the_latest_row_is_looked_for_as_far_back_as_it_may_be_old() -> None:
    latest = LatestAsOf("weather", ("origin",), ("temp",), max_age_hours=30)

    rows = reached_days([AUTUMN], PROBLEM.cutoff, latest).to_pylist()

    assert [row["partition"].day for row in rows] == [31, 1, 2]
    assert {row["oldest_at"] for row in rows} == {PROBLEM.cutoff(AUTUMN) - timedelta(hours=30)}


def test_long_ranges_are_cut_into_pieces_also_across_gaps() -> None:
    days = [date(2013, 1, day) for day in (1, 2, 5, 6, 20)]

    assert [[day.day for day in piece] for piece in runs_of(days, 5)] == [[1, 2, 5], [6], [20]]
    assert runs_of([], 5) == []


def open_at(row: dict[str, datetime], instant: datetime) -> bool:
    return row["opens_at"] <= instant < row["closes_at"]
