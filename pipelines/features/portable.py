"""One meaning for a query, whichever engine runs it: what engines read differently is spelled out."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp


def portable(query: exp.Query) -> exp.Query:
    """The query itself, changed so that nothing in it is left to an engine's habits.

    Rows are put in order with nulls last; dividing by zero gives null; `//` and `%` round down, as
    in Python; a number with decimals is a double, never a decimal of the engine's own precision; what
    is multiplied by a whole number has 64 bits; the greatest and the least of several values overlook
    nulls; from 9:59 to 10:01 it is one hour, and seconds since 1970 are whole.
    """
    found = query.find_all(*SPELLINGS, bfs=False)
    for node in reversed(list(found)):  # the innermost first
        node.replace(SPELLINGS[type(node)](node))
    return query


def _order(node: exp.Expr) -> exp.Expr:
    columns = [
        one if isinstance(one, exp.Ordered) else exp.Ordered(this=one, nulls_first=False)
        for one in node.expressions
    ]
    return exp.Order(expressions=columns)


def _divided(node: exp.Expr) -> exp.Expr:
    return exp.Div(this=node.this, expression=_not_zero(node.expression))


def _times(node: exp.Expr) -> exp.Expr:
    return exp.cast(exp.Floor(this=_divided(node)), "BIGINT")


def _rest(node: exp.Expr) -> exp.Expr:
    counted = exp.Mul(this=_times(node.copy()), expression=node.expression.copy())
    return exp.paren(exp.Sub(this=node.this, expression=counted), copy=False)


def _product(node: exp.Expr) -> exp.Expr:
    factors = [
        exp.cast(one, "BIGINT") if isinstance(one, exp.Literal) and one.is_int else one
        for one in (node.this, node.expression)
    ]
    return exp.Mul(this=factors[0], expression=factors[1])


def _difference(node: exp.Expr) -> exp.Expr:
    unit = node.args.get("unit") or exp.var("DAY")
    for name in ("this", "expression"):
        at = node.args[name]
        in_days = unit.name.upper() == "DAY"
        begun = exp.cast(at, "DATE") if in_days else exp.TimestampTrunc(this=at, unit=unit.copy())
        node.set(name, begun)
    return node


def _seconds(node: exp.Expr) -> exp.Expr:
    return exp.cast(exp.Floor(this=node.copy()), "BIGINT")


def _overlooking_nulls(node: exp.Expr) -> exp.Expr:
    return type(node)(this=node.this, expressions=node.expressions, ignore_nulls=True)


def _double(node: exp.Expr) -> exp.Expr:
    decimal = node.is_number and "." in node.this and "e" not in node.this.lower()
    return exp.cast(node.copy(), "DOUBLE") if decimal else node


def _not_zero(divisor: exp.Expr) -> exp.Expr:
    bare = divisor.unnest()
    if isinstance(bare, exp.Nullif) or (bare.is_number and float(bare.name)):
        return divisor
    return exp.Nullif(this=divisor, expression=exp.Literal.number(0))


SPELLINGS: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Order: _order,
    exp.Div: _divided,
    exp.IntDiv: _times,
    exp.Mod: _rest,
    exp.Mul: _product,
    exp.DateDiff: _difference,
    exp.TimeToUnix: _seconds,
    exp.Greatest: _overlooking_nulls,
    exp.Least: _overlooking_nulls,
    exp.Literal: _double,
}
