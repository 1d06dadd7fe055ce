"""Whether features still look as they did when the model learned from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

BINS = 10
FEW = 20  # a feature with no more different values has a bin for each of them
BLOCKS = 10  # of consecutive training days, spread evenly, stand for all of them
Z_999 = 3.0902  # of the standard normal, one time in a thousand above it


@dataclass(frozen=True)
class Drift:
    """How far one feature has moved."""

    feature: str
    psi: float
    usual: float  # what blocks of training days moved at most, or what chance moves so few events
    missing_then: float  # share of events
    missing_now: float

    def is_above(self, limit: float) -> bool:
        """Moved by more than the limit, and further than is usual."""
        return self.psi >= limit and self.psi > self.usual

    def strength(self, limit: float) -> float:
        """How many times as far as it may: a feature that always moves much is not the strongest."""
        return self.psi / max(limit, self.usual)


def feature_drift(
    blocks: Sequence[pd.DataFrame], now: pd.DataFrame, features: Sequence[str]
) -> tuple[Drift, ...]:
    """The drift of each feature between training data and recent events, largest first.

    `blocks` are training data, each of as many consecutive days as `now`. The population stability
    index over ten bins of equal mass among the training values (Lewis 1994; Siddiqi 2006: below 0.1
    is stable, above 0.25 has shifted). Missing values have a bin of their own, and so do values that
    training never saw.

    The events of a day share its weather, so a week differs from a year however stable the world is:
    each block's index against the other blocks tells what is usual. Without rows there is no drift.
    """
    then = pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame()
    if then.empty or now.empty:
        return ()
    owners = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    found = [_drift(name, then[name], owners, now[name]) for name in features]
    return tuple(sorted(found, key=lambda drift: -drift.psi))


def stability_index(then: np.ndarray, now: np.ndarray) -> float:
    """Σ (now − then) · ln(now / then) over the shares of bins, from counts of the same bins.

    Half an event is added to every bin, so that an empty one is rare and not impossible.
    """
    before = (then + 0.5) / (then.sum() + 0.5 * len(then))
    after = (now + 0.5) / (now.sum() + 0.5 * len(now))
    return float(np.sum((after - before) * np.log(after / before)))


def chance_index(n_then: int, n_now: int, bins: int) -> float:
    """The index that two samples of one distribution exceed one time in a thousand.

    It is distributed as (1/n + 1/m) · χ² with bins − 1 degrees of freedom (Yurdakul & Naranjo
    2020, Statistical properties of the population stability index); the quantile is Wilson and
    Hilferty's (1931). Events of one day move together, so the true one is somewhat higher.
    """
    freedom = max(1, bins - 1)
    spread = 2 / (9 * freedom)
    return (1 / n_then + 1 / n_now) * freedom * (1 - spread + Z_999 * math.sqrt(spread)) ** 3


def spread_blocks(count: int, size: int, wanted: int = BLOCKS) -> list[range]:
    """Places of up to `wanted` blocks of `size` days among `count` days, evenly spread, none twice."""
    size = min(size, count)
    blocks = min(wanted, count // size) if size else 0
    starts = np.linspace(0, count - size, blocks).astype(int) if blocks > 1 else [count - size]
    return [range(int(start), int(start) + size) for start in starts][: max(blocks, 0)]


def _drift(name: str, then: pd.Series, owners: np.ndarray, now: pd.Series) -> Drift:
    cut = _bins(then, now)
    bins_then, bins_now = cut(then), cut(now)
    size = int(max(bins_then.max(), bins_now.max())) + 1
    after = np.bincount(bins_now, minlength=size)
    n_blocks = int(owners.max()) + 1
    by_block = np.bincount(owners * size + bins_then, minlength=n_blocks * size)
    by_block = by_block.reshape(n_blocks, size)
    before = by_block.sum(axis=0)
    used = (before + after) > 0
    usual = [stability_index((before - one)[used], one[used]) for one in by_block]
    chance = chance_index(len(then), len(now), int(used.sum()))
    return Drift(
        feature=name,
        psi=stability_index(before[used], after[used]),
        usual=max([chance, *(usual if n_blocks > 1 else [])]),
        missing_then=float(then.isna().mean()),
        missing_now=float(now.isna().mean()),
    )


Cut = Callable[[pd.Series], np.ndarray]


def _bins(then: pd.Series, now: pd.Series) -> Cut:
    if not (pd.api.types.is_numeric_dtype(then) and pd.api.types.is_numeric_dtype(now)):
        return _value_bins(pd.Index(then.dropna().value_counts().index[:FEW]))
    known = then.dropna().to_numpy(dtype="float64")
    if len(values := np.unique(known)) <= FEW:
        return _value_bins(pd.Index(values))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))

    def cut(series: pd.Series) -> np.ndarray:
        numbers = series.to_numpy(dtype="float64", na_value=np.nan)
        inside = np.searchsorted(edges, numbers, side="right")
        return np.where(np.isnan(numbers), len(edges) + 1, inside)

    return cut


def _value_bins(values: pd.Index) -> Cut:
    """A bin for each value, one for all others, one for missing ones."""

    def cut(series: pd.Series) -> np.ndarray:
        places = values.get_indexer(pd.Index(series))
        other = np.where(series.isna(), len(values) + 1, len(values))
        return np.where(places >= 0, places, other)

    return cut
