"""History in two steps: daily totals per key, kept; and their sums over windows of days."""

from __future__ import annotations

from sqlglot import exp

from pipelines.methods.calendar import HISTORY, LOCAL_DAYS, PARTITIONS, since
from pipelines.methods.declare import Column, FeatureSet, History, HistoryFeature
from pipelines.methods.portable import portable
from pipelines.methods.resolve import Scope, Shape
from pipelines.methods.sql import aliased, columns_of, of, or_zero, real, same, whole

SUMS = ("facts", "known", "total")


def totals_query(features: FeatureSet, history: History, shape: Shape) -> exp.Query:
    """Daily totals of one history: a row for each day, day of knowing, grain (its keys) and key.

    Inputs: the facts, `partitions` and `local_days`. Columns: day, known_on, grain, every key column
    (null where it is not of the grain), then `facts`, how many; `known`, how many with a value;
    `total`, their sum. `known_on` is the local day on which the facts became known, never before
    their own; those that no window waits for are left out. Each grain counts every fact once, also
    one whose key is null: no event will ask for that.
    """
    grains = [_grain(history, by) for by in history.by]
    query = exp.union(*grains, distinct=False) if len(grains) > 1 else grains[0]
    query = query.order_by(*map(exp.column, ("day", "known_on", "grain", *history.keys)))
    return portable(query.with_("known", as_=_known(features, history, shape)))


def _known(features: FeatureSet, history: History, shape: Shape) -> exp.Select:
    """Every fact with its keys, its value, and the day on which it became known."""
    scope = Scope(history.table, columns_of("f", shape.of(history.table)), features.functions)
    value = scope.call(history.value)
    keys = [scope.column(key, history.name).as_(key) for key in history.keys]
    day, known_at = (scope.column(name, history.name) for name in ("day", "known_at"))
    in_time = exp.and_(of("p", "day").eq(day), known_at < of("p", "closes_at"))
    on_that_day = exp.and_(
        of("k", "utc_day").eq(exp.cast(known_at, "DATE")),
        known_at >= of("k", "opens_at"),
        known_at < of("k", "closes_at"),
    )
    # A partition lands after its day, so what is said to be known earlier counts from that day on.
    known_on = exp.Case().when(known_at < of("p", "opens_at"), day).else_(of("k", "day"))
    return (
        exp.select(day.as_("day"), known_on.as_("known_on"), *keys)
        .select(whole(exp.Round(this=value) if "mean" in history.measures else value).as_("value"))
        .from_(aliased(history.table, "f"))
        .join(aliased(PARTITIONS, "p"), on=in_time)
        .join(aliased(LOCAL_DAYS, "k"), on=on_that_day, join_type="left")
    )


def _grain(history: History, by: tuple[str, ...]) -> exp.Select:
    days, value = [exp.column("day"), exp.column("known_on")], exp.column("value")
    keys = [exp.column(key) if key in by else exp.null().as_(key) for key in history.keys]
    return (
        exp.select(*days, exp.Literal.string(_grain_name(by)).as_("grain"), *keys)
        .select(
            whole(exp.Count(this=exp.Star())).as_("facts"),
            whole(exp.Count(this=value)).as_("known"),
            whole(or_zero(exp.Sum(this=value.copy()))).as_("total"),
        )
        .from_(exp.to_table("known"))
        .group_by(*days, *map(exp.column, by))
    )


def join_history(query: exp.Select, history: History) -> exp.Select:
    """Add a history's features to a query over `base` AS b, from the totals `history_<name>`.

    The query itself grows: sqlglot would copy the whole of it with each step.
    """
    for by in history.by:
        name = _windows_name(history, by)
        on = same("b", name, ("day", *by))
        query = query.with_(name, as_=_windows(history, by), copy=False)
        query = query.join(name, on=on, join_type="left", copy=False)
    return query.select(*(_measured(one).as_(one.name) for one in history.features()), copy=False)


def _windows(history: History, by: tuple[str, ...]) -> exp.Select:
    """Sums over each window, for every key and day that an event asks for.

    Facts known before the day are of days before it: nothing is known before its own day.
    """
    longest = max(history.days)
    edges = [since(days) for days in sorted(set(history.days))]
    asked = exp.select(*map(exp.column, ("day", *edges, *by))).distinct().from_("base")
    in_reach = exp.and_(
        of("t", "grain").eq(exp.Literal.string(_grain_name(by))),
        same("a", "t", by),
        of("t", "day") >= of("a", since(longest)),
        of("t", "known_on") < of("a", "day"),
    )
    sums = [
        exp.Sum(this=_inside(of("t", name), days, longest)).as_(f"{name}_{days}")
        for days in sorted(history.days)
        for name in SUMS
    ]
    return (
        exp.select(*(of("a", name) for name in ("day", *by)), *sums)
        .from_(asked.subquery("a"))
        .join(aliased(HISTORY + history.name, "t"), on=in_reach)
        .group_by(*(of("a", name) for name in ("day", *by)))
    )


def _inside(column: Column, days: int, longest: int) -> Column:
    if days == longest:
        return column
    return exp.Case().when(of("t", "day") >= of("a", since(days)), column)


def _measured(one: HistoryFeature) -> Column:
    table = _windows_name(one.history, one.by)
    facts, known, total = (of(table, f"{name}_{one.days}") for name in SUMS)
    if one.measure == "count":
        return real(or_zero(facts))
    return real(total) / exp.Nullif(this=known, expression=exp.Literal.number(0))


def _grain_name(by: tuple[str, ...]) -> str:
    return " ".join(by)


def _windows_name(history: History, by: tuple[str, ...]) -> str:
    return f"{history.name}_by_{'_'.join(by)}"
