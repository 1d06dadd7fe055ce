"""What a data scientist declares: features by name, free of any engine and of any day.

A column's operators build an expression, so that a row feature reads like arithmetic and runs wherever
the compiled query runs.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil

from pipelines.core.errors import ConfigError
from pipelines.core.text import nearest_name
from pipelines.define.aggregations import RowFeature, Window, WindowedAggregation
from pipelines.define.column import Column

__all__ = [
    "Column",
    "DimensionJoin",
    "FeatureSet",
    "LatestAsOf",
    "PeerCount",
    "RowFeature",
    "Window",
    "WindowedAggregation",
]


@dataclass(frozen=True)
class DimensionJoin:
    """Columns of a dimension table, one row a key, under new names (`take`: new name → its column).

    They may then be used like columns of the event; an event without a row there has none (null).
    """

    table: str
    by: tuple[str, ...]
    take: Mapping[str, str]


@dataclass(frozen=True)
class PeerCount:
    """How many events of the same day share these keys, the event itself included."""

    name: str
    by: tuple[str, ...]
    about: str


@dataclass(frozen=True)
class LatestAsOf:
    """The last row of a facts table observed and known before the cutoff, if it is young enough."""

    table: str
    by: tuple[str, ...]
    columns: tuple[str, ...]
    max_age_hours: int
    at: str = "observed_at"

    def __post_init__(self) -> None:
        if self.max_age_hours <= 0:
            raise ConfigError(
                f"features: the latest {self.table!r} may be {self.max_age_hours} hours old; "
                f"give more than 0"
            )

    @property
    def reach_days(self) -> int:
        """How many partitions back the row may be, whichever zone they are cut in."""
        return ceil(self.max_age_hours / 24) + 1

    def named(self) -> dict[str, str]:
        """Feature → column."""
        return {f"{self.table}_{column}": column for column in self.columns}

    def entries(self) -> list[tuple[str, str]]:
        """The features' entries in the data dictionary."""
        same = " and ".join(self.by)
        of = f"of the last {self.table} of the same {same}" if same else f"of the last {self.table}"
        age = f"at most {self.max_age_hours} hours before the cutoff"
        return [(name, f"{column} {of}, {age}.") for name, column in self.named().items()]


@dataclass(frozen=True)
class FeatureSet:
    """Every feature, in declared order: columns as they are, rows, crowds, history, latest.

    A row feature is a function: its name is the feature, its arguments are columns of the event, of
    a lookup, or other row features; its docstring is the data dictionary's entry.
    """

    columns: Mapping[str, str]  # used as they are → the data dictionary's entry
    rows: tuple[RowFeature, ...] = ()
    lookups: tuple[DimensionJoin, ...] = ()
    crowds: tuple[PeerCount, ...] = ()
    history: tuple[WindowedAggregation, ...] = ()
    latest: tuple[LatestAsOf, ...] = ()
    intermittent: tuple[
        str, ...
    ] = ()  # features that may be without values for days: see coverage.py

    def __post_init__(self) -> None:
        _refuse_twins("feature", [name for name, _ in self._entries])
        _refuse_twins("history", [history.name for history in self.history])
        for name, meaning in self._entries:
            if not meaning:
                raise ConfigError(f"features: {name!r} has no docstring; say what it means")
        if isinstance(self.intermittent, str):
            raise ConfigError(
                f"features: intermittent is {self.intermittent!r}; write ({self.intermittent!r},)"
            )
        for name in self.intermittent:
            if name not in self.names:
                raise ConfigError(
                    f"features: intermittent: {name!r} is no feature; {nearest_name(name, self.names)}"
                )

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
        return max((history.longest for history in self.history), default=0)

    @property
    def windows(self) -> tuple[Window, ...]:
        """Every window of every history."""
        return tuple(window for history in self.history for window in history.windows)

    @cached_property
    def dictionary(self) -> dict[str, str]:
        """The data dictionary: what each feature means."""
        return dict(self._entries)

    @property
    def chapters(self) -> dict[str, list[tuple[str, str]]]:
        """The entries of the data dictionary, by where features come from."""
        return {
            "The event itself": list(self.columns.items()),
            "Computed from its columns": [(r.__name__, inspect.getdoc(r) or "") for r in self.rows],
            "The other events of its day": [(crowd.name, crowd.about) for crowd in self.crowds],
            "What happened before": [
                (one.name, one.about) for history in self.history for one in history.features()
            ],
            "Observed last": [entry for latest in self.latest for entry in latest.entries()],
        }

    @property
    def _entries(self) -> list[tuple[str, str]]:
        return [entry for entries in self.chapters.values() for entry in entries]


def _refuse_twins(kind: str, names: list[str]) -> None:
    twins = [name for name, times in Counter(names).items() if times > 1]
    if twins:
        raise ConfigError(
            f"features: {kind} {twins[0]!r} is declared twice; rename or join the two"
        )
