"""Future poison over every table and column: of the day's features not one byte may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest
from poison import LATER, Poison, corrected, groups, poisoned, poisoned_by_all, poisoned_rows
from small_world import SCHEMAS, Partitions, World, as_arrow, flights

from pipelines.adapters.sources.open import open_source
from pipelines.app.services import load_problem
from pipelines.core.config import read_params
from pipelines.core.errors import MissingDay
from pipelines.define.problem import Problem
from tests.integration.flights import PROBLEM

FIRST, DAY = date(2013, 2, 10), date(2013, 3, 12)  # the 28 days between hold the spring's short day
OWN_DAYS = 3  # of the problem's own source
BACK = 3  # earlier days whose tables are made too, and must stay as they are
TABLES = ("schedule", "flights", "weather", "planes")


@dataclass(frozen=True)
class Honest:
    """A world that nobody has poisoned, and what its night made."""

    problem: Problem
    day: date
    partitions: Partitions
    made: dict[str, bytes]

    def changed_by(self, together: Sequence[Poison], root: Path) -> bool:
        spoilt = poisoned_by_all(self.problem, self.partitions, self.day, together)
        return a_night(self.problem, self.day, spoilt, root) != self.made

    def changed_by_corrections(self, table: str, root: Path) -> bool:
        later = {table: corrected(self.problem, self.partitions, table)}
        return a_night(self.problem, self.day, self.partitions, root, later) != self.made


def a_night(
    problem: Problem, day: date, partitions: Partitions, root: Path, later: Partitions | None = None
) -> dict[str, bytes]:
    """The features of the day; `later` are partitions that the night after it lands."""
    world = World(root, problem)
    world.land(partitions)
    world.land(later or {}, night=day + timedelta(days=1))
    world.night(day, back=BACK)
    return world.files("features")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Honest:
    tables = flights(FIRST, (DAY - FIRST).days + 1, seed=4)
    partitions = {
        table: {day: as_arrow(table, rows) for day, rows in days.items()}
        for table, days in tables.items()
    }
    problem = replace(PROBLEM, first_day=FIRST)
    made = a_night(problem, DAY, partitions, tmp_path_factory.mktemp("honest"))
    return Honest(problem, DAY, partitions, made)


SMALL = groups(PROBLEM, {table: SCHEMAS[table].names for table in TABLES})


@pytest.mark.parametrize("group", SMALL)
def test_no_byte_changes_in_a_small_world(small: Honest, group: str, tmp_path: Path) -> None:
    assert not small.changed_by(SMALL[group], tmp_path)


@pytest.mark.parametrize("table", TABLES)
def test_no_byte_changes_by_corrections_that_land_later(
    small: Honest, table: str, tmp_path: Path
) -> None:
    assert not small.changed_by_corrections(table, tmp_path)


@cache
def own_problem() -> Problem:
    """The problem that params.yaml names: yours, if you have made this repository yours."""
    return load_problem(read_params(Path("params.yaml")).problem)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Honest:
    problem = own_problem()
    day = problem.first_day + timedelta(days=OWN_DAYS)
    partitions = own_partitions(problem, day)
    made = a_night(problem, day, partitions, tmp_path_factory.mktemp("own"))
    return Honest(problem, day, partitions, made)


def own_partitions(problem: Problem, day: date) -> Partitions:
    source, partitions = open_source(problem), {}
    for table in problem.tables:
        last = day - timedelta(days=1) if table.kind == "facts" else day
        n_days = 1 if table.kind == "dimension" else (last - problem.first_day).days + 1
        asked = [problem.first_day + timedelta(days=n) for n in range(n_days)]
        partitions[table.name] = {}
        for one in asked:
            try:
                partitions[table.name][one] = source.read(table.name, one)
            except MissingDay:
                continue
    return partitions


@pytest.mark.parametrize("table", [table.name for table in own_problem().tables])
def test_no_byte_changes_of_the_problem_in_params_yaml(
    own: Honest, table: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    columns = next(iter(own.partitions[table].values())).column_names

    suspects = [
        poison
        for together in groups(own.problem, {table: columns}).values()
        if own.changed_by(together, tmp_path_factory.mktemp("poisoned"))
        for poison in together
    ]
    seen = [
        str(poison)
        for poison in suspects
        if own.changed_by([poison], tmp_path_factory.mktemp("poisoned"))
    ] or [str(poison) for poison in suspects]  # only together

    if own.changed_by_corrections(table, tmp_path_factory.mktemp("corrected")):
        seen.append(f"{table}: corrections of a later night")
    assert not seen, f"the features of {own.day} know the future of {', '.join(seen)}"


@pytest.mark.parametrize("table", ["flights", "weather"])
def test_there_is_something_to_poison(small: Honest, table: str) -> None:
    found = [
        poisoned_rows(small.problem, table, rows, DAY) for rows in small.partitions[table].values()
    ]

    assert sum(found) >= 3
    assert poisoned(small.problem, small.partitions, DAY, Poison(table, LATER)) != small.partitions
