"""What a data scientist declares of the past: one line for a family of features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal, get_args

from sqlglot import exp

from pipelines.core.errors import ConfigError
from pipelines.core.text import nearest_name
from pipelines.define import column

Column = exp.Expr
RowFeature = Callable[..., column.Column]
Key = tuple[str, ...]
Measure = Literal["count", "sum", "mean", "rate", "min", "max", "distinct", "last", "days_since"]
WEIGHED: frozenset[Measure] = frozenset(
    {"count", "sum", "mean", "rate"}
)  # what can count less with age
SMOOTHED: frozenset[Measure] = frozenset({"mean", "rate"})
MEANING = {
    "count": "Number of {table}",
    "sum": "Sum of {value} over {table}",
    "mean": "Mean {value} of {table}",
    "rate": "Share of {value} among {table}",
    "min": "Smallest {value} of {table}",
    "max": "Largest {value} of {table}",
    "distinct": "How many different {value} among {table}",
    "last": "Newest {value} of {table}",
    "days_since": "Days since the last of {table}",
}


@dataclass(frozen=True)
class Window:
    """So many whole days before the cutoff; with a `half_life`, older days count less.

    The day before the cutoff counts whole, a day `half_life` days older half, and so on: in
    millionths, so that sums stay exact in any order. `min`, `max`, `distinct`, `last` and `days_since` have no
    weights, and are not made of such a window.
    """

    days: int
    half_life: int | None = None

    def __post_init__(self) -> None:
        for days in (self.days, 1 if self.half_life is None else self.half_life):
            if type(days) is not int or days < 1:
                raise ConfigError(f"features: {self} is no window; give whole days, 1 or more")

    @property
    def name(self) -> str:
        half = "" if self.half_life is None else f"_half_{self.half_life}d"
        return f"{self.days}d{half}"


@dataclass(frozen=True)
class WindowedAggregation:
    """What facts known before the cutoff tell about events that share a key.

    `value` is a function of fact columns: of a boolean ask the `rate`, of a number `sum`, `mean`,
    `min` or `max`, of anything `distinct` or `last` (of the newest `at`; of those equally new, the
    largest value). Null, infinite, and numbers beyond ±2^53 are no value. Of a double,
    `sum` and `mean` use each value to within 2^-63 (10^-19); the sums of these are exact, whatever the
    order of adding, and the feature is rounded as a double is. `count` and `days_since` are of all facts, with or without a value.

    One feature for each key × window × measure; the key `()` is of everybody. Windows are whole
    days on which things happened, ending with the day before the cutoff; of them counts what was
    known by the cutoff. A window that reaches beyond the first facts counts those that there are. Of
    outcomes that name the same event twice, the one that was known first counts: a correction is a
    further revision of the partition, and not another row.

    `prior_weight` draws the `mean` and `rate` of a thin key toward that of the key without its last
    column, as if so many more facts had been seen there: of (a, b) toward (a,), of that toward
    everybody's. Empirical Bayes, after Efron and Morris, "Data analysis using Stein's estimator
    and its generalizations" (1975); Micci-Barreca, "A preprocessing scheme for high-cardinality
    categorical attributes" (2001). Raises ConfigError for what cannot be meant.
    """

    table: str
    value: RowFeature
    by: tuple[Key, ...]
    days: tuple[int | Window, ...]
    functions: tuple[Measure, ...] = ("rate", "count")
    at: str = "known_at"
    prior_weight: int = 0

    def __post_init__(self) -> None:
        for measure in self.functions:
            if measure not in get_args(Measure):
                near = nearest_name(measure, get_args(Measure))
                raise ConfigError(f"features: {self.name!r} asks for the {measure!r}; {near}")
        wrong = self._wrong()
        if wrong:
            raise ConfigError(f"features: the history {self.name!r} {wrong}")

    def _wrong(self) -> str | None:
        bare = next((by for by in self.by if isinstance(by, str)), None)
        halved = any(window.half_life for window in self.windows)
        weighs = WEIGHED.intersection(self.functions)
        faults = (
            (bare is not None, f"has the key {bare!r}; write ({bare!r},)"),
            (not (self.by and self.days and self.functions), "needs keys, days and functions"),
            (
                not weighs and halved,
                f"has nothing to weigh; a half-life is for {', '.join(sorted(WEIGHED))}",
            ),
            (
                type(self.prior_weight) is not int or self.prior_weight < 0,
                f"has prior_weight={self.prior_weight!r}; give a whole number of facts, 0 for none",
            ),
            (
                bool(self.prior_weight) and not SMOOTHED.intersection(self.functions),
                f"has a prior_weight, which is only for {', '.join(sorted(SMOOTHED))}",
            ),
        )
        return next((sentence for wrong, sentence in faults if wrong), None)

    @property
    def name(self) -> str:
        return self.value.__name__

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        return tuple(one if isinstance(one, Window) else Window(one) for one in self.days)

    @property
    def longest(self) -> int:
        """Days of the longest window."""
        return max(window.days for window in self.windows)

    @property
    def keys(self) -> Key:
        """Every key column, once."""
        return tuple(dict.fromkeys(key for by in self.by for key in by))

    @property
    def grains(self) -> tuple[Key, ...]:
        """Every key that totals are kept of: the declared ones, and those they are drawn toward."""
        parents = [by[:n] for by in self.by for n in range(len(by)) if self.prior_weight]
        return tuple(dict.fromkeys((*self.by, *parents)))

    def features(self) -> tuple[HistoryFeature, ...]:
        """Key by key, window by window."""
        return tuple(
            HistoryFeature(self, by, window, measure)
            for by, window, measure in product(self.by, self.windows, self.functions)
            if window.half_life is None or measure in WEIGHED
        )


@dataclass(frozen=True)
class HistoryFeature:
    """One column of a history."""

    history: WindowedAggregation
    by: Key
    window: Window
    measure: Measure

    @property
    def smoothed(self) -> bool:
        return bool(self.history.prior_weight and self.by and self.measure in SMOOTHED)

    @property
    def name(self) -> str:
        of_facts = self.measure in ("count", "days_since")
        counted = self.history.table if of_facts else self.history.name
        smoothed = "smoothed_" if self.smoothed else ""
        by = f"_by_{'_'.join(self.by)}" if self.by else ""
        return f"{counted}_{smoothed}{self.measure}_{self.window.name}{by}"

    @property
    def about(self) -> str:
        """The feature's entry in the data dictionary."""
        what = MEANING[self.measure].format(table=self.history.table, value=self.history.name)
        text = f"{what}{_of_the_same(self.by)} in the {self.window.days} days before the cutoff"
        if self.window.half_life is not None:
            text += f", counting half for each {self.window.half_life} days of age"
        if self.smoothed:
            toward = _of_the_same(self.by[:-1]) or " of all"
            text += f", drawn toward that{toward} as if by {self.history.prior_weight} more"
        return f"{text}."


def _of_the_same(by: Key) -> str:
    return f" of the same {' and '.join(by)}" if by else ""
