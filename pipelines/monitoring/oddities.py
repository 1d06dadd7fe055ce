"""Rows that are kept for the morning after: a sample of the day, and what is unlike anything before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

SAMPLED = 100  # events a day
PER_FEATURE = 100  # outliers that are kept of one feature; of a broken one, all rows are


@dataclass(frozen=True)
class Outlier:
    """An event whose value of a feature was never seen before, and what was."""

    event_key: str
    feature: str
    value: str
    reason: str


def draw(keys: pd.Series[str], size: int = SAMPLED) -> np.ndarray:
    """Places of up to `size` events, the same ones for the same keys: those with the lowest hashes."""
    hashes = pd.util.hash_array(keys.to_numpy(dtype=object), hash_key="redeye's samples")
    return np.sort(np.argsort(hashes, kind="stable")[:size])


def find_outliers(
    then: pd.DataFrame, now: pd.DataFrame, keys: pd.Series[str], features: Sequence[str]
) -> list[Outlier]:
    """Events of `now` with a value outside the range that a feature had among the events of `then`, or
    with a word that none of them had. A missing value is none. `keys` name the events of `now`.
    """
    if then.empty:
        return []
    found: list[Outlier] = []
    for name in features:
        judged = _numbers if pd.api.types.is_numeric_dtype(now[name]) else _words
        for place, reason in judged(then[name], now[name]):
            value = str(now[name].iloc[place])
            found.append(Outlier(keys.iloc[place], name, value, reason))
    return found


def _numbers(then: pd.Series, now: pd.Series) -> Iterator[tuple[int, str]]:
    known, values = (one.to_numpy(dtype="float64", na_value=np.nan) for one in (then, now))
    known = known[np.isfinite(known)]
    if not len(known):
        return
    low, high = known.min(), known.max()
    of = f"of {len(known):,} events before"
    for places, reason in (
        (values > high, f"above the highest {of}, {high:g}"),
        (values < low, f"below the lowest {of}, {low:g}"),
    ):
        for place in np.flatnonzero(places)[:PER_FEATURE]:
            yield int(place), reason


def _words(then: pd.Series, now: pd.Series) -> Iterator[tuple[int, str]]:
    known = set(then.dropna().astype("str"))
    strange = now.notna() & ~now.astype("str").isin(known)
    for place in np.flatnonzero(strange.to_numpy(dtype=bool))[:PER_FEATURE]:
        yield int(place), f"none of {int(then.notna().sum()):,} events before had it"
