"""Dates and clock times, for row features."""

from __future__ import annotations

from sqlglot import exp

from pipelines.define.column import Column


def iso_weekday(day: Column) -> Column:
    """1 for Monday to 7 for Sunday."""
    return Column(exp.DayOfWeekIso(this=day.expression.copy()))


def year(day: Column) -> Column:
    """The calendar year of a date."""
    return Column(exp.Year(this=day.expression.copy()))


def minutes(clock: Column) -> Column:
    """Minutes since midnight of a clock time written hhmm, such as 1745."""
    return clock // 100 * 60 + clock % 100
