"""Names to expressions: what a declared name means over the columns of one table."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from pipelines.core.errors import ConfigError
from pipelines.core.text import nearest_name
from pipelines.define import column
from pipelines.define.aggregations import Column, RowFeature


@dataclass(frozen=True)
class TableSchemas:
    """The tables that a declaration stands on."""

    events: str
    key: tuple[str, ...]
    schemas: Mapping[str, pa.Schema]  # of every table, by its name
    outcomes: str = ""  # the facts that have the key of the events: each tells of one, once
    maturity: int = 0  # days until the outcomes of a day are complete

    def delay(self, table: str) -> int:
        """How many of the last days before the cutoff features of these facts leave out."""
        return self.maturity if table == self.outcomes else 0

    def of(self, table: str) -> tuple[str, ...]:
        """The columns of a table; raises ConfigError with the nearest name when there is none."""
        return tuple(self.schema(table).names)

    def schema(self, table: str) -> pa.Schema:
        """The columns of a table and their types; raises as `of` does."""
        if table not in self.schemas:
            raise ConfigError(
                f"features: no table is {table!r}; {nearest_name(table, self.schemas)}"
            )
        return self.schemas[table]

    def facts(self, table: str, asker: str) -> tuple[str, ...]:
        """The columns of facts; raises ConfigError when nothing says when each became known."""
        names = self.of(table)
        if "known_at" not in names:
            raise ConfigError(
                f"features: {asker!r} asks for facts of {table!r}, which has no column 'known_at' that "
                f"says when each became known; land it with one, or declare a DimensionJoin of the table"
            )
        return names


@dataclass(frozen=True)
class ColumnScope:
    """What may be named over one table: its columns, and functions of them."""

    table: str
    columns: Mapping[str, Column]
    functions: Mapping[str, RowFeature] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)  # column → why not

    def column(self, name: str, asker: str) -> Column:
        """The expression of a name that `asker` needs.

        Raises ConfigError for a name that means nothing, with the nearest one; for a name that is
        refused; and for functions that need each other.
        """
        return self._column(name, (asker,))

    def call(self, function: RowFeature) -> Column:
        """The expression that a function makes of the columns it names."""
        return self._call(function, (function.__name__,))

    def _column(self, name: str, path: tuple[str, ...]) -> Column:
        if name in self.functions and name in path[1:]:
            raise ConfigError(f"features: {' needs '.join((*path[1:], name))}; break the circle")
        if name in self.functions:
            return self._call(self.functions[name], (*path, name))
        if name in self.columns:
            return self.columns[name].copy()
        raise ConfigError(f"features: {path[-1]!r} asks for {name!r}, {self._why_not(name)}")

    def _call(self, function: RowFeature, path: tuple[str, ...]) -> Column:
        arguments = inspect.signature(function).parameters
        given = [column.Column(self._column(name, path)) for name in arguments]
        try:
            made = function(*given)
        except ConfigError as error:
            raise ConfigError(f"features: {function.__name__!r}: {error}") from error
        if not isinstance(made, column.Column):
            raise ConfigError(
                f"features: {function.__name__!r} gave {made!r}; "
                f"a row feature returns an expression of its arguments"
            )
        return made.expression

    def _why_not(self, name: str) -> str:
        if name in self.refused:
            return self.refused[name]
        known = [*self.columns, *filter(self._can_be_made, self.functions)]
        return f"which is no column of {self.table!r}; {nearest_name(name, known)}"

    def _can_be_made(self, name: str, *path: str) -> bool:
        if name not in self.functions or name in path:
            return name in self.columns
        arguments = inspect.signature(self.functions[name]).parameters
        return all(self._can_be_made(one, *path, name) for one in arguments)
