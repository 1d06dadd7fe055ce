"""From tests and looked-up evidence to 28 scores, four sums and their minimum.

Breck et al. (2017), The ML Test Score: half a point for what is done and told, a whole one for what is done
by itself, again and again; the score is the least of the four sums.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

from pipelines.audit.runs import RunFolder
from pipelines.core.config import Params
from pipelines.core.records import Candidates, Record
from pipelines.define.problem import Problem
from pipelines.monitoring.ports import Warehouse
from pipelines.promotion.ports import Registry

Section = Literal["data", "model", "infrastructure", "monitoring"]
SECTIONS: tuple[Section, ...] = ("data", "model", "infrastructure", "monitoring")
Kept = TypeVar("Kept", bound=Record)


@dataclass(frozen=True)
class Facts:
    """Where evidence is looked up."""

    problem: Problem
    params: Params
    repository: Path
    nights: Sequence[RunFolder]  # oldest first
    registry: Registry
    warehouse: Warehouse
    reached: Sequence[str]  # names of what is set so that people are told

    def last(self, stem: str, kind: type[Kept]) -> Kept | None:
        """The newest record of that name which can be read."""
        return next(reversed(self.all(stem, kind)), None)

    def all(self, stem: str, kind: type[Kept]) -> list[Kept]:
        """The nights' records of that name, oldest first."""
        found = (night.records.get(stem) for night in self.nights)
        return [record for record in found if isinstance(record, kind)]

    @cached_property
    def last_run(self) -> Mapping[str, str]:
        """What the MLflow run of the newest night that trained tells; nothing when there is none."""
        trained = self.last("candidates", Candidates)
        return (self.registry.run_params(trained.run_id) or {}) if trained else {}


@dataclass(frozen=True)
class Evidence:
    """What was looked up, and whether it is there."""

    there: bool
    words: str


@dataclass(frozen=True)
class Item:
    """One of the 28: what it asks, the tests that keep it, and where this installation shows it.

    `lacks` says what is not done: with it an item has half a point at most, without tests or evidence none.
    """

    section: Section
    asks: str
    tests: tuple[str, ...] = ()
    look: Callable[[Facts], Evidence] | None = None
    lacks: str = ""


@dataclass(frozen=True)
class ItemScore:
    """An item's points, and what they rest on."""

    item: Item
    points: float
    evidence: str
    missing: tuple[str, ...]  # tests that are named and not there


@dataclass(frozen=True)
class ScoreCard:
    """All items with their points."""

    items: tuple[ItemScore, ...]

    @property
    def sums(self) -> dict[Section, float]:
        """Points by section."""
        return {
            name: sum(one.points for one in self.items if one.item.section == name)
            for name in SECTIONS
        }

    @property
    def score(self) -> float:
        """The ML Test Score: the least of the sums."""
        return min(self.sums.values())


def score(items: Iterable[Item], facts: Facts) -> ScoreCard:
    """Every item with its points."""
    return ScoreCard(tuple(_score(item, facts) for item in items))


def _score(item: Item, facts: Facts) -> ItemScore:
    """A whole point for tests and evidence, half a one for either alone or where something lacks."""
    missing = tuple(name for name in item.tests if not is_test(name, facts.repository))
    found = item.look(facts) if item.look else Evidence(there=False, words="")
    words = ". ".join(filter(None, (found.words, item.lacks and f"Lacks: {item.lacks}")))
    if missing or not (item.tests or found.there):
        return ItemScore(item, 0.0, words, missing)
    whole = item.tests and found.there and not item.lacks
    return ItemScore(item, 1.0 if whole else 0.5, words, missing)


def is_test(name: str, repository: Path) -> bool:
    """Whether there is such a test: `tests/unit/test_x.py::test_y`."""
    file, _, function = name.partition("::")
    path = repository / file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return bool(re.search(rf"^def {re.escape(function)}\(", text, re.MULTILINE))
