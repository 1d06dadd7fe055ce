"""Every way we know in which the future gets in, planted on purpose, and the net that catches it.

Three nets (docs/decisions/0007-leak-gate.md): the declaration refuses it; poisoning the future changes
a byte of the features; the leak gate finds features too good to be true. Remove a net, and its
tests here fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from mutants import (
    Change,
    Rewriting,
    a_day_late,
    an_hour_late,
    believe_corrections,
    crowding,
    forgetting,
    further_west,
    hindsight,
    in_utc,
    read_further,
    taking,
    with_cutoff,
)
from poison import LATER, MORE, Poison, corrected, poisoned
from small_world import Partitions, World, as_arrow, flights

from pipelines.adapters.engines.duckdb import DuckEngine
from pipelines.core.errors import ConfigError, DataError
from pipelines.define.features import Column, LatestAsOf, PeerCount, Window
from pipelines.define.problem import Problem
from pipelines.problem.features import FEATURES, hour
from tests.integration.flights import PROBLEM

DAY = date(2013, 3, 12)  # two days after the clocks were put forward
BACK = 3  # earlier days, whose tables must not know this one either
SMALL = replace(
    PROBLEM,
    first_day=DAY - timedelta(days=12),
    features=replace(
        FEATURES,
        columns={"distance": "Miles.", "seats": "Seats of the plane."},
        rows=(hour,),
        crowds=(PeerCount("departures_that_hour", ("hour",), "Flights of that hour."),),
        history=(replace(FEATURES.history[0], by=(("carrier",),), days=(7,)),),
    ),
)


@pytest.fixture(scope="module")
def partitions() -> Partitions:
    tables = flights(SMALL.first_day, 13, seed=11, a_day=40)
    return {
        table: {day: as_arrow(table, rows) for day, rows in days.items()}
        for table, days in tables.items()
    }


def a_night(
    root: Path,
    problem: Problem,
    partitions: Partitions,
    change: Change | None = None,
    later: Partitions | None = None,
) -> Any:
    """Every feature table that a night makes, byte for byte."""
    world = World(root, problem)
    world.land(partitions)
    world.land(later or {}, night=DAY + timedelta(days=1))
    engine = DuckEngine(1.0, root / "spill")
    world.night(DAY, engine=Rewriting(engine, change) if change else engine, back=BACK)
    return world.files("features")


# Net 1: the declaration.


def departed_late(dep_delay: Column) -> Column:
    """Whether it left late."""
    return dep_delay > 15


def declared(**changes: Any) -> Problem:
    return replace(SMALL, features=replace(SMALL.features, **changes))


HISTORY = SMALL.features.history[0]
REFUSED: dict[str, tuple[Callable[[], Problem], str]] = {
    "the outcome as a column": (lambda: declared(columns={"arr_delay": "Delay."}), "'arr_delay'"),
    "a function of what happened": (lambda: declared(rows=(hour, departed_late)), "'dep_delay'"),
    "the outcome as the key of a history": (
        lambda: declared(history=(replace(HISTORY, by=(("arr_delay",),)),)),
        "'arr_delay'",
    ),
    "the outcome as the key of a crowd": (
        lambda: declared(crowds=(PeerCount("alike", ("arr_time",), "Alike."),)),
        "'arr_time'",
    ),
    "the outcome as the key of a dimension table": (
        lambda: declared(lookups=(replace(FEATURES.lookups[0], by=("dep_time",)),)),
        "'dep_time'",
    ),
    "the outcome as the key of the latest": (
        lambda: declared(latest=(LatestAsOf("weather", ("air_time",), ("temp",), 6),)),
        "'air_time'",
    ),
    "a window that reaches forward": (
        lambda: declared(history=(replace(HISTORY, days=(Window(-1),)),)),
        "is no window",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_the_declaration_refuses(kind: str, tmp_path: Path, partitions: Partitions) -> None:
    declare, names = REFUSED[kind]

    with pytest.raises(ConfigError, match=names):
        a_night(tmp_path, declare(), partitions)


# Net 2: poison.


@dataclass(frozen=True)
class Mutant:
    """A fault of the machinery, and the poison that makes it show."""

    poison: Poison
    change: Change | None = None
    cutoff: Callable[[Problem, date], Any] | None = None
    patch: Callable[[pytest.MonkeyPatch], None] | None = None
    problem: Problem = SMALL


OUTCOMES, WEATHER = Poison("flights", "arr_delay"), Poison("weather", "temp")
TOKYO = replace(SMALL, zone="Asia/Tokyo")  # where UTC's day begins late
MUTANTS = {
    "when an observation was known is forgotten": Mutant(WEATHER, forgetting("known_at")),
    "when something was observed is forgotten": Mutant(WEATHER, forgetting("observed_at")),
    "when an outcome was known is forgotten": Mutant(OUTCOMES, forgetting("known_on")),
    "an outcome is known when its event is due": Mutant(
        OUTCOMES, taking("scheduled_at", "known_at", of="flights")
    ),
    "the past is made again with today's knowledge": Mutant(OUTCOMES, hindsight(DAY)),
    "a cutoff that takes summer for winter": Mutant(Poison("flights", MORE), cutoff=an_hour_late),
    "a window that ends a day late": Mutant(OUTCOMES, cutoff=a_day_late),
    "another zone": Mutant(OUTCOMES, cutoff=further_west),
    "UTC's day for the local one": Mutant(OUTCOMES, cutoff=in_utc, problem=TOKYO),
    "rows that came after midnight": Mutant(Poison("flights", MORE), forgetting("known_on")),
    "outcomes of the same day": Mutant(Poison("flights", LATER), forgetting("known_on"), patch=read_further),
    "weather of the day": Mutant(Poison("weather", LATER), patch=read_further),
    "a dimension table of a later day": Mutant(Poison("planes", LATER), patch=read_further),
}  # fmt: skip


@pytest.mark.parametrize("kind", MUTANTS)
def test_poison_shows(
    kind: str, tmp_path: Path, partitions: Partitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant = MUTANTS[kind]
    spoilt = poisoned(mutant.problem, partitions, DAY, mutant.poison)
    mistaken = with_cutoff(mutant.problem, mutant.cutoff) if mutant.cutoff else mutant.problem
    if mutant.patch:
        mutant.patch(monkeypatch)

    honest = a_night(tmp_path / "honest", mistaken, partitions, mutant.change)

    assert a_night(tmp_path / "poisoned", mistaken, spoilt, mutant.change) != honest


@pytest.mark.parametrize("problem", [SMALL, TOKYO], ids=lambda problem: problem.zone)
def test_poison_shows_nothing_where_nothing_is_planted(
    problem: Problem, tmp_path: Path, partitions: Partitions
) -> None:
    spoilt = partitions
    for poison in dict.fromkeys(mutant.poison for mutant in MUTANTS.values()):
        spoilt = poisoned(problem, spoilt, DAY, poison)

    honest = a_night(tmp_path / "honest", problem, partitions)

    assert spoilt != partitions
    assert a_night(tmp_path / "poisoned", problem, spoilt) == honest


@pytest.mark.parametrize("table", ["schedule", "flights", "weather", "planes"])
def test_corrections_show_where_what_came_later_is_believed(
    table: str, tmp_path: Path, partitions: Partitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = {table: corrected(SMALL, partitions, table)}
    honest = a_night(tmp_path / "honest", SMALL, partitions)
    unharmed = a_night(tmp_path / "later", SMALL, partitions, later=later)
    believe_corrections(monkeypatch)

    believed = a_night(tmp_path / "believed", SMALL, partitions, later=later)

    assert unharmed == honest
    assert believed != honest


def test_a_crowd_of_other_days_shows_where_many_days_are_made_at_once(
    tmp_path: Path, partitions: Partitions
) -> None:
    def alone_and_together(change: Change | None, root: Path) -> list[bytes]:
        made = []
        for back in (1, BACK):
            world = World(root / str(back), SMALL)
            world.land(partitions)
            engine = DuckEngine(1.0, root / "spill")
            world.night(DAY, engine=Rewriting(engine, change) if change else engine, back=back)
            made.append(world.files(f"features/day={DAY}"))
        return [next(iter(files.values())) for files in made]

    alone, together = alone_and_together(crowding, tmp_path / "mutant")
    assert alone != together

    alone, together = alone_and_together(None, tmp_path / "honest")
    assert alone == together


def test_an_event_that_is_there_on_two_days_is_refused(
    tmp_path: Path, partitions: Partitions
) -> None:
    yesterday, schedule = DAY - timedelta(days=1), dict(partitions["schedule"])
    schedule[yesterday] = pa.concat_tables([schedule[yesterday], schedule[DAY].slice(0, 5)])

    with pytest.raises(DataError, match="not of their partition's day"):
        a_night(tmp_path, SMALL, {**partitions, "schedule": schedule})
