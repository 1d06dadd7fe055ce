"""History features by definition: plain Python, one event and one fact at a time, and no query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cache
from math import isfinite
from zoneinfo import ZoneInfo

from pipelines.define.aggregations import HistoryFeature, Key, Measure
from pipelines.define.features import WindowedAggregation

Row = Mapping[str, object]
Value = float | str


@cache
def midnight(day: date, zone: str) -> datetime:
    """The first instant that is of the day there, as UTC without a zone: looked for, not computed."""
    instant = datetime.combine(day, time(), UTC) - timedelta(hours=15)
    while instant.astimezone(ZoneInfo(zone)).date() < day:
        instant += timedelta(minutes=15)
    return instant.replace(tzinfo=None)


@dataclass(frozen=True)
class Reference:
    """What is declared over facts, asked of one event after the other."""

    history: WindowedAggregation
    column: str  # what the history's value is made of
    facts: Sequence[Row]
    zone: str

    def tells(self, event: Row, day: date) -> dict[str, Value | None]:
        return {one.name: self._one(one, event, day) for one in self.history.features()}

    def _one(self, one: HistoryFeature, event: Row, day: date) -> Value | None:
        found = self._found(one, event, day, one.by)
        values = [(fact, value) for fact in found if (value := self._value(fact)) is not None]
        if one.measure == "count":
            return float(sum(_weight(one, fact, day) for fact in found))
        if one.measure == "sum":
            return float(sum(_weight(one, fact, day) * Fraction(value) for fact, value in values))
        if one.measure == "days_since":
            return float(min((day - fact["day"]).days for fact in found)) if found else None
        if one.measure in ("mean", "rate"):
            mean = self._mean(one, event, day, one.by)
            return None if mean is None else float(mean)
        return self._picked(one.measure, values)

    def _picked(self, measure: Measure, values: list[tuple[Row, Value]]) -> Value | None:
        if measure == "distinct":
            return float(len({value for _, value in values}))
        if measure == "last":
            timed = [(at, v) for fact, v in values if (at := fact[self.history.at]) is not None]
            return max(timed)[1] if timed else None
        pick = min if measure == "min" else max
        return pick((value for _, value in values), default=None)

    def _mean(self, one: HistoryFeature, event: Row, day: date, by: Key) -> Fraction | None:
        known, total = Fraction(0), Fraction(0)
        for fact in self._found(one, event, day, by):
            value = self._value(fact)
            if value is not None:
                known += _weight(one, fact, day)
                total += _weight(one, fact, day) * Fraction(value)
        if not by or not self.history.prior_weight:
            return total / known if known else None
        toward = self._mean(one, event, day, by[:-1])
        if toward is None:
            return None
        return (total + self.history.prior_weight * toward) / (known + self.history.prior_weight)

    def _found(self, one: HistoryFeature, event: Row, day: date, by: Key) -> list[Row]:
        """Facts of the window and the key, known at the cutoff; null is the key of nobody."""
        cutoff = midnight(day, self.zone)
        return [
            fact
            for fact in self.facts
            if 1 <= (day - fact["day"]).days <= one.window.days
            and fact["known_at"] is not None
            and fact["known_at"] < cutoff
            and all(event[key] is not None and event[key] == fact[key] for key in by)
        ]

    def _value(self, fact: Row) -> Value | None:
        value = fact[self.column]
        if isinstance(value, float) and not (isfinite(value) and abs(value) <= 2**53):
            return None
        return value if value is None or isinstance(value, str) else float(value)


def _weight(one: HistoryFeature, fact: Row, day: date) -> Fraction:
    if one.window.half_life is None:
        return Fraction(1)
    older = (day - fact["day"]).days - 1
    return Fraction(round(1_000_000 * 2 ** (-older / one.window.half_life)), 1_000_000)
