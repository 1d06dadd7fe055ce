"""The problem that a user writes: what is predicted, from which tables, with which models.

Timestamps are UTC without a zone, everywhere (`timestamp[us]` in Arrow); names end in `_at`. A day is
a calendar date in the problem's own zone; its cutoff is the instant of its 00:00 there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from pipelines.core.dates import night_cutoff
from pipelines.core.errors import ConfigError, DataError, MissingDay, TemporaryError
from pipelines.define.spaces import Space

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from pipelines.core.records import (
        TaskName,
    )
    from pipelines.define.features import FeatureSet


__all__ = [
    "ConfigError",
    "DataError",
    "MissingDay",
    "ModelSpec",
    "Problem",
    "Source",
    "Table",
    "TemporaryError",
]

TableKind = Literal["events", "facts", "dimension"]


@dataclass(frozen=True)
class Table:
    """A table that the source gives.

    kind `events`: today's rows to score, free of outcomes; landed for the night's own day.
    kind `facts`: what happened; landed for days that are over; has a `known_at` column.
    kind `dimension`: changes seldom; landed when it differs from the last one.
    `query` is for sources behind a SQLAlchemy URL: SELECT … with `:day` bound; without it, the rows
    of the table `name` whose column `day` is the day (of a dimension table, all rows).
    """

    name: str
    kind: TableKind
    query: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(TableKind):
            said = str(self.kind)[:40]
            advice = "is called dimension now" if said == "slow" else "is no kind of table"
            raise ConfigError(
                f"table {self.name!r}: kind {said!r} {advice}; say one of {', '.join(get_args(TableKind))}"
            )


class Source(Protocol):
    """Where rows come from."""

    def read(self, table: str, day: date) -> pa.Table:
        """The rows of one day. Raises MissingDay when the source has no such day, DataError when
        it cannot be read, TemporaryError when it does not answer. A day without rows is an empty
        table, not an error.
        """
        ...


@dataclass(frozen=True)
class ModelSpec:
    """How one candidate is made: `build(schema, seed, threads)` gives an unfitted scikit-learn estimator,
    a classifier or a regressor, as the problem's task wants.

    `schema` maps each feature to "number" or "category"; the estimator is fitted on a frame with
    these columns, categories as pandas categoricals. `tune` are settings of it that may be searched
    (pipelines.define.spaces), by their names in `get_params()`.
    """

    name: str
    build: Callable[[Mapping[str, str], int, int], Any]
    tune: Mapping[str, Space] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Problem:
    """Everything that is yours: what is predicted, from what, with which models, for what value."""

    name: str
    label: str  # name of the label; the registered model is <name>-<label>
    zone: str  # the IANA zone in which a day is a day
    first_day: date  # the source has nothing before it
    tables: tuple[Table, ...]
    events: str  # the table to score
    outcomes: str  # the facts that tell how events ended; same key
    key: tuple[str, ...]  # with the day, names an event
    source: Callable[[], Source] | str  # or a URL: SQLAlchemy's, a folder, s3://bucket/prefix
    outcome: Callable[
        [pd.DataFrame], pd.DataFrame
    ]  # outcomes → label (float, NaN: none; binary: 1.0 or 0.0), excluded (reason code or None)
    features: FeatureSet
    recipes: tuple[ModelSpec, ...]  # simplest first
    value: (
        Callable[[np.ndarray, np.ndarray], np.ndarray] | None
    )  # labels, scores → what acting on each score was worth; None: nobody can say
    task: TaskName = "binary"  # a yes or no, scored by its probability; or a number, by its mean
    idle_score: float = 0.0  # nobody acts on it: its value is that of doing nothing
    slices: tuple[str, ...] = ()  # features by whose values the quality of answers is told apart
    label_maturity_days: int = (
        0  # after an event's day until all outcomes of it are known; 0: the next night
    )

    @property
    def model(self) -> str:
        """The registered model's name."""
        return f"{self.name}-{self.label}"

    def worth(self, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """What acting on each score was worth; NaN when the problem gives no value."""
        return labels * float("nan") if self.value is None else self.value(labels, scores)

    def cutoff(self, day: date) -> datetime:
        """00:00 of the day in the problem's zone, as UTC without a zone."""
        return night_cutoff(day, self.zone)

    def last_mature_day(self, day: date) -> date:
        """The newest day whose outcomes are all known at the cutoff of `day`."""
        return day - timedelta(days=1 + self.label_maturity_days)

    def complete(self, day: date) -> date:
        """The first night at whose cutoff all outcomes of `day` are known."""
        return day + timedelta(days=1 + self.label_maturity_days)

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)
