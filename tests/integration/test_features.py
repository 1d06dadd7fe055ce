from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from small_world import Judge, Tables, World, a_world, as_arrow, days_of, flights, replaced
from sqlglot import exp

from pipelines.adapters.code_version import features_sha256
from pipelines.adapters.engines.duckdb import DuckEngine
from pipelines.core.errors import ConfigError, DataError
from pipelines.data.ports import RuleResult
from pipelines.define.features import Column
from pipelines.features import inputs as accepted
from pipelines.problem.features import FEATURES

FIRST, DAY = date(2013, 9, 25), date(2013, 11, 5)
BROKEN = RuleResult(
    "in_range(hour)", "critical", passed=False, bad_rows=(1,), observed="99", expected="0..23"
)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return flights(FIRST, (DAY - FIRST).days + 1)


@pytest.fixture(scope="module")
def at_once(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = a_world(tmp_path_factory.mktemp("once"), tables)
    world.night(DAY)
    return world


def test_all_days_in_one_go_equal_one_day_after_the_other(
    tmp_path: Path, tables: Tables, at_once: World
) -> None:
    nightly = a_world(tmp_path, tables)

    for day in sorted(tables["schedule"])[1:]:
        nightly.night(day)

    assert nightly.files("features") == at_once.files("features")
    assert nightly.files("history") == at_once.files("history")


def test_one_day_alone_equals_the_same_day_among_all(
    tmp_path: Path, tables: Tables, at_once: World
) -> None:
    alone = a_world(tmp_path, {**tables, "schedule": {DAY: tables["schedule"][DAY]}})
    alone = replace(alone, problem=replace(alone.problem, first_day=FIRST))

    alone.night(DAY)

    assert alone.files("features")
    assert alone.files("features").items() <= at_once.files("features").items()


@pytest.mark.parametrize(("limit", "most"), [("PIECE_DAYS", 5), ("PIECE_ROWS", 300)])
def test_pieces_of_any_length_give_the_same_bytes(
    tmp_path: Path, at_once: World, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(accepted, limit, most)
    world = a_world(tmp_path, flights(FIRST, (DAY - FIRST).days + 1))
    engine = Counting(DuckEngine(1.0, tmp_path / "spill"))

    world.night(DAY, engine=engine)

    assert world.files() == at_once.files()
    assert engine.asked > 4


def test_a_night_that_is_repeated_computes_nothing(at_once: World) -> None:
    before = at_once.files()

    again = at_once.night(DAY, engine=Idle())

    assert again == at_once.night(DAY, engine=Idle())
    assert at_once.files() == before


def test_a_night_that_is_repeated_by_other_code_computes_everything_again(
    tmp_path: Path, tables: Tables
) -> None:
    world = a_world(tmp_path, tables)
    first, before = world.night(DAY), world.files()
    engine = Counting(DuckEngine(1.0, tmp_path / "spill"))
    engine.code = "a line was changed"

    again = world.night(DAY, engine=engine)

    assert engine.asked > 1  # the features and the totals that they are made of
    assert world.files().items() >= before.items()  # the change made no other values
    assert again.fingerprint != first.fingerprint


def test_the_next_night_computes_one_day_of_each(tmp_path: Path, tables: Tables) -> None:
    world = a_world(tmp_path, tables)
    world.night(DAY - timedelta(days=1))
    before = world.files()

    world.night(DAY)

    new = set(world.files()) - set(before)
    assert sorted(path.rsplit("/", 1)[0] for path in new) == [
        f"features/day={DAY}",
        f"history/late/day={DAY - timedelta(days=1)}",
    ]


def test_a_night_opens_no_totals_that_its_windows_do_not_need(
    tmp_path: Path, tables: Tables
) -> None:
    world = a_world(tmp_path, tables)
    world.night(DAY - timedelta(days=1))
    engine = Counting(DuckEngine(1.0, tmp_path / "spill"))

    world.night(DAY, engine=engine)

    assert engine.opened["history_late"] == 28
    assert engine.opened["flights"] == 1
    assert engine.opened["schedule"] == 1


def test_a_correction_changes_what_it_touches_and_nothing_else(
    tmp_path: Path, tables: Tables
) -> None:
    world = a_world(tmp_path, tables)
    world.night(DAY)
    before = {one.day: one for one in world.lake.find("features", FIRST, DAY)}
    corrected = DAY - timedelta(days=3)
    rows = tables["flights"][corrected].assign(arr_delay=200.0)

    world.land({"flights": {corrected: rows}})
    world.night(DAY)

    after = {one.day: one for one in world.lake.find("features", FIRST, DAY)}
    changed = [day for day in after if after[day].sha256 != before[day].sha256]
    assert changed == [DAY - timedelta(days=2), DAY - timedelta(days=1), DAY]
    assert world.lake.path(before[DAY]).exists()  # what was known then stays readable
    anew = a_world(tmp_path / "anew", replaced(tables, {("flights", corrected): rows}))
    assert anew.night(DAY).partition.sha256 == after[DAY].sha256


def test_another_declaration_recomputes_every_day(tmp_path: Path, tables: Tables) -> None:
    world = a_world(tmp_path, tables)
    before = world.night(DAY)
    declared = replace(FEATURES, rows=(*FEATURES.rows, far))
    world = replace(world, problem=replace(world.problem, features=declared))

    after = world.night(DAY)

    assert "far" in world.table(FIRST)
    assert "far" in world.table(DAY)
    assert days_of(after) == days_of(before)
    assert after.fingerprint != before.fingerprint


def test_the_table_has_the_key_the_day_the_cutoff_and_the_features_in_declared_order(
    at_once: World,
) -> None:
    rows = at_once.lake.read(at_once.lake.find("features", DAY, DAY))
    key = list(at_once.problem.key)

    rest = [name for name in FEATURES.names if name not in key]
    assert rows.column_names == [*key, "day", "cutoff", *rest]
    assert {str(rows[name].type) for name in rest} == {"double", "string"}
    assert rows["cutoff"].unique().to_pylist() == [at_once.problem.cutoff(DAY)]
    frame = rows.to_pandas()
    pd.testing.assert_frame_equal(frame, frame.sort_values(key, ignore_index=True))


def test_history_is_every_earlier_day_with_events_oldest_first(
    tables: Tables, at_once: World
) -> None:
    made = at_once.night(DAY, engine=Idle())

    assert days_of(made) == sorted(tables["schedule"])
    assert [one.day for one in at_once.night(DAY, engine=Idle(), back=3).history] == [
        DAY - timedelta(days=n) for n in (3, 2, 1)
    ]


def test_features_that_break_a_critical_rule_are_not_kept(tmp_path: Path, tables: Tables) -> None:
    world = a_world(tmp_path, tables)

    with pytest.raises(DataError, match="in_range"):
        world.night(DAY, judge=Judge((BROKEN,)))

    assert world.lake.find("features", DAY, DAY) == []
    assert world.night(DAY, judge=Judge((replace(BROKEN, severity="warning"),))).partition.rows


def test_an_outcome_that_is_told_twice_counts_as_it_was_told_first(
    tmp_path: Path, tables: Tables, at_once: World
) -> None:
    known = tables["flights"][DAY - timedelta(days=2)]
    later = known.assign(arr_delay=999.0, known_at=known["known_at"] + pd.Timedelta("1us"))
    never = known.assign(arr_delay=-999.0, known_at=pd.NaT)
    twice = pd.concat([later, never, known])
    world = a_world(tmp_path, replaced(tables, {("flights", DAY - timedelta(days=2)): twice}))

    world.night(DAY)

    pd.testing.assert_frame_equal(world.table(DAY), at_once.table(DAY), check_exact=True)


def test_a_plane_that_is_there_twice_is_refused(tmp_path: Path, tables: Tables) -> None:
    twins = pd.concat([tables["planes"][FIRST]] * 2)
    world = a_world(tmp_path, replaced(tables, {("planes", FIRST): twins}))

    with pytest.raises(DataError, match="key twice"):
        world.night(DAY)


@pytest.mark.parametrize("table", ["schedule", "flights", "weather", "planes"])
def test_a_table_that_is_missing_is_named(tmp_path: Path, tables: Tables, table: str) -> None:
    world = a_world(tmp_path, tables)
    (tmp_path / "data/accepted" / table).rename(tmp_path / "elsewhere")

    with pytest.raises(DataError, match=f"accepted/{table}"):
        world.night(DAY)


def test_a_day_without_events_is_an_empty_table(tmp_path: Path, tables: Tables) -> None:
    empty = tables["schedule"][DAY].head(0)
    world = a_world(tmp_path, replaced(tables, {("schedule", DAY): empty}))

    assert world.night(DAY).partition.rows == 0


def test_a_misspelt_column_is_named_with_the_nearest(tmp_path: Path, tables: Tables) -> None:
    world = a_world(tmp_path, tables)
    declared = replace(FEATURES, rows=(*FEATURES.rows, misspelt))
    world = replace(world, problem=replace(world.problem, features=declared))

    with pytest.raises(ConfigError, match=r"'misspelt' asks for 'distanse'.*'distance'"):
        world.night(DAY)


def far(distance: Column) -> Column:
    """Whether it is far."""
    return distance > 1000


def misspelt(distanse: Column) -> Column:
    """Whether it is far."""
    return distanse > 1000


class Idle:
    """An engine that must not be asked."""

    code = features_sha256()

    def run(self, query: exp.Query, tables: Mapping[str, pa.Table | Sequence[Path]]) -> pa.Table:
        raise AssertionError(f"asked for {query.sql()[:100]}")


class Counting:
    """An engine that remembers how many files each table had."""

    def __init__(self, engine: DuckEngine) -> None:
        self._engine, self.opened, self.asked = engine, dict[str, int](), 0
        self.code = engine.code

    def run(self, query: exp.Query, tables: Mapping[str, pa.Table | Sequence[Path]]) -> pa.Table:
        files = {name: len(one) for name, one in tables.items() if not isinstance(one, pa.Table)}
        self.opened |= files
        self.asked += 1
        return self._engine.run(query, tables)


def test_a_history_that_is_there_tonight_and_on_no_day_before_refuses_the_night(
    tmp_path: Path,
) -> None:
    """Facts of the past that count from tonight on only: every training day has none of them."""
    tables = flights(FIRST, (DAY - FIRST).days + 1, a_day=40)
    facts = tables.pop("flights")
    world = a_world(tmp_path, tables)
    for day, rows in facts.items():
        world.lake.write("accepted/flights", day, None, night=FIRST)
        world.lake.write("accepted/flights", day, as_arrow("flights", rows), night=DAY)

    with pytest.raises(
        DataError, match="has values tonight and none on the last 28 kept days"
    ) as it:
        world.night(DAY)

    assert "'late_rate_28d_by_carrier'" in str(it.value)
    assert a_world(tmp_path / "whole", tables | {"flights": facts}).night(DAY)
