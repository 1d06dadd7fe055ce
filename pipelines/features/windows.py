"""Daily totals over windows of days: the second step from facts to history."""

from __future__ import annotations

from sqlglot import exp

from pipelines.define.aggregations import Column, HistoryFeature, Key, Window, WindowedAggregation
from pipelines.define.measures import FINER, NEEDS, SUM, parts_of
from pipelines.define.sql import (
    aliased,
    number,
    of,
    or_zero,
    real,
    real_decimal,
    same,
    whole,
    within,
)
from pipelines.features.daily_aggregates import grain_name
from pipelines.features.day_tables import AGES, HISTORY, WHOLE, since, spans, weight

WEIGHED = ("facts", "known", *SUM)


def join_history(query: exp.Select, history: WindowedAggregation, delay: int = 0) -> exp.Select:
    """Add a history's features to a query over `base` AS b, from the totals `history_<name>`.

    With a `delay`, its windows end so many days before the day before the cutoff.

    The query itself grows: sqlglot would copy the whole of it with each step. The totals are named
    once for all grains, so that an engine may read them once.
    """
    totals = exp.select("*").from_(HISTORY + history.name)
    query = query.with_(_every(history), as_=totals, copy=False)
    for by in history.grains:
        name = _windows_name(history, by)
        on = same("b", name, ("day", *by))
        query = query.with_(name, as_=_windows(history, by, delay), copy=False)
        query = query.join(name, on=on, join_type="left", copy=False)
    return query.select(*(_measured(one).as_(one.name) for one in history.features()), copy=False)


def _windows(history: WindowedAggregation, by: Key, delay: int) -> exp.Select:
    """Totals over each window, for every key and day that an event asks for.

    Facts known before the day are of days before it: nothing is known before its own day.
    """
    edges = list(map(since, spans(history.windows, delay)))
    ends = since(delay) if delay else "day"
    asked = (
        exp.select(*map(exp.column, ("day", *edges, *by)))
        .distinct(copy=False)
        .from_("base", copy=False)
    )
    in_reach = exp.and_(
        of("t", "grain").eq(exp.Literal.string(grain_name(by))),
        same("a", "t", by),
        of("t", "day") >= of("a", since(history.longest + delay)),
        of("t", "known_on") < of("a", "day"),
        *([of("t", "day") < of("a", ends)] if delay else []),
        copy=False,
    )
    merged = [
        _merged(part, window, history.longest, delay).as_(_part_name(part, window))
        for window in history.windows
        for part in parts_of(history, by)
        if window.half_life is None or part in WEIGHED
    ]
    query = (
        exp.select(*(of("a", name) for name in ("day", *by)), *merged)
        .from_(asked.subquery("a", copy=False), copy=False)
        .join(aliased(_every(history), "t"), on=in_reach, copy=False)
        .group_by(*(of("a", name) for name in ("day", *by)), copy=False)
    )
    if any(window.half_life for window in history.windows):
        query = query.join(
            aliased(AGES, "w"), on=_days_between(of("t", "day"), of("a", ends)).eq(of("w", "age"))
        )
    return query


def _merged(part: str, window: Window, longest: int, delay: int) -> Column:
    """One part of the daily totals over a window."""
    column: Column = of("t", part)
    if window.half_life is not None:
        # Decimals: the product of two 64-bit integers may need more than 64 bits.
        column = exp.cast(column, "DECIMAL(19, 0)") * of("w", weight(window.half_life))
    if window.days < longest:
        column = exp.Case().when(of("t", "day") >= of("a", since(window.days + delay)), column)
    if part == "value":
        return exp.Count(this=exp.Distinct(expressions=[column]))
    if part == "least":
        return exp.Min(this=column)
    return exp.Sum(this=column) if part in WEIGHED else exp.Max(this=column)


def _days_between(earlier: Column, later: Column) -> exp.DateDiff:
    return exp.DateDiff(this=later, expression=earlier, unit=exp.var("DAY"))


def _measured(one: HistoryFeature) -> Column:
    """The feature, from the parts that it needs."""
    part = _part(one, NEEDS[one.measure][0], one.by)
    match one.measure:
        case "mean" | "rate":
            return _drawn(one, one.by) if one.smoothed else _ratio(one, one.by)
        case "count" | "sum":
            total = _sum(one, one.by) if one.measure == "sum" else _counted(one, "facts", one.by)
            return total if one.window.half_life is None else total / number(WHOLE)
        case "distinct":
            return real(or_zero(part))
        case "last":
            return within(part, "value")
        case "days_since":
            return real(_days_between(part, of("b", "day")))
        case "min" | "max":
            return part


def _drawn(one: HistoryFeature, by: Key) -> Column:
    """The mean of a key, with `prior_weight` facts more that have the mean of its parent."""
    if not by:
        return _ratio(one, by)
    more = number(one.history.prior_weight * (1 if one.window.half_life is None else WHOLE))
    known, total = _counted(one, "known", by), _sum(one, by)
    return (total + more * _drawn(one, by[:-1])) / (known + more.copy())


def _ratio(one: HistoryFeature, by: Key) -> Column:
    known = _counted(one, "known", by)
    return _sum(one, by) / exp.Nullif(this=known, expression=number(0))


def _sum(one: HistoryFeature, by: Key) -> Column:
    """The sum over a window, of which each part is exact: it is rounded as a double is, at most twice."""
    if one.measure == "rate":
        return _counted(one, "total", by)
    total, fine, finest = (_counted(one, part, by) for part in SUM)
    of_one = real(number(FINER))
    return total + fine / of_one + finest / of_one.copy() / of_one.copy()


def _counted(one: HistoryFeature, part: str, by: Key) -> Column:
    """A whole number as a double; of weighted facts in millionths."""
    column = or_zero(_part(one, part, by))
    return real(whole(column)) if one.window.half_life is None else real_decimal(column)


def _part(one: HistoryFeature, part: str, by: Key) -> exp.Column:
    return of(_windows_name(one.history, by), _part_name(part, one.window))


def _part_name(part: str, window: Window) -> str:
    return f"{part}_{window.name}"


def _every(history: WindowedAggregation) -> str:
    return f"every_{history.name}"


def _windows_name(history: WindowedAggregation, by: Key) -> str:
    return f"{history.name}_by_{'_'.join(by)}"
