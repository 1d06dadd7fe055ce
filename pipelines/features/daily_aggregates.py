"""Daily totals of facts per key: the first of two steps from facts to history, and the one that is kept."""

from __future__ import annotations

from sqlglot import exp

from pipelines.define.aggregations import Column
from pipelines.define.features import FeatureSet, WindowedAggregation
from pipelines.define.measures import FINER, SUM, parts_of
from pipelines.define.sql import aliased, columns_of, number, of, or_zero, pair, real, whole
from pipelines.define.value_type import ValueType, kind_of, known_value, refuse_unsuited
from pipelines.features.day_tables import LOCAL_DAYS, PARTITIONS
from pipelines.features.portable import portable
from pipelines.features.scope import ColumnScope, TableSchemas

# What a day's facts with one key come to; a part that has no line here is a column already.
OF_FACTS: dict[str, Column] = {
    "facts": whole(exp.Count(this=exp.Star())),
    "known": whole(exp.Count(this=exp.column("value"))),
    **{part: whole(or_zero(exp.Sum(this=exp.column(part)))) for part in SUM},
    "least": exp.Min(this=exp.column("value")),
    "most": exp.Max(this=exp.column("value")),
    "newest": exp.Max(this=exp.column("newest")),
}


def totals_query(
    features: FeatureSet, history: WindowedAggregation, shape: TableSchemas
) -> exp.Query:
    """Daily totals of one history: a row for each day, day of knowing, grain (its keys) and key.

    Inputs: the facts, `partitions` and `local_days`. Columns: day, known_on, grain, every key column
    (null where it is not of the grain), then what the measures need: `facts`, how many; `known`, how
    many with a value; `total`, `fine` and `finest`, their sum; `least` and `most` of them; `newest`, the last value with
    its time; and `value` itself when different ones are counted: a row for each, then. `known_on` is
    the local day on which the facts became known, never before their own; those that no window waits
    for are left out. Each grain counts every fact once, also one whose key is null: no event will
    ask for that. Raises ConfigError when the value does not suit the measures.
    """
    grains = [_grain(history, by) for by in history.grains]
    query = exp.union(*grains, distinct=False) if len(grains) > 1 else grains[0]
    order = ["day", "known_on", "grain", *history.keys, *_apart(history)]
    query = query.order_by(*map(exp.column, order))
    known = _known(features, history, shape)
    if history.table == shape.outcomes:
        query, known = query.with_("told", as_=known), _told_first()
    return portable(query.with_("known", as_=known))


def _told_first() -> exp.Select:
    """Of facts that name the same event the one that was known first: what came later changes nothing."""
    return exp.select("*").from_("told").where(exp.column("place").eq(1))


def _place(scope: ColumnScope, key: tuple[str, ...], values: list[exp.Expr]) -> exp.Window:
    event = [scope.column(name, "the key") for name in ("day", *key)]
    order = [scope.column("known_at", "the key"), *(value.unalias().copy() for value in values)]
    return exp.Window(this=exp.RowNumber(), partition_by=event, order=exp.Order(expressions=order))


def _known(features: FeatureSet, history: WindowedAggregation, shape: TableSchemas) -> exp.Select:
    """Every fact with its keys, its value, and the day on which it became known."""
    scope = ColumnScope(
        history.table, columns_of("f", shape.facts(history.table, history.name)), features.functions
    )
    keys = [scope.column(key, f"{history.name}.by").as_(key) for key in history.keys]
    day, known_at = (scope.column(name, history.name) for name in ("day", "known_at"))
    in_time = exp.and_(of("p", "day").eq(day), known_at < of("p", "closes_at"))
    on_that_day = exp.and_(
        of("k", "utc_day").eq(exp.cast(known_at, "DATE")),
        known_at >= of("k", "opens_at"),
        known_at < of("k", "closes_at"),
    )
    # A partition lands after its day, so what is said to be known earlier counts from that day on.
    known_on = exp.Case().when(known_at < of("p", "opens_at"), day).else_(of("k", "day"))
    values = _values(history, scope, shape)
    if history.table == shape.outcomes:
        values.append(_place(scope, shape.key, [*values, *keys]).as_("place"))
    return (
        exp.select(day.as_("day"), known_on.as_("known_on"), *keys)
        .select(*values)
        .from_(aliased(history.table, "f"))
        .join(aliased(PARTITIONS, "p"), on=in_time)
        .join(aliased(LOCAL_DAYS, "k"), on=on_that_day, join_type="left")
    )


def _values(
    history: WindowedAggregation, scope: ColumnScope, shape: TableSchemas
) -> list[exp.Expr]:
    """The value; what it adds to a sum; and the pair of its time and itself."""
    declared = scope.call(history.value)
    kind = kind_of(declared, shape.schema(history.table))
    refuse_unsuited(history, kind)
    value, parts = known_value(declared, kind), _parts(history)
    values = [value.as_("value")]
    amounts = _amounts(value, kind)
    values += [amounts[part].as_(part) for part in SUM if part in parts]
    if "newest" in parts:
        at = scope.column(history.at, history.name)
        there = exp.and_(*(exp.not_(one.is_(exp.null())) for one in (value, at)))
        newest = exp.Case().when(there, pair(time=at, value=value.copy()))
        values.append(newest.as_("newest"))
    return values


def _amounts(value: Column, kind: ValueType) -> dict[str, Column]:
    """What a value adds to each part of a sum: of a double all that is left is exact, until the last."""
    if kind != "number":
        return {"total": value.copy(), "fine": whole(number(0)), "finest": whole(number(0))}
    amounts: dict[str, Column] = {}
    left = value
    for part in SUM:
        amounts[part] = whole(exp.Round(this=left.copy()))
        left = (left - exp.Round(this=left.copy())) * real(number(FINER))
    return amounts


def _grain(history: WindowedAggregation, by: tuple[str, ...]) -> exp.Select:
    days, apart = map(exp.column, ("day", "known_on")), _apart(history)
    keys = [exp.column(key) if key in by else exp.null().as_(key) for key in history.keys]
    made = [part for part in OF_FACTS if part in _parts(history)]
    return (
        exp.select(*days, exp.Literal.string(grain_name(by)).as_("grain"), *keys)
        .select(
            *map(exp.column, apart), *(OF_FACTS[part].copy().as_(part) for part in made), copy=False
        )
        .from_(exp.to_table("known"), copy=False)
        .group_by(*map(exp.column, ("day", "known_on", *by, *apart)), copy=False)
    )


def _parts(history: WindowedAggregation) -> set[str]:
    return {part for by in history.grains for part in parts_of(history, by)}


def _apart(history: WindowedAggregation) -> list[str]:
    return ["value"] if "distinct" in history.functions else []


def grain_name(by: tuple[str, ...]) -> str:
    """How daily totals name a key."""
    return " ".join(by)
