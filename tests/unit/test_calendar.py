from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from pipelines.methods.calendar import known_days, reached_days, runs_of, scored_days
from pipelines.methods.declare import Latest
from pipelines.problem import PROBLEM

SPRING, AUTUMN = date(2013, 3, 10), date(2013, 11, 3)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (date(2013, 7, 4), 24)])
def test_a_day_is_as_long_as_the_clocks_make_it(day: date, hours: int) -> None:
    last = known_days([day], PROBLEM.cutoff).to_pylist()[-1]  # partition of two days before

    assert last["closes_at"] - last["opens_at"] == timedelta(hours=hours)


def test_facts_are_looked_for_in_the_partitions_of_the_day_and_the_two_before() -> None:
    rows = known_days([AUTUMN], PROBLEM.cutoff).to_pylist()

    assert [row["partition"] for row in rows] == [AUTUMN - timedelta(days=n) for n in range(3)]
    assert {row["day"] for row in rows} == {AUTUMN}
    assert {row["closes_at"] for row in rows} == {datetime.fromisoformat("2013-11-04T05:00")}
    assert [row["opens_at"].year for row in rows] == [1900, 2013, 2013]


def test_days_of_known_facts_neither_overlap_nor_leave_gaps() -> None:
    rows = known_days(
        [SPRING + timedelta(days=n) for n in range(-2, 4)], PROBLEM.cutoff
    ).to_pylist()

    for partition in {row["partition"] for row in rows}:
        spans = sorted((r["opens_at"], r["closes_at"]) for r in rows if r["partition"] == partition)
        assert all(one[1] == other[0] for one, other in pairwise(spans))


def test_a_window_ends_before_the_cutoff_and_begins_so_many_days_earlier() -> None:
    row = scored_days([SPRING], PROBLEM.cutoff, (28, 7, 7)).to_pylist()[0]

    assert row == {
        "day": SPRING,
        "cutoff": datetime.fromisoformat("2013-03-10T05:00"),
        "since_7": date(2013, 3, 3),
        "since_28": date(2013, 2, 10),
    }


def test_the_latest_row_is_looked_for_as_far_back_as_it_may_be_old() -> None:
    latest = Latest("weather", ("origin",), ("temp",), max_age_hours=30)

    rows = reached_days([AUTUMN], PROBLEM.cutoff, latest).to_pylist()

    assert [row["partition"].day for row in rows] == [31, 1, 2]
    assert {row["oldest_at"] for row in rows} == {PROBLEM.cutoff(AUTUMN) - timedelta(hours=30)}


def test_long_ranges_are_cut_into_pieces_also_across_gaps() -> None:
    days = [date(2013, 1, day) for day in (1, 2, 5, 6, 20)]

    assert [[day.day for day in piece] for piece in runs_of(days, 5)] == [[1, 2, 5], [6], [20]]
    assert runs_of([], 5) == []
