"""Row features: operators and functions give what pandas gives, and Python's own operators are refused."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from math import floor
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.core.errors import ConfigError
from pipelines.define.features import Column, FeatureSet
from pipelines.define.row import case, clip, coalesce, greatest, least, log
from pipelines.features import day_tables as calendar
from pipelines.features.ports import Engine
from pipelines.features.query import features_query
from pipelines.features.scope import TableSchemas

DAY = date(2013, 10, 1)
FRAME = pd.DataFrame(
    {
        "n": [1, 2, 3, 4, 5],
        "x": [1.0, -2.5, None, 0.0, 9.0],
        "y": [1.0, 4.0, 5.0, None, -9.0],
        "word": ["a", "b", None, "a", "c"],
    }
)
X, Y, WORD = FRAME["x"], FRAME["y"], FRAME["word"]
KNOWN = X.notna() & Y.notna()
MADE: dict[str, tuple[Callable[..., object], pd.Series]] = {
    "equal inside |": (lambda x, word: (word == "a") | (x == 9), (WORD == "a") | (X == 9)),
    "unequal inside &": (lambda x, n: (x != 1) & (n != 5), ((X != 1) & (FRAME["n"] != 5))),
    "equal columns": (lambda x, y: x == y, (X == Y).where(KNOWN)),
    "equal sums": (lambda x, y: x + 1 == y + 1, (X == Y).where(KNOWN)),
    "value first": (lambda n: 3 != n, FRAME["n"] != 3),  # noqa: SIM300  that is the case
    "not equal": (lambda n: ~(n == 2), FRAME["n"] != 2),
    "null": (lambda x, n: x.is_null() & (n > 0), X.isna()),
    "case": (
        lambda n: case((n > 4, 2.5), (n > 2, 1), otherwise=0),
        pd.Series(np.select([FRAME["n"] > 4, FRAME["n"] > 2], [2.5, 1.0], 0.0)),
    ),
    "case without else": (lambda x: case((x > 0, 1)), pd.Series([1.0, None, None, None, 1.0])),
    "clip": (lambda x: clip(x, -1, 2.5), X.clip(-1, 2.5)),
    "coalesce": (lambda x, y: coalesce(x, y, 0), X.fillna(Y).fillna(0)),
    "log": (lambda x: log(x * 1), np.log(X.where(X > 0))),
    "abs": (lambda x: abs(x - 0), X.abs()),
    "least": (lambda x, y: least(x, y, y), FRAME[["x", "y"]].min(axis=1)),
    "greatest": (lambda x, y: greatest(x, y, 2), FRAME.assign(z=2)[["x", "y", "z"]].max(axis=1)),
    "arithmetic": (lambda x: 10 - 2 * x / 4, 10 - 2 * X / 4),
    "a factor in parentheses": (lambda x, n: 2 * n * (x + 1), 2 * FRAME["n"] * (X + 1)),
    "a difference of differences": (lambda x, n: 10 - (n - (x - 1)), 10 - (FRAME["n"] - (X - 1))),
    "a quotient of quotients": (lambda x, n: (x - 1) / (n / 2), (X - 1) / (FRAME["n"] / 2)),
    "a remainder of a sum": (lambda x, n: n % 2 % (x + 4), FRAME["n"] % 2 % (X + 4)),
    "null or not": (lambda x, n: (~(n > x)).is_null(), X.isna()),
}


def made_of(*rows: Callable[..., object]) -> tuple[FeatureSet, TableSchemas, pa.Table]:
    for number, row in enumerate(rows):
        row.__name__, row.__doc__ = f"row_{number}", "A feature."
    events = pa.Table.from_pandas(FRAME, preserve_index=False)
    events = events.append_column("day", pa.array([DAY] * len(FRAME), pa.date32()))
    declared = FeatureSet(columns={}, rows=rows)  # type: ignore[arg-type]
    return declared, TableSchemas("events", ("n",), {"events": events.schema}), events


def test_expressions_are_what_pandas_makes_of_the_rows(engine: Engine) -> None:
    declared, shape, events = made_of(*(row for row, _ in MADE.values()))
    days = calendar.scored_days([DAY], lambda day: pd.Timestamp(day).to_pydatetime(), ())

    found = engine.run(features_query(declared, shape), {"events": events, "days": days})

    for number, (what, (_, expected)) in enumerate(MADE.items()):
        column = found[f"row_{number}"].to_pandas().astype("float64")
        known = column.notna()  # SQL's comparisons with null are null, those of pandas are not
        wanted = expected.astype("float64")
        compared = known if wanted.notna().all() and "equal" in what else slice(None)
        np.testing.assert_allclose(column[compared], wanted[compared], rtol=1e-15, err_msg=what)
        assert column.nunique() > 1 or what == "case without else", what


@dataclass(frozen=True)
class Made:
    """A random expression: what a row feature makes of its columns, and what Python makes of a row."""

    column: Callable[[Column, Column], Any]
    python: Callable[[float | None, float | None], Any]


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": lambda a, b: a // b if isinstance(a, Column) or isinstance(b, Column) else floor(a / b),
    "%": lambda a, b: (
        a % b if isinstance(a, Column) or isinstance(b, Column) else a - floor(a / b) * b
    ),
}
COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def strict(made: Callable[..., Any]) -> Callable[..., Any]:
    """Null of null, and of a division by zero."""

    def maybe(*values: Any) -> Any:
        try:
            return None if None in values else made(*values)
        except ZeroDivisionError:
            return None

    return maybe


def both(a: bool | None, b: bool | None) -> bool | None:
    return False if a is False or b is False else None if a is None or b is None else True


def either(a: bool | None, b: bool | None) -> bool | None:
    return True if a is True or b is True else None if a is None or b is None else False


def a_row(made: Made) -> Callable[..., Any]:
    def row(x: Column, y: Column) -> Any:
        return made.column(x, y)

    return row


def joined(sign: Callable[..., Any], python: Callable[..., Any], *parts: Made) -> Made:
    return Made(
        lambda x, y: sign(*(part.column(x, y) for part in parts)),
        lambda x, y: python(*(part.python(x, y) for part in parts)),
    )


def a_number(rng: np.random.Generator, depth: int) -> Made:
    kind = rng.integers(0, 10) if depth else 10
    if kind < 7:
        sign = ARITHMETIC[str(rng.choice(list(ARITHMETIC)))]
        parts = [a_number(rng, depth - 1), a_number(rng, depth - 1)]
        if rng.random() < 0.3:  # a plain value on one side, either one
            value = float(rng.choice([2.0, 0.5, 7.0, -3.0]))
            parts[rng.integers(2)] = Made(lambda x, y: value, lambda x, y: value)
        return joined(sign, strict(sign), *parts)
    if kind == 7:
        return joined(operator.neg, strict(operator.neg), a_number(rng, depth - 1))
    if kind == 8:
        return joined(abs, strict(abs), a_number(rng, depth - 1))
    if kind == 9:
        return joined(
            lambda when, then, other: case((when, then), otherwise=other),
            lambda when, then, other: then if when else other,
            a_condition(rng, depth - 1),
            a_number(rng, depth - 1),
            a_number(rng, depth - 1),
        )
    if rng.random() < 0.5:
        return Made(lambda x, y: x, lambda x, y: x)
    return Made(lambda x, y: y, lambda x, y: y)


def a_condition(rng: np.random.Generator, depth: int) -> Made:
    kind = rng.integers(0, 6) if depth > 0 else 0
    if kind <= 1:
        sign = COMPARED[str(rng.choice(list(COMPARED)))]
        return joined(sign, strict(sign), *(a_number(rng, max(depth - 1, 0)) for _ in range(2)))
    if kind == 2:
        return joined(operator.and_, both, *(a_condition(rng, depth - 1) for _ in range(2)))
    if kind == 3:
        return joined(operator.or_, either, *(a_condition(rng, depth - 1) for _ in range(2)))
    if kind == 4:
        return joined(operator.invert, strict(operator.not_), a_condition(rng, depth - 1))
    sign = COMPARED[str(rng.choice(["==", "!="]))]
    return joined(sign, strict(sign), *(a_condition(rng, depth - 1) for _ in range(2)))


def test_an_expression_of_many_operators_is_what_python_makes_of_each_row(engine: Engine) -> None:
    rng = np.random.default_rng(5)
    made = [(a_number if n % 3 else a_condition)(rng, 3) for n in range(300)]
    declared, shape, events = made_of(*map(a_row, made))
    days = calendar.scored_days([DAY], lambda day: pd.Timestamp(day).to_pydatetime(), ())

    found = engine.run(features_query(declared, shape), {"events": events, "days": days})

    for number, one in enumerate(made):
        told = found[f"row_{number}"].to_pandas().astype("float64").to_numpy()
        pairs = zip(
            *(FRAME[name].astype(object).where(FRAME[name].notna(), None) for name in "xy"),
            strict=True,
        )
        wanted = np.array([one.python(x, y) for x, y in pairs], dtype="float64")
        np.testing.assert_allclose(told, wanted, rtol=1e-12, err_msg=f"row_{number}")


REFUSED: dict[str, Callable[..., object]] = {
    "and": lambda x: x > 1 and x < 2,
    "or": lambda x: x > 1 or x < 0,
    "not": lambda x: not x,
    "if": lambda x: 1 if x > 1 else 0,
    "chain": lambda x: 0 < x < 3,
    "in a tuple": lambda x: x in (1, 2),
    "in a set": lambda x: x in {1, 2},
    "in a column": lambda x: 1 in x,
    "a dict": lambda word: {"a": 1}[word],
    "len": lambda word: len(word) + 1,
    "iteration": lambda word: [*word, 1],
    "max": lambda x, y: max(x, y) + 1,
    "float": lambda x: float(x) + 1,
    "text": lambda word, n: word == f"{n}",
    "None": lambda x: x == None,  # noqa: E711  that is the fault
    "is not None": lambda x: (x is not None) & (x > 1),
    "infinite": lambda x: x < float("inf"),
}


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED)
def test_what_python_would_decide_itself_is_refused_with_the_way_to_write_it(
    row: Callable[..., Column],
) -> None:
    declared, shape, _ = made_of(row)

    with pytest.raises(ConfigError, match=r"features: 'row_0': .*(write|compare|use|no column)"):
        features_query(declared, shape)
