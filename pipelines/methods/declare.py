"""What a data scientist declares: features by name, free of any engine and of any day.

A column is an expression whose operators are overloaded (sqlglot's), so that a row feature reads
like arithmetic and runs wherever the compiled query runs.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import ceil
from typing import Literal

from sqlglot import exp

from pipelines.core.errors import ConfigError

Column = exp.Expr
RowFeature = Callable[..., Column]
Measure = Literal["rate", "mean", "count"]


@dataclass(frozen=True)
class Lookup:
    """Columns of a slow table, one row a key, under new names (`take`: new name → its column).

    They may then be used like columns of the event; an event without a row there has none (null).
    """

    table: str
    by: tuple[str, ...]
    take: Mapping[str, str]


@dataclass(frozen=True)
class Crowd:
    """How many events of the same day share these keys, the event itself included."""

    name: str
    by: tuple[str, ...]
    about: str


@dataclass(frozen=True)
class History:
    """What facts known before the cutoff tell about events that share a key.

    `value` is a function of fact columns: of a boolean ask the `rate`, of a number the `mean`;
    null where there is nothing to know. Sums are kept in whole numbers, so that they are equal in
    whichever order they are added: give a number in a unit whose fractions do not matter.
    `count` counts all facts, with or without a value. One feature for each key × window × measure:
    windows are whole days on which things happened, ending with the day before the cutoff; of
    them counts what was known by the cutoff.
    """

    table: str
    value: RowFeature
    by: tuple[tuple[str, ...], ...]
    days: tuple[int, ...]
    measures: tuple[Measure, ...] = ("rate", "count")

    @property
    def name(self) -> str:
        return self.value.__name__

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key column, once."""
        return tuple(dict.fromkeys(key for by in self.by for key in by))

    def features(self) -> tuple[HistoryFeature, ...]:
        """Key by key, window by window."""
        return tuple(
            HistoryFeature(self, *one) for one in product(self.by, self.days, self.measures)
        )


@dataclass(frozen=True)
class HistoryFeature:
    """One column of a history."""

    history: History
    by: tuple[str, ...]
    days: int
    measure: Measure

    @property
    def name(self) -> str:
        counted = self.history.table if self.measure == "count" else self.history.name
        return f"{counted}_{self.measure}_{self.days}d_by_{'_'.join(self.by)}"

    @property
    def about(self) -> str:
        """The feature's entry in the data dictionary."""
        what = {
            "rate": f"Share of {self.history.name} among {self.history.table}",
            "mean": f"Mean {self.history.name} of {self.history.table}",
            "count": f"Number of {self.history.table}",
        }[self.measure]
        same = " and ".join(self.by)
        return f"{what} of the same {same} in the {self.days} days before the cutoff."


@dataclass(frozen=True)
class Latest:
    """The last row of a facts table observed and known before the cutoff, if it is young enough."""

    table: str
    by: tuple[str, ...]
    columns: tuple[str, ...]
    max_age_hours: int
    at: str = "observed_at"

    @property
    def reach_days(self) -> int:
        """How many partitions back the row may be, whichever zone they are cut in."""
        return ceil(self.max_age_hours / 24) + 1

    def named(self) -> dict[str, str]:
        """Feature → column."""
        return {f"{self.table}_{column}": column for column in self.columns}


@dataclass(frozen=True)
class FeatureSet:
    """Every feature, in declared order: columns as they are, rows, crowds, history, latest.

    A row feature is a function: its name is the feature, its arguments are columns of the event, of
    a lookup, or other row features; its docstring is the data dictionary's entry.
    """

    columns: Mapping[str, str]  # used as they are → the data dictionary's entry
    rows: tuple[RowFeature, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    crowds: tuple[Crowd, ...] = ()
    history: tuple[History, ...] = ()
    latest: tuple[Latest, ...] = ()

    def __post_init__(self) -> None:
        _refuse_twins("feature", [name for name, _ in self._entries])
        _refuse_twins("history", [history.name for history in self.history])
        for name, meaning in self._entries:
            if not meaning:
                raise ConfigError(f"features: {name!r} has no docstring; say what it means")

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in declared order."""
        return tuple(self.dictionary)

    @property
    def functions(self) -> dict[str, RowFeature]:
        """Row features by name."""
        return {feature.__name__: feature for feature in self.rows}

    @property
    def longest_window(self) -> int:
        """Days of history that the longest window reads."""
        return max((days for history in self.history for days in history.days), default=0)

    @cached_property
    def dictionary(self) -> dict[str, str]:
        """The data dictionary: what each feature means."""
        return dict(self._entries)

    @property
    def _entries(self) -> list[tuple[str, str]]:
        entries = list(self.columns.items())
        entries += [(row.__name__, inspect.getdoc(row) or "") for row in self.rows]
        entries += [(crowd.name, crowd.about) for crowd in self.crowds]
        entries += [(one.name, one.about) for history in self.history for one in history.features()]
        return entries + [
            (name, f"{column} of the last {latest.table} row before the cutoff.")
            for latest in self.latest
            for name, column in latest.named().items()
        ]


def _refuse_twins(kind: str, names: list[str]) -> None:
    twins = [name for name, times in Counter(names).items() if times > 1]
    if twins:
        raise ConfigError(
            f"features: {kind} {twins[0]!r} is declared twice; rename or join the two"
        )
