"""The feed replays 2013 for ever, and tells nothing before it is known."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest

from pipelines.core.errors import ConfigError, MissingDay
from pipelines.problem import PROBLEM
from pipelines.problem.source import CYCLE_DAYS, FIRST_DAY, ReplaySource
from pipelines.problem.tables import DAILY, DIMENSION

FEED = ReplaySource()
DAY = date(2013, 10, 1)
OUTCOMES = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "known_at"}


def frame(table: str, day: date) -> pd.DataFrame:
    rows: pd.DataFrame = FEED.read(table, day).to_pandas()
    return rows


def flight(day: date, carrier: str, number: int, origin: str) -> pd.Series:
    flights = frame("flights", day)
    found = flights[
        (flights["carrier"] == carrier)
        & (flights["flight"] == number)
        & (flights["origin"] == origin)
    ]
    return found.iloc[0]


@pytest.mark.parametrize("table", [*DAILY, *DIMENSION])
def test_a_table_has_the_layout_that_is_declared(table: str) -> None:
    assert FEED.read(table, DAY).schema == (DAILY | DIMENSION)[table]


def test_the_first_day_has_every_flight_of_the_first_of_january() -> None:
    assert FEED.read("flights", FIRST_DAY).num_rows == 842


def test_a_year_of_52_weeks_has_every_flight_but_those_of_new_years_eve() -> None:
    days = [FIRST_DAY + timedelta(days=n) for n in range(CYCLE_DAYS)]

    assert sum(FEED.read("flights", day).num_rows for day in days) == 336_776 - 776


def test_the_schedule_has_no_column_of_an_outcome() -> None:
    assert not OUTCOMES & set(FEED.read("schedule", DAY).column_names)


def test_the_schedule_is_the_flights_of_the_day_without_their_outcomes() -> None:
    flights = FEED.read("flights", DAY)

    assert FEED.read("schedule", DAY).equals(flights.select(DAILY["schedule"].names))


def test_52_weeks_later_the_same_weekday_shows_the_same_flights_with_shifted_dates() -> None:
    first, later = frame("flights", DAY), frame("flights", DAY + timedelta(days=CYCLE_DAYS))
    dated = ["day", "scheduled_at", "known_at"]

    pd.testing.assert_frame_equal(first.drop(columns=dated), later.drop(columns=dated))
    assert set(later["day"]) == {date(2014, 9, 30)}
    assert (later["scheduled_at"] - first["scheduled_at"] == pd.Timedelta(days=CYCLE_DAYS)).all()


@pytest.mark.parametrize("year", [2016, 2026, 2100, 9990])
def test_the_feed_goes_on_for_ever_on_the_clock_of_new_york(year: int) -> None:
    day = date(year, 7, 1)
    flights = frame("flights", day)
    local = flights["scheduled_at"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")

    assert set(local.dt.date) == {day}
    assert (local.dt.hour * 100 + local.dt.minute == flights["sched_dep_time"]).all()


def test_a_departure_keeps_its_clock_where_winter_time_begins_on_another_date() -> None:
    # 2013-11-03, the Sunday on which winter time begins, is shown on 2016-10-30, in summer time.
    winter = flight(date(2013, 11, 3), "AA", 1175, "LGA")
    summer = flight(date(2016, 10, 30), "AA", 1175, "LGA")

    assert winter["scheduled_at"] == pd.Timestamp("2013-11-03 11:00")
    assert summer["scheduled_at"] == pd.Timestamp("2016-10-30 10:00")
    assert (
        summer["known_at"] - summer["scheduled_at"] == winter["known_at"] - winter["scheduled_at"]
    )


def test_an_hour_that_the_clock_skips_has_no_weather_and_no_hour_is_there_twice() -> None:
    spring = frame("weather", date(2026, 3, 8))  # a winter day of 2013, with an hour at 02:00
    assert pd.Timestamp("2026-03-08 07:00") in set(spring["observed_at"])
    assert not spring.duplicated(["origin", "observed_at"]).any()
    assert len(spring[spring["origin"] == "JFK"]) == 23
    three = spring[spring["observed_at"] == pd.Timestamp("2026-03-08 07:00")]
    shown = date(2013, 1, 1) + timedelta(days=(date(2026, 3, 8) - FIRST_DAY).days % CYCLE_DAYS)
    base = frame("weather", shown)
    original = base[base["observed_at"] == pd.Timestamp(shown) + pd.Timedelta(hours=7)]
    assert three["temp"].tolist() == original["temp"].tolist()

    autumn = frame("weather", date(2013, 11, 3))  # the year itself repeated the hour
    hours = autumn[autumn["origin"] == "EWR"]["observed_at"].head(3).tolist()
    assert hours == [pd.Timestamp(f"2013-11-03 0{hour}:00") for hour in (5, 6, 7)]

    replay = frame("weather", date(2015, 11, 1) + timedelta(days=CYCLE_DAYS))  # no repetition
    assert not replay.duplicated(["origin", "observed_at"]).any()


def test_an_outcome_is_known_when_the_flight_arrives_by_the_clock_of_its_destination() -> None:
    # UA 1545, EWR-IAH: left 05:17, arrived 08:30 in Houston, which is 14:30 in UTC.
    assert flight(FIRST_DAY, "UA", 1545, "EWR")["known_at"] == pd.Timestamp("2013-01-01 14:30")


def test_a_flight_over_midnight_is_not_known_at_the_cutoff() -> None:
    flights = frame("flights", date(2013, 9, 30))
    cutoff = pd.Timestamp(PROBLEM.cutoff(DAY))

    late = flights[flights["known_at"] >= cutoff]

    assert len(late) > 10
    assert (late["scheduled_at"] < cutoff).all()


def test_every_arrival_is_later_than_departure_by_the_time_in_the_air_and_on_the_ground() -> None:
    days = [FIRST_DAY + timedelta(days=n) for n in range(0, CYCLE_DAYS, 7)]
    flights = pd.concat([frame("flights", day) for day in days]).dropna(subset=["air_time"])
    minutes = (flights["known_at"] - flights["scheduled_at"]).dt.total_seconds() / 60

    on_the_ground = minutes - flights["dep_delay"] - flights["air_time"]

    assert on_the_ground.between(0, 300).all()


def test_an_airport_that_the_files_leave_out_has_the_clock_of_puerto_rico() -> None:
    flights = frame("flights", date(2013, 1, 15))  # in summer New York has the same clock
    san_juan = flights[(flights["dest"] == "SJU") & flights["arr_time"].notna()].iloc[0]
    local = san_juan["known_at"].tz_localize("UTC").tz_convert("America/Puerto_Rico")

    assert local.hour * 100 + local.minute == san_juan["arr_time"] % 2400


def test_a_cancelled_flight_is_known_at_its_hour_and_a_diverted_one_a_day_later() -> None:
    flights = pd.concat([frame("flights", FIRST_DAY + timedelta(days=n)) for n in range(14)])
    cancelled = flights[flights["dep_time"].isna()]
    diverted = flights[flights["dep_time"].notna() & flights["arr_delay"].isna()]

    assert len(cancelled) > 0
    assert (cancelled["known_at"] == cancelled["scheduled_at"]).all()
    assert len(diverted) > 0
    assert (diverted["known_at"] - diverted["scheduled_at"] == pd.Timedelta(days=1)).all()


def test_an_arrival_at_2400_is_midnight() -> None:
    days = [FIRST_DAY + timedelta(days=n) for n in range(60)]
    flights = pd.concat([frame("flights", day) for day in days])
    midnight = flights[(flights["arr_time"] == 2400) & (flights["dest"] == "BOS")]
    local = midnight["known_at"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")

    assert len(midnight) > 0
    assert (local.dt.hour + local.dt.minute == 0).all()


def test_a_key_names_one_flight_of_a_day() -> None:
    flights = frame("flights", date(2014, 5, 5))

    assert not flights.duplicated(["day", *PROBLEM.key]).any()


def test_a_year_zero_of_a_plane_is_unknown() -> None:
    years = frame("planes", DAY)["year"]

    assert years.isna().sum() == 70
    assert years.min() > 1900


def test_there_is_nothing_before_the_first_day() -> None:
    with pytest.raises(MissingDay, match="begins on 2013-01-01"):
        FEED.read("flights", FIRST_DAY - timedelta(days=1))


def test_a_table_that_the_feed_does_not_have_is_named() -> None:
    with pytest.raises(ConfigError, match="no table 'trains'; it gives schedule, flights"):
        FEED.read("trains", DAY)
