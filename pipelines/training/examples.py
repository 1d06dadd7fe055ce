"""What models learn from and are judged on: kept features of past events, and how those ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.errors import DataError
from pipelines.core.records import FeatureTable, Partition, TaskName
from pipelines.data.ports import Lake
from pipelines.define.problem import Problem
from pipelines.metrics.classification import ScoredEvents
from pipelines.training.labels import label_events, label_facts

FeatureType = Literal["number", "category"]


@dataclass(frozen=True)
class Examples:
    """Labelled events: for each a row of features, a label of the task, a day (datetime64[D]), and when
    the label became known (datetime64[us], UTC).
    """

    schema: Mapping[str, FeatureType]
    frame: pd.DataFrame
    labels: np.ndarray
    days: np.ndarray
    known_at: np.ndarray
    task: TaskName = "binary"
    sliced: pd.DataFrame | None = None  # columns of the key that quality is sliced by

    def between(self, first: date, last: date) -> Examples:
        """Those of the days from first to last."""
        return self._only((self.days >= np.datetime64(first)) & (self.days <= np.datetime64(last)))

    def until(self, last: date) -> Examples:
        """Those of the days up to the last."""
        return self._only(self.days <= np.datetime64(last))

    def known_before(self, instant: datetime) -> Examples:
        """Those whose label was known before the instant."""
        return self._only(self.known_at < np.datetime64(instant))

    def sample(self, most: int) -> Examples:
        """At most so many of them, spread evenly."""
        chosen = np.zeros(len(self.labels), dtype="bool")
        chosen[np.linspace(0, len(chosen) - 1, min(most, len(chosen))).astype("int64")] = True
        return self._only(chosen)

    def _only(self, chosen: np.ndarray) -> Examples:
        return replace(
            self,
            frame=self.frame.loc[chosen].reset_index(drop=True),
            labels=self.labels[chosen],
            days=self.days[chosen],
            known_at=self.known_at[chosen],
            sliced=None if self.sliced is None else self.sliced.loc[chosen].reset_index(drop=True),
        )

    def columns(self, names: Sequence[str]) -> pd.DataFrame:
        """Columns by which quality is sliced: features, or columns of the key."""
        others = [] if self.sliced is None else [self.sliced]
        known = pd.concat([self.frame, *others], axis=1) if others else self.frame
        return known[list(names)]


@dataclass(frozen=True)
class TrainingPartitions:
    """Kept features and accepted outcomes of a range of days, oldest first."""

    declared: Mapping[str, str]  # feature → hash of its declaration
    features: tuple[Partition, ...]
    outcomes: tuple[Partition, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.declared)


def find_past(
    feature_table: FeatureTable, problem: Problem, lake: Lake, first: date, last: date
) -> TrainingPartitions:
    """The days from first to last, outcomes as they were known for the night of the feature table.

    Raises DataError when nothing of them is kept.
    """
    features = tuple(p for p in feature_table.history if first <= p.day <= last and p.rows)
    oldest, dataset = features[0].day if features else last, f"accepted/{problem.outcomes}"
    outcomes = lake.find(dataset, oldest, last, known=feature_table.day)
    if not features or not outcomes:
        raise DataError(
            f"feature table {feature_table.day}: no features with outcomes from {first} to {last}; "
            f"raise ingest.history_days, or lower train.test_days"
        )
    return TrainingPartitions(feature_table.declared, features, tuple(outcomes))


def read_past(past: TrainingPartitions, problem: Problem, lake: Lake, cutoff: datetime) -> Examples:
    """Its events whose outcome was known before the cutoff and gives a label; others are left out."""
    features, outcomes = lake.read(past.features), lake.read(past.outcomes)
    return join_examples(features, outcomes, past.names, problem, cutoff)


def feature_schema(table: pa.Schema, names: Sequence[str]) -> dict[str, FeatureType]:
    """Each feature's kind, in declared order; raises DataError when the kept table lacks one."""
    missing = [name for name in names if name not in table.names]
    if missing:
        raise DataError(
            f"feature table: columns {missing} are declared and not kept; run `redeye features` again"
        )
    return {name: _kind(table.field(name).type) for name in names}


def _kind(kind: pa.DataType) -> FeatureType:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return "category" if any(is_text(inner) for is_text in texts) else "number"


def join_examples(
    features: pa.Table, outcomes: pa.Table, names: Sequence[str], problem: Problem, cutoff: datetime
) -> Examples:
    """Events whose outcome was known before the cutoff and gives a label; all others are left out."""
    schema = feature_schema(features.schema, names)
    known = outcomes.filter(pc.less(outcomes["known_at"], pa.scalar(cutoff, pa.timestamp("us"))))
    ended = known.to_pandas()
    events = features.select(list(dict.fromkeys(["day", *problem.key, *names]))).to_pandas()
    ends = label_events(events, ended.assign(**label_facts(ended, problem)), problem.key)
    labelled = ends["label"].notna()
    events, ends = events.loc[labelled].reset_index(drop=True), ends.loc[labelled]
    return Examples(
        schema=schema,
        frame=events[list(names)],
        labels=ends["label"].to_numpy(dtype="float64"),
        days=events["day"].to_numpy(dtype="datetime64[D]"),
        known_at=ends["known_at"].to_numpy(dtype="datetime64[us]"),
        task=problem.task,
        sliced=events[[one for one in problem.slices if one not in names]],
    )


def score_events(
    examples: Examples,
    scores: np.ndarray,
    worth: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> ScoredEvents:
    """The examples with a model's scores, and what acting on each would have been worth."""
    days, numbers = np.unique(examples.days, return_inverse=True)
    worths = worth(examples.labels, scores)
    return ScoredEvents(examples.labels, scores, worths, numbers, len(days), examples.task)
