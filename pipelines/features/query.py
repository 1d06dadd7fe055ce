"""A declaration to one query: built as expressions, so that any engine can spell it.

The text of the query knows no day: one day or a whole year differ only in the small tables of days
that are joined in (`features/day_tables.py`), and so give equal rows.
"""

from __future__ import annotations

from sqlglot import exp

from pipelines.core.errors import ConfigError
from pipelines.define.aggregations import Column
from pipelines.define.features import FeatureSet, LatestAsOf, PeerCount, WindowedAggregation
from pipelines.define.sql import aliased, columns_of, of, same
from pipelines.features.day_tables import CUTOFF, DAYS, reach_table, since, spans
from pipelines.features.portable import portable
from pipelines.features.scope import ColumnScope, TableSchemas
from pipelines.features.windows import join_history


def features_query(features: FeatureSet, shape: TableSchemas) -> exp.Query:
    """The feature table: key, day, cutoff, features in declared order; rows in order of day and key.

    A feature that is a column of the key stands there only. Inputs: the events, `days`, the dimension
    tables of lookups, `history_<name>` with daily totals, `ages` where a window has a half-life, and
    the facts of each `LatestAsOf` with its `reach_<table>`. Raises ConfigError for a name that means nothing, with the nearest one.
    """
    first = (*shape.key, "day", CUTOFF)
    rest = (name for name in (*features.columns, *features.functions) if name not in shape.key)
    query = (
        exp.select(*(of("b", name).as_(name) for name in (*first, *rest)))
        .with_("base", as_=_base(features, shape), copy=False)
        .from_(aliased("base", "b"), copy=False)
    )
    for crowd in features.crowds:
        query = _join_crowd(query, crowd)
    for history in features.history:
        query = join_history(query, history, shape.delay(history.table))
    for latest in features.latest:
        query = _join_latest(query, latest, shape)
    return portable(query.order_by(*(of("b", name) for name in ("day", *shape.key)), copy=False))


def _base(features: FeatureSet, shape: TableSchemas) -> exp.Select:
    """Events of the days, with every column that a feature, a key or a window needs."""
    scope = _events_scope(features, shape)
    found = spans(features.windows, shape.maturity)
    edges = [of("d", name).as_(name) for name in ("day", CUTOFF, *map(since, found))]
    needed = _needed(features) | dict.fromkeys(shape.key, "the key")
    base = (
        exp.select(*edges, *(scope.column(name, asker).as_(name) for name, asker in needed.items()))
        .from_(aliased(shape.events, "e"), copy=False)
        .join(aliased(DAYS, "d"), on=same("d", "e", ("day",)), copy=False)
    )
    for lookup in features.lookups:
        name = lookup.table
        # In parentheses: a key may be an equation of its own, and a = b = c reads as (a = b) = c.
        keys = [(key, exp.paren(scope.column(key, name))) for key in lookup.by]
        on = exp.and_(*(of(name, key).eq(mine) for key, mine in keys))
        base = base.join(name, on=on, join_type="left", copy=False)
    return base


def _needed(features: FeatureSet) -> dict[str, str]:
    """Every column that must be there, and who asks for it."""
    needed = dict.fromkeys(features.columns, "columns") | {
        name: name for name in features.functions
    }
    for crowd in features.crowds:
        needed |= dict.fromkeys(crowd.by, crowd.name)
    for history in features.history:
        needed |= dict.fromkeys(history.keys, history.name)
    for latest in features.latest:
        needed |= dict.fromkeys(latest.by, latest.table)
    return needed


def _events_scope(features: FeatureSet, shape: TableSchemas) -> ColumnScope:
    """Columns of events and lookups; what only facts tell is refused."""
    columns = columns_of("e", shape.of(shape.events))
    for lookup in features.lookups:
        if "known_at" in shape.of(lookup.table):
            raise ConfigError(
                f"features: a DimensionJoin of {lookup.table!r}, whose rows became known one by one (they have "
                f"a 'known_at'), would see the future; ask a WindowedAggregation or a LatestAsOf of it"
            )
        found = ColumnScope(lookup.table, columns_of(lookup.table, shape.of(lookup.table)))
        columns |= {new: found.column(old, new) for new, old in lookup.take.items()}
    facts: tuple[LatestAsOf | WindowedAggregation, ...] = (*features.latest, *features.history)
    refused = {
        column: f"which {one.table!r} tells only afterwards; ask a {type(one).__name__} of it"
        for one in facts
        for column in shape.of(one.table)
        if column not in columns
    }
    return ColumnScope(shape.events, columns, features.functions, refused)


def _join_crowd(query: exp.Select, crowd: PeerCount) -> exp.Select:
    """Counted apart and joined: a window over so few rows costs engines more than all else.

    Events without a key are a crowd too, as they would be in a window.
    """
    name, by = f"crowd_{crowd.name}", ("day", *crowd.by)
    counted = exp.select(*map(exp.column, by), exp.Count(this=exp.Star()).as_("events"))
    counted = counted.from_("base", copy=False).group_by(*map(exp.column, by), copy=False)
    both = [exp.NullSafeEQ(this=of("b", key), expression=of(name, key)) for key in by]
    query = query.with_(name, as_=counted, copy=False)
    query = query.join(name, on=exp.and_(*both, copy=False), copy=False)
    return query.select(of(name, "events").as_(crowd.name), copy=False)


def _join_latest(query: exp.Select, latest: LatestAsOf, shape: TableSchemas) -> exp.Select:
    name = f"latest_{latest.table}"
    on = exp.and_(same("b", name, ("day", *latest.by)), of(name, "place").eq(1))
    query = query.with_(name, as_=_placed(latest, shape), copy=False)
    query = query.join(name, on=on, join_type="left", copy=False)
    named = latest.named().items()
    return query.select(*(of(name, column).as_(new) for new, column in named), copy=False)


def _placed(latest: LatestAsOf, shape: TableSchemas) -> exp.Select:
    """Rows young enough and known at each day's cutoff, the newest in place 1.

    Of rows equally new, the one that was known last; then the larger values: any, but always the same.
    """
    scope = ColumnScope(latest.table, columns_of("f", shape.facts(latest.table, latest.table)))
    wanted = {name: scope.column(name, latest.table) for name in (*latest.by, *latest.columns)}
    at, known_at = (scope.column(name, latest.table) for name in (latest.at, "known_at"))
    newest_first = [at, known_at, *(wanted[name] for name in latest.columns)]
    place = exp.Window(
        this=exp.RowNumber(),
        partition_by=[of("r", "day"), *(wanted[name].copy() for name in latest.by)],
        order=exp.Order(expressions=[_descending(column) for column in newest_first]),
    )
    in_reach = exp.and_(
        of("r", "partition").eq(scope.column("day", latest.table)),
        at < of("r", CUTOFF),
        known_at < of("r", CUTOFF),
        at >= of("r", "oldest_at"),
    )
    return (
        exp.select(of("r", "day").as_("day"), *(wanted[name].as_(name) for name in wanted))
        .select(place.as_("place"))
        .from_(aliased(latest.table, "f"))
        .join(aliased(reach_table(latest.table), "r"), on=in_reach)
    )


def _descending(column: Column) -> exp.Ordered:
    return exp.Ordered(this=column.copy(), desc=True, nulls_first=False)
