"""Row features: operators and functions give what pandas gives, and Python's own operators are refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.core.contracts import Engine
from pipelines.core.errors import ConfigError
from pipelines.methods import calendar
from pipelines.methods.compile import features_query
from pipelines.methods.declare import Column, FeatureSet
from pipelines.methods.resolve import Shape
from pipelines.methods.row import case, clip, coalesce, greatest, least, log

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
}


def made_of(*rows: Callable[..., object]) -> tuple[FeatureSet, Shape, pa.Table]:
    for number, row in enumerate(rows):
        row.__name__, row.__doc__ = f"row_{number}", "A feature."
    events = pa.Table.from_pandas(FRAME, preserve_index=False)
    events = events.append_column("day", pa.array([DAY] * len(FRAME), pa.date32()))
    declared = FeatureSet(columns={}, rows=rows)  # type: ignore[arg-type]
    return declared, Shape("events", ("n",), {"events": events.schema}), events


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
