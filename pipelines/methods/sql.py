"""Short spellings of the expressions that compiled queries are made of."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from pipelines.methods.declare import Column


def of(table: str, name: str) -> exp.Column:
    """A column of a table or of its alias."""
    return exp.column(name, table=table)


def columns_of(table: str, names: Iterable[str]) -> dict[str, Column]:
    """Every column of a table, by its name."""
    return {name: of(table, name) for name in names}


def same(one: str, other: str, names: Iterable[str]) -> exp.Condition:
    """The columns are equal in both; a null is equal to nothing."""
    return exp.and_(*(of(one, name).eq(of(other, name)) for name in names))


def aliased(name: str, alias: str) -> exp.Table:
    """A table under a short name."""
    return exp.to_table(name, alias=exp.to_identifier(alias))


def whole(column: Column) -> exp.Cast:
    """A 64-bit integer: what sums are made of, so that their order does not matter."""
    return exp.cast(column, "BIGINT")


def real(column: Column) -> exp.Cast:
    """A double."""
    return exp.cast(column, "DOUBLE")


def or_zero(column: Column) -> exp.Coalesce:
    """0 in place of null."""
    return exp.Coalesce(this=column, expressions=[exp.Literal.number(0)])
