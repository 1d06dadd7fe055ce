"""Short spellings of the expressions that compiled queries are made of."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from pipelines.define.aggregations import Column


def of(table: str, name: str) -> exp.Column:
    """A column of a table or of its alias."""
    return exp.column(name, table=table)


def columns_of(table: str, names: Iterable[str]) -> dict[str, Column]:
    """Every column of a table, by its name."""
    return {name: of(table, name) for name in names}


def same(one: str, other: str, names: Iterable[str]) -> exp.Condition:
    """The columns are equal in both, be they none; a null is equal to nothing."""
    equal = [of(one, name).eq(of(other, name)) for name in names]
    return exp.and_(*equal) if equal else exp.true()


def aliased(name: str, alias: str) -> exp.Table:
    """A table under a short name."""
    return exp.to_table(name, alias=exp.to_identifier(alias))


def whole(column: Column) -> exp.Cast:
    """A 64-bit integer: what sums are made of, so that their order does not matter."""
    return exp.cast(column, "BIGINT")


def real(column: Column) -> exp.Cast:
    """A double."""
    return exp.cast(column, "DOUBLE")


def real_decimal(column: Column) -> exp.Cast:
    """A double from a decimal without fraction, by its text: engines round large ones differently."""
    return real(exp.cast(column, "TEXT"))


def or_zero(column: Column) -> exp.Coalesce:
    """0 in place of null."""
    return exp.Coalesce(this=column, expressions=[number(0)])


def number(whole_number: int) -> exp.Literal:
    """A whole number as it is written."""
    return exp.Literal(this=str(whole_number), is_string=False)


def pair(**columns: Column) -> exp.Struct:
    """Columns as one value: compared by the first, and where that is equal by the next."""
    return exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(name), expression=column)
            for name, column in columns.items()
        ]
    )


def within(column: Column, name: str) -> exp.StructExtract:
    """One column of a pair."""
    return exp.StructExtract(this=column, expression=exp.Literal.string(name))
