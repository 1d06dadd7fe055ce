"""Functions for row features: cases, bounds, and what to do where there is no value."""

from __future__ import annotations

from sqlglot import exp

from pipelines.define.column import Column, Value, plain

Cell = Column | Value


def case(*when: tuple[Column, Cell], otherwise: Cell | None = None) -> Column:
    """The value of the first condition that is true, such as `case((x > 9, 2), (x > 5, 1), otherwise=0)`.

    A condition that is null is not true; without `otherwise`, null where none is true.
    """
    made = exp.Case()
    for condition, value in when:
        made = made.when(plain(condition), plain(value), copy=False)
    return Column(made if otherwise is None else made.else_(plain(otherwise), copy=False))


def clip(column: Column, low: Cell, high: Cell) -> Column:
    """The value, or the nearest bound; null of null, and a bound that is null is none."""
    return case((column < low, low), (column > high, high), otherwise=column)


def coalesce(*columns: Cell) -> Column:
    """The first of them that is not null; null if all are."""
    first, *rest = map(plain, columns)
    return Column(exp.Coalesce(this=first, expressions=rest))


def log(column: Column) -> Column:
    """The natural logarithm; null of null, zero and negative numbers."""
    made = plain(column)
    number = exp.cast(made, "DOUBLE")
    return Column(exp.Case().when(made.copy() > 0, exp.Ln(this=number)))


def least(*columns: Cell) -> Column:
    """The smallest of them, nulls left aside; null if all are."""
    first, *rest = map(plain, columns)
    return Column(exp.Least(this=first, expressions=rest))


def greatest(*columns: Cell) -> Column:
    """The largest of them, nulls left aside; null if all are."""
    first, *rest = map(plain, columns)
    return Column(exp.Greatest(this=first, expressions=rest))
