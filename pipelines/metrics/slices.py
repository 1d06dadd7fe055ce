"""Events that share a value of a column: which slices there are, and what each is called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

LONGEST = 100  # characters of a value in a slice's name
FEWEST = 30  # events of a slice; fewer tell nothing
VALUES = 30  # of a column that quality is sliced by, the most frequent ones


def slice_name(column: str, value: object) -> str:
    """What a slice is called, such as `origin=EWR`; a long value by its beginning and its checksum."""
    text = str(value)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}…{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return f"{column}={text}"


def each_slice(
    rows: pd.DataFrame, slices: Sequence[str]
) -> Iterator[tuple[str, object, np.ndarray]]:
    """Column, value and places of its rows, for the most frequent values of each column."""
    for column in slices:
        codes, values = pd.factorize(rows[column], sort=True)
        for code in np.argsort(-np.bincount(codes[codes >= 0]), kind="stable")[:VALUES]:
            yield column, values[code], np.flatnonzero(codes == code)
