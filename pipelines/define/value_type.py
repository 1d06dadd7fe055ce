"""What kind of thing a declared value is, and which values are none."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
from sqlglot import exp

from pipelines.core.errors import ConfigError
from pipelines.define.aggregations import Column, Measure, WindowedAggregation
from pipelines.define.sql import number, real, whole

ValueType = Literal["boolean", "whole", "number", "text", "other"]
LARGEST = 2**53  # up to here a double holds every whole number
ARROW = {
    "BOOLEAN": pa.types.is_boolean,
    "BIGINT": pa.types.is_integer,
    "DOUBLE": lambda kind: pa.types.is_floating(kind) or pa.types.is_decimal(kind),
    "DATE": pa.types.is_date,
    "TIMESTAMP": pa.types.is_timestamp,
}
NUMBERS: tuple[ValueType, ...] = ("boolean", "whole", "number")
SUITS: dict[Measure, tuple[ValueType, ...]] = {
    "rate": ("boolean",),
    "last": (*NUMBERS, "text"),
    "sum": NUMBERS,
    "mean": NUMBERS,
    "min": NUMBERS,
    "max": NUMBERS,
}


def kind_of(value: Column, schema: pa.Schema) -> ValueType:
    """What an expression of a table's columns gives; a number where nobody can tell."""
    from sqlglot.optimizer.annotate_types import annotate_types

    typed = value.transform(lambda node: _example(node, schema))
    found = annotate_types(typed, dialect="duckdb").type or exp.DataType.build("UNKNOWN")
    if found.is_type("BOOLEAN"):
        return "boolean"
    if found.is_type(*exp.DataType.INTEGER_TYPES):
        return "whole"
    if found.is_type(*exp.DataType.TEXT_TYPES):
        return "text"
    return "other" if found.is_type(*exp.DataType.TEMPORAL_TYPES) else "number"


def _example(node: exp.Expr, schema: pa.Schema) -> exp.Expr:
    """A value of the column's type in place of the column."""
    if not isinstance(node, exp.Column):
        return node
    held = schema.field(node.name).type
    held = held.value_type if pa.types.is_dictionary(held) else held
    return exp.cast(
        exp.null(), next((name for name, is_it in ARROW.items() if is_it(held)), "TEXT")
    )


def refuse_unsuited(history: WindowedAggregation, kind: ValueType) -> None:
    """Raises ConfigError when a measure cannot be had of such a value."""
    for measure in history.functions:
        if kind not in SUITS.get(measure, (kind,)):
            raise ConfigError(
                f"features: {history.name!r} asks for the {measure!r} of a value that is "
                f"{kind}; that is for {' or '.join(SUITS[measure])}"
            )


def known_value(value: Column, kind: ValueType) -> Column:
    """The value as it is kept; null where a number is no finite one, or too large to be exact."""
    if kind in ("boolean", "whole"):
        return whole(value)
    if kind != "number":
        return value
    size = exp.Abs(this=real(value))
    return (
        exp.Case()
        .when(size.eq(number(0)), real(number(0)))  # also of -0, or the order would be seen
        .when(size <= number(LARGEST), real(value.copy()))
    )
