"""What each feature means: a hash of its declaration, so that a model notices when it is another.

Of the declaration counts what decides its values: expressions with their constants, columns, tables,
keys, windows. How it is written down (layout, comments, names of helpers) does not, nor the day, nor
what else a table holds. A source whose query changes is no declaration: its rows are judged by suites.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from sqlglot import exp

from pipelines.define.aggregations import Column, HistoryFeature, Key
from pipelines.define.problem import Problem
from pipelines.define.sql import of
from pipelines.features.scope import ColumnScope

EDITION = 1  # raise it when the compiler makes other values of the same declaration
DIGITS = 16


def meanings(problem: Problem) -> dict[str, str]:
    """A hash of the declaration of each feature, by its name, in declared order.

    Raises ConfigError for functions that give no expression, or need each other.
    """
    declared, told = problem.features, _Teller(problem)
    parts: dict[str, object] = {name: told.event(name) for name in declared.columns}
    parts |= {name: told.event(name) for name in declared.functions}
    parts |= {one.name: ["crowd", problem.events, told.events(one.by)] for one in declared.crowds}
    parts |= {one.name: told.history(one) for h in declared.history for one in h.features()}
    for latest in declared.latest:
        facts = [latest.table, latest.by, latest.at, latest.max_age_hours, problem.zone]
        for name, column in latest.named().items():
            parts[name] = ["latest", column, *facts, told.events(latest.by)]
    return {name: _hash(parts[name]) for name in declared.names}


class _Columns(dict[str, Column]):
    """Every column that a table may have, and those that have another meaning."""

    def __init__(self, other: Callable[[str], Column]) -> None:
        super().__init__()
        self._other = other

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Column:
        return self._other(name)


@dataclass(frozen=True)
class _Teller:
    """What names mean over the tables of a problem, as text."""

    problem: Problem

    def event(self, name: str) -> str:
        """A column of the event, of a lookup, or a row feature."""
        return self._scope.column(name, name).sql()

    def events(self, names: Key) -> list[str]:
        return [self.event(name) for name in names]

    def history(self, one: HistoryFeature) -> list[object]:
        """Of a smoothed one also what it is drawn toward: the keys before its last, which `by` names."""
        facts, history = self._facts(one.history.table), one.history
        told: list[object] = [
            *(one.measure, one.window.days, one.window.half_life),
            *(
                history.prior_weight if one.smoothed else 0,
                history.at if one.measure == "last" else "",
            ),
            *(history.table, self.problem.zone, self.events(one.by)),
            [facts.column(key, one.name).sql() for key in one.by],
        ]
        if one.measure not in ("count", "days_since"):
            told.append(facts.call(history.value).sql())
        if history.table == self.problem.outcomes:
            told.append(self.problem.key)  # of rows with the same key one counts
        return told

    @property
    def _scope(self) -> ColumnScope:
        events = self.problem.events
        columns: Mapping[str, Column] = _Columns(partial(of, events))
        for lookup in self.problem.features.lookups:
            scope = ColumnScope(events, columns, self.problem.features.functions)
            keys = {key: scope.column(key, lookup.table) for key in lookup.by}
            taken = {
                new: exp.Anonymous(
                    this="lookup", expressions=[of(lookup.table, old), *_pairs(keys)]
                )
                for new, old in lookup.take.items()
            }
            columns = _with(columns, taken)
        return ColumnScope(events, columns, self.problem.features.functions)

    def _facts(self, table: str) -> ColumnScope:
        return ColumnScope(table, _Columns(partial(of, table)), self.problem.features.functions)


def _with(columns: Mapping[str, Column], taken: Mapping[str, Column]) -> _Columns:
    return _Columns(lambda name: taken[name] if name in taken else columns[name])


def _pairs(keys: Mapping[str, Column]) -> list[Column]:
    return [exp.EQ(this=exp.column(name), expression=key) for name, key in keys.items()]


def _hash(parts: object) -> str:
    text = json.dumps([EDITION, parts])
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
