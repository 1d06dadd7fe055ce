"""Nothing that became known at or after the cutoff may change a byte of the features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from small_world import MEASURES, Tables, World, a_world, flights, midnight, planes, replaced
from sqlglot import exp

from pipelines.adapters.engines.duckdb import DuckEngine

FIRST = date(2013, 2, 10)
DAY = date(2013, 3, 12)  # the 28 days before it hold the spring's short day
YESTERDAY = DAY - timedelta(days=1)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return flights(FIRST, (DAY - FIRST).days + 1, seed=5)


def test_no_byte_changes_when_the_future_is_garbage(tmp_path: Path, tables: Tables) -> None:
    honest, poisoned = a_world(tmp_path / "a", tables), a_world(tmp_path / "b", poison(tables))

    made = honest.night(DAY)

    assert poisoned.night(DAY).fingerprint == made.fingerprint
    assert poisoned.files("features") == honest.files("features")
    assert known_before(DAY, poisoned) == known_before(DAY, honest)


@pytest.mark.parametrize("blind_to", ["known_at", "known_on"])
def test_the_garbage_would_be_seen_if_a_query_forgot_the_cutoff(
    tmp_path: Path, tables: Tables, blind_to: str
) -> None:
    honest, poisoned = a_world(tmp_path / "a", tables), a_world(tmp_path / "b", poison(tables))
    engine = Forgetful(DuckEngine(1.0, tmp_path / "spill"), blind_to)

    honest.night(DAY, engine=engine)
    poisoned.night(DAY, engine=engine)

    assert poisoned.files("features") != honest.files("features")


def test_what_is_learnt_after_midnight_counts_a_day_later(tmp_path: Path) -> None:
    tables = flights(date(2013, 5, 1), 12)
    day = date(2013, 5, 11)
    before, after = midnight(day) - pd.Timedelta("1us"), midnight(day)
    for known_at, counted in ((before, [3, 3]), (after, [0, 3])):
        world = a_world(tmp_path / str(counted[0]), with_three_flights(tables, day, known_at))

        world.night(day + timedelta(days=1))

        found = [world.table(day), world.table(day + timedelta(days=1))]
        assert [red_eyes(table) for table in found] == counted


def test_a_slow_table_is_as_it_was_known_on_the_day(tmp_path: Path) -> None:
    tables = flights(date(2013, 5, 1), 12)
    later = replaced(tables, {("planes", date(2013, 5, 10)): planes(built=1990)})
    world = a_world(tmp_path, later)

    world.night(date(2013, 5, 12))

    ages = {day: oldest_plane(world, date(2013, 5, day)) for day in (9, 10)}
    assert ages == {9: 2013 - 2004, 10: 2013 - 1990}


def known_before(day: date, world: World) -> pa.Table:
    """Totals of what was known: later ones are in the same files, for windows of later days."""
    totals = world.lake.read(world.lake.find("history/late", FIRST, day))
    return totals.filter(pc.less(totals["known_on"], pa.scalar(day)))


def poison(tables: Tables) -> Tables:
    """Everything known at or after the cutoff is garbage, and there is more of it than before."""
    cutoff = midnight(DAY)
    changes = {}
    for day, rows in tables["flights"].items():
        unknown = rows["known_at"] >= cutoff
        changes["flights", day] = garbled(rows, unknown)
    for day, rows in tables["weather"].items():
        unknown = (rows["known_at"] >= cutoff) | (rows["observed_at"] >= cutoff)
        changes["weather", day] = rows.assign(
            **{name: rows[name].mask(unknown, 1e9) for name in [*MEASURES, "visib"]}
        )
    last = tables["weather"][YESTERDAY].drop_duplicates("origin")
    last = last.assign(observed_at=cutoff, known_at=cutoff, temp=1e9)
    changes["weather", YESTERDAY] = pd.concat([changes["weather", YESTERDAY], last])
    some = tables["flights"][YESTERDAY]
    more = some.assign(flight=some["flight"] + 100, known_at=cutoff)
    changes["flights", YESTERDAY] = pd.concat([changes["flights", YESTERDAY], more])
    everything = pd.Series(data=True, index=some.index)
    for n in range(3):  # partitions that a night of this day must not open
        day = DAY + timedelta(days=n)
        changes["flights", day] = garbled(some.assign(day=day), everything)
        changes["weather", day] = tables["weather"][FIRST].assign(day=day, temp=1e9)
        changes["planes", day + timedelta(days=1)] = planes(built=1900)
    return replaced(tables, changes)


def garbled(rows: pd.DataFrame, where: pd.Series) -> pd.DataFrame:
    return rows.assign(
        carrier=rows["carrier"].mask(where, "EV"),
        origin=rows["origin"].mask(where, "EWR"),
        dest=rows["dest"].mask(where, "BOS"),
        tailnum=rows["tailnum"].mask(where, "N1"),
        flight=rows["flight"].mask(where, 1),
        arr_delay=rows["arr_delay"].mask(where, 1e6),
        known_at=rows["known_at"].mask(where, rows["known_at"] + pd.Timedelta(hours=1)),
    )


class Forgetful:
    """An engine that leaves out what keeps the future out: the mutant that a test must catch."""

    def __init__(self, engine: DuckEngine, column: str) -> None:
        self._engine, self._column, self.code = engine, column, column

    def run(self, query: exp.Query, tables: Mapping[str, pa.Table | Sequence[Path]]) -> pa.Table:
        return self._engine.run(query.transform(self._forget), tables)

    def _forget(self, node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.LT) and node.this.name == self._column:
            return exp.true()
        return node


def with_three_flights(tables: Tables, day: date, known_at: pd.Timestamp) -> Tables:
    """Flights of a carrier of their own that left the evening before and arrived at `known_at`."""
    events = {
        ("schedule", asked): tables["schedule"][asked].assign(carrier="XX")
        for asked in (day, day + timedelta(days=1))
    }
    yesterday = day - timedelta(days=1)
    rows = tables["flights"][yesterday].head(3).assign(carrier="XX", known_at=known_at)
    tables = replaced(tables, events | {("flights", yesterday): rows})
    del tables["flights"][day]
    return tables


def red_eyes(table: pd.DataFrame) -> int:
    return int(table["flights_count_7d_by_carrier"].unique().item())


def oldest_plane(world: World, day: date) -> float:
    return float(world.table(day)["plane_age"].max())
