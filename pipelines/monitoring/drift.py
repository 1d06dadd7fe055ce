"""Whether features still look as in training, and rows unlike any there that are kept for a post-mortem."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

BINS = 10
FEW = 20  # a feature with no more different values has a bin for each of them
BLOCKS = 20  # of consecutive training days, spread evenly, stand for all of them
ENOUGH = 3  # earlier indices, to tell what is usual from
RISK = 0.01  # that a night without drift has an alarm, over all features together
GROSS = 0.2  # share of the newest day's values beyond anything that training saw
Z_999 = 3.0902  # of the standard normal, one time in a thousand above it


@dataclass(frozen=True)
class Drift:
    """How far one feature has moved."""

    feature: str
    psi: float
    usual: float | None  # the highest index that its own past explains; None: not enough history
    missing_then: float  # share of events
    missing_now: float
    beyond: float = 0.0  # share of the newest day's values that are beyond anything seen before

    @property
    def is_gross(self) -> bool:
        """Whether the newest day's values are on another scale, as after a change of unit."""
        return self.beyond >= GROSS

    def is_above(self, limit: float) -> bool:
        """On another scale, or moved by more than the limit, and further than its past explains."""
        moved = self.usual is not None and self.psi >= limit and self.psi > self.usual
        return self.is_gross or moved

    def is_untold(self, limit: float) -> bool:
        """Moved by more than the limit, with too little history to say whether that is usual."""
        return self.usual is None and self.psi >= limit

    def strength(self, limit: float) -> float:
        """How many times as far as it may: a feature that always moves much is not the strongest."""
        moved = 0.0 if self.usual is None else self.psi / max(limit, self.usual)
        return max(moved, self.beyond / GROSS if self.is_gross else 0.0)


def feature_drift(
    blocks: Sequence[pd.DataFrame],
    recent: Sequence[pd.DataFrame],
    features: Sequence[str],
    unlearned: int = 0,
) -> tuple[Drift, ...]:
    """The drift of each feature between training data and recent events, largest first.

    `blocks` are earlier data, oldest first, each of as many consecutive days as `recent`, whose days
    they are, the newest last. The last `unlearned` blocks came after training, and are not compared
    with. The population stability index over ten bins of equal mass among the training values (Lewis
    1994; Siddiqi 2006: below 0.1 is stable, above 0.25 has shifted). Missing values have a bin of
    their own, and so do values that training never saw.

    A season and a growing training window move the index however sound the data are. So each earlier
    block is compared with the blocks before it, at the same distance, in the same way: `usual` is the
    upper Student t prediction limit of the next logarithm of the index (Hahn & Meeker 1991,
    Statistical Intervals, ch. 4), with the risk shared among the features (Bonferroni). Without rows
    there is no drift.
    """
    learned = list(blocks[: len(blocks) - unlearned])
    parts, days = [*learned, *recent], [len(one) for one in recent]
    if not sum(map(len, learned)) or not sum(days):
        return ()
    data = pd.concat(parts, ignore_index=True)
    owners = np.repeat(np.arange(len(learned) + 1), [*(len(one) for one in learned), sum(days)])
    risk = RISK / len(features)
    found = [_drift(name, data[name], owners, (days[-1], unlearned, risk)) for name in features]
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


def count_bins(values: pd.Series, owners: np.ndarray) -> np.ndarray:
    """Events by block (`owners`, 0 to n) and bin; the bins are cut from all blocks but the last."""
    is_recent = owners == owners.max()
    cut = _bins(values[~is_recent], values[is_recent])
    bins = cut(values)
    size, n_blocks = int(bins.max()) + 1, int(owners.max()) + 1
    counts = np.bincount(owners * size + bins, minlength=n_blocks * size)
    counts = counts.reshape(n_blocks, size)
    return counts[:, counts.sum(axis=0) > 0]


def explained_index(counts: np.ndarray, unlearned: int, risk: float) -> float | None:
    """The index that the last block exceeds with this risk if it follows from those before as each of
    them did; None when they are too few to tell.
    """
    from scipy.special import stdtrit

    freedom = max(1, counts.shape[1] - 1)
    logs = []
    for place in range(unlearned + 1, len(counts) - 1):
        then, now = counts[: place - unlearned].sum(axis=0), counts[place]
        if then.sum() and now.sum():
            chance = (1 / then.sum() + 1 / now.sum()) * freedom  # the mean of a world at rest
            logs.append(np.log(max(stability_index(then, now), chance)))
    n = len(logs)
    if n < ENOUGH:
        return None
    # No less than the logarithm of χ² with these degrees of freedom varies by chance.
    spread = max(float(np.std(logs, ddof=1)), math.sqrt(2 / freedom))
    reach = float(stdtrit(n - 1, 1 - risk)) * spread * math.sqrt(1 + 1 / n)
    return math.exp(min(float(np.mean(logs)) + reach, 100.0))


def share_beyond(then: pd.Series, now: pd.Series) -> float:
    """The share of numbers further out than the widest that was seen, by more than its whole range."""
    if not (pd.api.types.is_numeric_dtype(then) and pd.api.types.is_numeric_dtype(now)):
        return 0.0
    before, after = (one.dropna().to_numpy(dtype="float64", na_value=np.nan) for one in (then, now))
    if not len(before) or not len(after) or before.min() == before.max():
        return 0.0
    low, high = before.min(), before.max()
    beyond = (after < low - (high - low)) | (after > high + (high - low))
    return float(beyond.mean())


def _drift(name: str, values: pd.Series, owners: np.ndarray, how: tuple[int, int, float]) -> Drift:
    newest, unlearned, risk = how
    is_recent = owners == owners.max()
    then, now = values[~is_recent], values[is_recent]
    counts = count_bins(values, owners)
    explained = explained_index(counts, unlearned, risk)
    chance = chance_index(len(then), len(now), counts.shape[1])
    return Drift(
        feature=name,
        psi=stability_index(counts[:-1].sum(axis=0), counts[-1]),
        usual=None if explained is None else max(chance, explained),
        missing_then=float(then.isna().mean()),
        missing_now=float(now.isna().mean()),
        beyond=share_beyond(then, now.iloc[len(now) - newest :]),
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
