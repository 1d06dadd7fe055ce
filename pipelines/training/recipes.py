"""Model specs as they are tried: one that cannot be fitted or kept fails alone, by name, and since which night."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

import pandas as pd

from pipelines.core.errors import ConfigError, RecipeError
from pipelines.core.records import Amount, Candidates
from pipelines.define.problem import ModelSpec

Made = TypeVar("Made")


@dataclass
class Attempts:
    """The recipes of a night; `failed` gives the reason of each that fell out."""

    recipes: Sequence[ModelSpec]
    failed: dict[str, str] = field(default_factory=dict)

    def each(self, make: Callable[[ModelSpec], Made]) -> dict[str, Made]:
        """What comes of each recipe that has not failed yet; raises ConfigError when none is left."""
        made = dict(self._tried(make))
        if not made:
            raise self._none_left()
        return made

    def first(self, make: Callable[[ModelSpec], Made]) -> Made:
        """What comes of the simplest recipe that does not fail; raises ConfigError when all do."""
        for _, one in self._tried(make):
            return one
        raise self._none_left()

    def _tried(self, make: Callable[[ModelSpec], Made]) -> Iterator[tuple[str, Made]]:
        for recipe in self.recipes:
            if recipe.name in self.failed:
                continue
            try:
                made = make(recipe)
            except RecipeError as error:
                self.failed[recipe.name] = str(error)
            else:
                yield recipe.name, made

    def _none_left(self) -> ConfigError:
        return ConfigError(f"train: no recipe is left; {'; '.join(self.failed.values())}")


PREFIX, METRIC = "recipe ", "failed"  # subject and name in daily_metric


def failure_metrics(candidates: Candidates | None) -> dict[str, dict[str, Amount]]:
    """Whether each recipe failed tonight, by subject in daily_metric."""
    if candidates is None:
        return {}
    marks = dict.fromkeys((one.name for one in candidates.candidates), 0.0)
    marks |= dict.fromkeys(candidates.failed, 1.0)
    return {f"{PREFIX}{name}": {METRIC: mark} for name, mark in marks.items()}


def failing_since(
    candidates: Candidates | None, measured: pd.DataFrame, day: date
) -> Mapping[str, date]:
    """Tonight's failed recipes, each with the first of the nights on which it has failed without a break.

    `measured` are the warehouse's metrics of the nights before. A night that trained nothing is no break.
    """
    failed = candidates.failed if candidates else {}
    found = dict.fromkeys(failed, day)
    for name in failed:
        mine = (measured["subject"] == f"{PREFIX}{name}") & (measured["metric"] == METRIC)
        for night, value in measured.loc[mine, ["day", "value"]].iloc[::-1].itertuples(index=False):
            if not value:
                break
            found[name] = night
    return found
