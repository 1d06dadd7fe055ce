"""Which day a night means: the date on which it begins in the problem's zone, on every day of the year."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from airflow._shared.timezones.timezone import coerce_datetime
from airflow.exceptions import InvalidPartitionKeyError
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DagRunInfo, TimeRestriction

ZONES = (
    "UTC",
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Nuuk",  # its clocks are changed at midnight
    "America/Santiago",  # a day of it begins at one o'clock
    "Europe/Berlin",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # its clocks are changed by half an hour
    "Pacific/Auckland",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
)
TIMES = ("00:00", "00:30", "01:30", "02:30", "03:00", "12:15", "23:30", "23:59")
FIRST, LAST = date(2024, 1, 1), date(2025, 12, 31)
DAYS = [(FIRST + timedelta(days=n)).isoformat() for n in range((LAST - FIRST).days + 1)]
WHENEVER = TimeRestriction(earliest=None, latest=None, catchup=True)


def kept(timetable: Any) -> Any:
    """As the scheduler reads it back from the database."""
    dag = DAG("night", schedule=timetable, start_date=datetime(2013, 1, 1, tzinfo=UTC))
    return DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable


@pytest.fixture(scope="module")
def nights() -> Callable[..., Any]:
    from night_timetable import NightTimetable

    return lambda *words, **named: kept(NightTimetable(*words, **named))


def backfilled(timetable: Any, first: date, last: date) -> list[DagRunInfo]:
    """What `airflow backfill create --from-date first --to-date last` makes."""
    midnights = [datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (first, last)]
    return list(timetable.iter_partition_dagrun_infos(earliest=midnights[0], latest=midnights[1]))


def at(run_after: datetime) -> DagRunInfo:
    return DagRunInfo(run_after=coerce_datetime(run_after), data_interval=None)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("clock", TIMES)
def test_every_day_has_one_night_which_begins_on_it_also_when_the_clocks_change(
    nights: Callable[..., Any], zone: str, clock: str
) -> None:
    timetable, here = nights(clock, zone=zone), ZoneInfo(zone)
    night = backfilled(timetable, FIRST, FIRST)[0]
    scheduled = [night]
    while len(scheduled) < len(DAYS):
        moment = scheduled[-1].run_after + timedelta(minutes=1)
        with time_machine.travel(moment, tick=False):
            night = timetable.next_dagrun_info_v2(
                last_dagrun_info=scheduled[-1], restriction=WHENEVER
            )
        scheduled.append(night)

    assert [one.partition_key for one in scheduled] == DAYS
    starts = [one.run_after.astimezone(here) for one in scheduled]
    assert [start.date().isoformat() for start in starts] == DAYS
    shifted = [start for start in starts if f"{start:%H:%M}" != clock]
    assert len(shifted) <= 2  # the days on which the clocks skip the time
    assert backfilled(timetable, FIRST, LAST) == scheduled
    shown = [f"{one.partition_date.astimezone(UTC):%Y-%m-%d}" for one in scheduled]
    assert shown == DAYS  # in Airflow's calendar, which counts days in UTC


@pytest.mark.parametrize("zone", ZONES)
def test_the_scheduler_makes_what_a_range_of_airflows_own_backfill_makes_its_last_day_included(
    nights: Callable[..., Any], zone: str
) -> None:
    made = backfilled(nights("03:00", zone=zone), date(2013, 10, 3), date(2013, 10, 7))

    assert [night.partition_key[-2:] for night in made] == ["03", "04", "05", "06", "07"]


def test_hours_of_a_backfills_range_take_no_day_away(nights: Callable[..., Any]) -> None:
    timetable = nights("03:00", zone="Asia/Kolkata")
    range_ = (datetime(2013, 10, 3, 18, tzinfo=UTC), datetime(2013, 10, 4, 1, tzinfo=UTC))

    made = timetable.iter_partition_dagrun_infos(earliest=range_[0], latest=range_[1])

    assert [night.partition_key for night in made] == ["2013-10-03", "2013-10-04"]


def test_a_day_that_a_zone_left_out_has_no_night(nights: Callable[..., Any]) -> None:
    samoa = nights("03:00", zone="Pacific/Apia")

    made = backfilled(samoa, date(2011, 12, 28), date(2012, 1, 1))

    assert [night.partition_key[-2:] for night in made] == ["28", "29", "31", "01"]
    with pytest.raises(InvalidPartitionKeyError, match="2011-12-30 is a day that Pacific/Apia"):
        samoa.resolve_partition_date("2011-12-30")


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
def test_a_run_by_hand_of_a_day_is_of_the_partition_that_its_schedule_makes(
    nights: Callable[..., Any], zone: str
) -> None:
    """Airflow's backfill knows what is there already by the partition's date."""
    timetable = nights("03:00", zone=zone)
    (night,) = backfilled(timetable, date(2013, 10, 3), date(2013, 10, 3))

    assert timetable.resolve_partition_date("2013-10-03") == night.partition_date


def test_a_window_of_partitions_holds_its_first_and_last_day(nights: Callable[..., Any]) -> None:
    timetable = nights("03:00", zone="Asia/Kolkata")
    first, last = (
        timetable.localize_partition_datetime(datetime(2013, 10, day, tzinfo=UTC)) for day in (3, 5)
    )

    inside = [
        night.partition_key
        for night in backfilled(timetable, date(2013, 10, 1), date(2013, 10, 9))
        if first <= night.partition_date <= last
    ]

    assert inside == ["2013-10-03", "2013-10-04", "2013-10-05"]


@pytest.mark.parametrize("key", ["2013-13-45", "2013-1-5", "2013-10-01T00:00", "../../etc", "x\n"])
def test_a_partition_key_that_is_no_day_is_refused_before_a_run_is_made(
    nights: Callable[..., Any], key: str
) -> None:
    with pytest.raises(InvalidPartitionKeyError, match=r"partition key: .* day"):
        nights("03:00", zone="UTC").resolve_partition_date(key)


def after_an_outage(timetable: Any, last: datetime | None, now: datetime) -> list[str]:
    """The days of the runs that a scheduler makes when it is back: of each it asks for the next one."""
    made: list[str] = []
    with time_machine.travel(now, tick=False):
        info = at(last) if last else None
        while True:
            info = timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=WHENEVER)
            if info.run_after > now:
                return made
            made.append(info.partition_key)


def noon(day: int) -> datetime:
    return datetime(2025, 3, day, 12, tzinfo=UTC)


def night(day: int) -> datetime:
    """Three o'clock in New York, whose clocks changed on the 9th."""
    return datetime(2025, 3, day, 3, tzinfo=ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    ("last", "now", "made"),
    [
        (night(8), noon(8), []),
        (night(8), noon(9), [9]),
        (night(8), noon(12), [9, 10, 11, 12]),  # it was off for three days
        (night(8), noon(20), [17, 18, 19, 20]),  # for longer than is caught up
        (night(8), night(12) - timedelta(minutes=1), [9, 10, 11]),
        (None, noon(12), [12]),  # it is on for the first time
    ],
)
def test_nights_that_a_scheduler_missed_are_made_when_it_is_back(
    nights: Callable[..., Any], last: datetime | None, now: datetime, made: list[int]
) -> None:
    timetable = nights("03:00", zone="America/New_York", catch_up=3)

    assert after_an_outage(timetable, last, now) == [f"2025-03-{day:02}" for day in made]


def test_a_morning_that_was_missed_is_not_looked_at_again(nights: Callable[..., Any]) -> None:
    timetable = nights("09:00", zone="America/New_York")

    assert after_an_outage(timetable, night(8), datetime(2025, 3, 12, 20, tzinfo=UTC)) == [
        "2025-03-12"
    ]


def test_a_dag_whose_catching_up_is_off_makes_the_newest_night_only(
    nights: Callable[..., Any],
) -> None:
    timetable = nights("03:00", zone="America/New_York", catch_up=3)
    never = WHENEVER._replace(catchup=False)

    with time_machine.travel(noon(12), tick=False):
        made = timetable.next_dagrun_info_v2(last_dagrun_info=at(night(8)), restriction=never)

    assert made.partition_key == "2025-03-12"
