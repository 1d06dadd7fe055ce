"""Which day a night means: the date on which it begins, in New York, on every day of the year."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.timetables.trigger import CronPartitionTimetable

NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def timetable() -> Any:
    """As the scheduler reads it back from the database."""
    import redeye_nightly

    said = redeye_nightly.AT_THREE
    return CronPartitionTimetable(
        said.expression, timezone=str(said.timezone), key_format=said.key_format
    )


def ticks(timetable: Any, first: date, last: date) -> list[DagRunInfo]:
    """What `airflow backfill create --from-date first --to-date last` makes."""
    midnights = [datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (first, last)]
    return list(timetable.iter_partition_dagrun_infos(earliest=midnights[0], latest=midnights[1]))


def test_a_night_means_the_day_on_which_it_begins_in_new_york(timetable: Any) -> None:
    for night in ticks(timetable, date(2013, 1, 1), date(2013, 12, 31)):
        begins = night.run_after.astimezone(NEW_YORK)

        assert night.partition_key == begins.date().isoformat()
        assert 2 <= begins.hour <= 4  # 3, but for the days on which the clocks change


def test_every_day_has_one_night_also_when_the_clocks_change(timetable: Any) -> None:
    keys = [night.partition_key for night in ticks(timetable, date(2013, 1, 1), date(2013, 12, 31))]

    assert keys == [(date(2013, 1, 1) + timedelta(days=n)).isoformat() for n in range(365)]


def test_a_range_of_airflows_own_backfill_holds_its_last_day(timetable: Any) -> None:
    nights = ticks(timetable, date(2013, 10, 3), date(2013, 10, 7))

    assert [night.partition_key[-2:] for night in nights] == ["03", "04", "05", "06", "07"]


def test_the_night_after_one_is_the_next_days(timetable: Any) -> None:
    spring = ticks(timetable, date(2013, 3, 9), date(2013, 3, 9))[0]
    always = TimeRestriction(earliest=None, latest=None, catchup=True)

    following = timetable.next_dagrun_info_v2(last_dagrun_info=spring, restriction=always)

    assert following.partition_key == "2013-03-10"
