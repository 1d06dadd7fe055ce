"""Dates and clock times, for row features."""

from __future__ import annotations

from sqlglot import exp

from pipelines.methods.history import Column


def iso_weekday(day: Column) -> Column:
    """1 for Monday to 7 for Sunday."""
    return exp.DayOfWeekIso(this=day.copy())


def year(day: Column) -> Column:
    """The calendar year of a date."""
    return exp.Year(this=day.copy())


def minutes(clock: Column) -> Column:
    """Minutes since midnight of a clock time written hhmm, such as 1745."""
    return clock // 100 * 60 + clock % 100
