"""Features that are there on one side only: in training, or on the day to be scored.

A model takes what it learned to hold where it answers. A feature without values in all of its training,
or on all events of the day, is no drift: something is missing on one side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.errors import DataError
from pipelines.core.records import FeatureTable, Partition
from pipelines.data.ports import Lake
from pipelines.define.features import FeatureSet
from pipelines.define.problem import Problem

SOLID_ROWS, SOLID_DAYS = 0.5, 0.9  # there: on so many rows of a day, on so many of the days
NOTHING = 0.01  # not there: on at most so many of all rows
MIN_DAYS, MIN_ROWS = 14, 20  # of training, and on the other side; fewer tell nothing
RECENT = 28  # days that are read of a side
COUNTS = ("count", "distinct")  # 0 where a history has nothing


@dataclass(frozen=True)
class _Side:
    """Some days of one feature: rows, values, values other than 0, and whether they differ."""

    rows: np.ndarray
    filled: np.ndarray
    nonzero: np.ndarray
    varied: np.ndarray

    def solid(self, there: np.ndarray) -> bool:
        return bool((there >= SOLID_ROWS * self.rows).mean() >= SOLID_DAYS)

    def nothing(self, there: np.ndarray) -> bool:
        return bool(there.sum() <= NOTHING * self.rows.sum())

    @property
    def told(self) -> str:
        rows = self.rows.sum()
        zero = self.filled.sum() - self.nonzero.sum()
        return f"not null {self.filled.sum() / rows:.0%}, zero {zero / rows:.0%}"


def check_tonight(problem: Problem, table: FeatureTable, lake: Lake) -> None:
    """Raise DataError when a feature is there on the newest kept days and not tonight, or reversed."""
    recent = _comparable(problem, table.history)[-RECENT:]
    tonight = {"tonight": [table.partition]}
    _compare(problem.features, table, lake, (f"the last {len(recent)} kept days", recent), tonight)


def check_test(problem: Problem, table: FeatureTable, lake: Lake, first: date, last: date) -> None:
    """Raise DataError when training days have a feature that the test days (from first to last) or
    tonight lack, or reversed.
    """
    history = _comparable(problem, table.history)
    training = _spread([one for one in history if one.day < first])
    test = _spread([one for one in history if first <= one.day <= last])
    others = {"on the test days": test, "tonight": [table.partition]}
    _compare(problem.features, table, lake, (f"{len(training)} training days", training), others)


def _comparable(problem: Problem, kept: Sequence[Partition]) -> list[Partition]:
    """Days with events, without the first ones, before which nothing can have been known."""
    started = kept[0].day if kept else date.min
    return [one for one in kept if one.rows and problem.last_mature_day(one.day) >= started]


def _spread(days: Sequence[Partition]) -> list[Partition]:
    places = np.linspace(0, len(days) - 1, min(RECENT, len(days))).round().astype(int)
    return [days[place] for place in places]


def _compare(
    declared: FeatureSet,
    table: FeatureTable,
    lake: Lake,
    training: tuple[str, Sequence[Partition]],
    others: dict[str, list[Partition]],
) -> None:
    where, days = training
    enough = {name: side for name, side in others.items() if sum(p.rows for p in side) >= MIN_ROWS}
    if len(days) < MIN_DAYS or not enough:
        return
    names = [name for name in table.names if name not in declared.intermittent]
    counts, learned = _counts(declared), _look(lake, days, names)
    for other, partitions in enough.items():
        found = _look(lake, partitions, names)
        sides = {name: _lacking(learned[name], found[name], name in counts) for name in names}
        odd = [name for name, lacking in sides.items() if lacking]
        if not odd:
            continue
        name, places = odd[0], {"training": f"on {where}", "other": other}
        lacks = places.pop(sides[name])
        (there,) = places.values()
        more = f"; likewise {', '.join(map(repr, odd[1:]))}" if odd[1:] else ""
        raise DataError(
            f"feature table {table.day}: {name!r} has values {there} and none {lacks} ({where}: "
            f"{learned[name].told}; {other}: {found[name].told}){more}; run `redeye validate --day "
            f"{table.day}` and mend what it leaves out of the tables that the feature reads, or, if that "
            f"is as it should be, add the feature to `intermittent` of your FeatureSet"
        )


def _counts(declared: FeatureSet) -> set[str]:
    made = (one for history in declared.history for one in history.features())
    return {one.name for one in made if one.measure in COUNTS}


def _lacking(training: _Side, other: _Side, counts: bool) -> str:  # noqa: FBT001
    """The side that lacks the feature: training, other, or "" for neither.

    Nothing is NULL, and 0 where history is counted. Of other numbers, a day of zeros is nothing only
    after days on which values were neither 0 nor all the same: calendars and weather have such days.
    """
    learned, found = (one.nonzero if counts else one.filled for one in (training, other))
    if training.nothing(learned) and other.solid(found):
        return "training"
    if training.solid(learned) and other.nothing(found):
        return "other"
    varied = training.varied.mean() >= SOLID_DAYS
    zeros = varied and training.solid(training.nonzero) and other.nothing(other.nonzero)
    return "other" if zeros else ""


def _look(lake: Lake, days: Iterable[Partition], names: Sequence[str]) -> dict[str, _Side]:
    """Each feature on each of the days, one partition in memory at a time."""
    seen = []
    for partition in days:
        rows = lake.read([partition], names)
        seen.append([_figures(rows.column(name)) for name in names])
    figures = np.array(seen)  # day × feature × figure
    return {name: _Side(*figures[:, place].T) for place, name in enumerate(names)}


def _figures(values: pa.ChunkedArray) -> tuple[int, int, int, bool]:
    filled = len(values) - values.null_count
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return len(values), filled, filled, False
    numbers = values.cast(pa.float64())
    nonzero = pc.sum(pc.not_equal(numbers, 0)).as_py() or 0
    ends = pc.min_max(numbers).as_py()
    return len(values), filled, nonzero, ends["min"] != ends["max"]
