"""Recipes as they are tried: one that cannot be fitted or kept costs itself, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pipelines.core.errors import ConfigError, RecipeError
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
