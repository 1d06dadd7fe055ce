"""A fact counts when it was known: not before its own `known_at`, nor before it had landed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from small_world import Tables, a_world, as_arrow
from two_clocks import (
    FIRST,
    FLIGHTS,
    NIGHTS,
    ChangingSource,
    News,
    WindowedAggregation,
    a_history,
    ago,
    complete,
    delayed,
    of_all_kinds,
)

from pipelines.adapters.engines.duckdb import DuckEngine
from pipelines.core.config import SettleParams
from pipelines.core.errors import MissingDay
from pipelines.core.records import FeatureTable, Partition
from pipelines.data.refetch import Span, refetch
from pipelines.serving.contenders import ScoringContext, _baseline
from pipelines.stages.features import features_known_now
from pipelines.stages.settle import settle
from pipelines.training.examples import find_past

LAST = NIGHTS[-1]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return complete()


@pytest.fixture(scope="module")
def lived(
    tables: Tables, tmp_path_factory: pytest.TempPathFactory
) -> tuple[WindowedAggregation, list[FeatureTable]]:
    """Nine nights with all kinds of news, and what each night left."""
    history = a_history(tmp_path_factory.mktemp("lived"), *of_all_kinds(tables))
    return history, [history.night(night) for night in NIGHTS]


def known_now(history: WindowedAggregation, day: date) -> Partition:
    world = history.world
    engine = DuckEngine(1.0, world.root / "spill")
    return features_known_now(day, world.problem, world.lake, engine)


def new_files(history: WindowedAggregation, before: dict[str, bytes]) -> list[str]:
    return sorted(path.rsplit("/", 1)[0] for path in set(history.world.files()) - set(before))


def test_features_of_every_night_regenerate_byte_for_byte_although_news_has_landed(
    lived: tuple[WindowedAggregation, list[FeatureTable]],
) -> None:
    history, then = lived
    before = history.world.files()
    history.forget()

    again = [history.world.night(night) for night in NIGHTS]

    assert again == then
    assert history.world.files() == before


def test_the_last_night_alone_regenerates_every_table_before_it(
    lived: tuple[WindowedAggregation, list[FeatureTable]],
) -> None:
    history, then = lived
    before = history.world.files("features")
    history.forget()

    again = history.world.night(LAST)

    assert [p.sha256 for p in again.history] == [p.sha256 for p in then[-1].history]
    assert history.world.files("features") == before


def test_a_night_that_is_run_again_from_its_beginning_ends_where_it_ended_then(
    lived: tuple[WindowedAggregation, list[FeatureTable]],
) -> None:
    history, then = lived
    before = history.world.files()

    again = [history.night(night, today=LAST) for night in (NIGHTS[0], NIGHTS[3], LAST)]

    assert again == [then[0], then[3], then[-1]]
    assert history.world.files() == before


def test_what_is_known_now_equals_a_world_that_always_knew_it(
    tmp_path: Path, tables: Tables, lived: tuple[WindowedAggregation, list[FeatureTable]]
) -> None:
    history, then = lived
    served = history.world.files("features")
    final = {name: dict(kept) for name, kept in history.tables.items()}
    for one in history.news:
        final[one.table][one.day] = one.rows
    anew = a_world(tmp_path, final)
    rebuilt = {one.day: one for one in anew.night(LAST).history}

    now = [known_now(history, night) for night in NIGHTS[:-1]]

    assert [one.sha256 for one in now] == [rebuilt[night].sha256 for night in NIGHTS[:-1]]
    assert now[0].sha256 != then[0].partition.sha256
    assert {one.dataset for one in now} == {"features-known-now"}
    assert history.world.files("features") == served
    assert history.world.night(LAST) == then[-1]


def test_a_correction_makes_one_more_revision_of_its_totals_and_nothing_else_in_the_past(
    tmp_path: Path, tables: Tables
) -> None:
    night, corrected = NIGHTS[2], ago(NIGHTS[2], 4)
    news = News(night, "flights", corrected, delayed(tables["flights"][corrected]))
    history = a_history(tmp_path, tables, [news])
    for earlier in NIGHTS[:2]:
        history.night(earlier)
    history.land(night)
    before = history.world.files()

    made = history.world.night(night)

    assert new_files(history, before) == [
        f"features/day={night}",
        f"history/late/day={corrected}",
        f"history/late/day={ago(night, 1)}",
    ]
    assert {one.revision for one in (*made.history, made.partition)} == {0}


@pytest.mark.parametrize("n_days", [1, 2, 7, 27, 28, 29])
def test_a_night_mended_afterwards_recomputes_the_tables_whose_windows_reach_it_and_no_others(
    tmp_path: Path, tables: Tables, n_days: int
) -> None:
    night, corrected = NIGHTS[2], ago(NIGHTS[2], n_days)
    history = a_history(tmp_path, tables)
    for earlier in NIGHTS[:4]:
        history.night(earlier)
    before = history.world.files("features")
    rows = delayed(tables["flights"][corrected])
    lake = history.world.lake
    for dataset in ("raw/flights", "accepted/flights"):
        lake.write(dataset, corrected, as_arrow("flights", rows), night=night)

    made = history.world.night(NIGHTS[3])

    reach = [day for day in NIGHTS[2:4] if (day - corrected).days <= 28]
    changed = [one.day for one in (*made.history, made.partition) if one.revision]
    assert changed == reach
    assert {path for path in new_files(history, before) if path.startswith("features/")} == {
        f"features/day={day}" for day in reach
    }
    assert history.world.night(NIGHTS[3]) == made


def test_events_that_come_late_are_asked_for_when_they_have_come(
    tmp_path: Path, tables: Tables
) -> None:
    night, after = NIGHTS[1], NIGHTS[2]
    source = {**tables, "schedule": {d: r for d, r in tables["schedule"].items() if d != night}}
    news = News(after, "schedule", night, tables["schedule"][night])
    history = a_history(tmp_path, source, [news])
    first = history.night(NIGHTS[0])
    with pytest.raises(MissingDay):
        history.night(night)

    there = history.night(after)
    again = history.night(night, today=after)

    assert [one.day for one in there.history[-2:]] == [NIGHTS[0], night]
    assert again.partition == there.history[-1]
    assert history.world.night(NIGHTS[0]) == first


def test_learning_and_settling_read_what_was_known_for_the_night(
    lived: tuple[WindowedAggregation, list[FeatureTable]],
) -> None:
    history, then = lived
    lake = history.world.lake
    corrected, night = ago(NIGHTS[2], 5), NIGHTS[2]
    revisions = lake.revisions("accepted/flights", corrected, corrected)[corrected]

    read = [
        next(
            p
            for p in find_past(table, FLIGHTS, lake, FIRST, ago(table.day, 1)).outcomes
            if p.day == corrected
        )
        for table in then[1:3]
    ]

    assert [one.night for one in revisions] == [NIGHTS[0], night]
    assert read == list(revisions)
    before, after = (settled(history, one)[corrected.isoformat()] for one in NIGHTS[1:3])
    assert before != after


def settled(history: WindowedAggregation, day: date) -> dict[str, int]:
    """How many late flights each day has, as settle tells the warehouse."""
    late: dict[str, int] = {}

    class Warehouse:
        def agree(self, key: Any) -> None:
            pass

        def unsettled(self, before: date) -> list[date]:
            return []

        def counted(self) -> list[Any]:
            return []

        def early_answers(self, day: date) -> dict[str, Any]:
            return {}

        def settle(self, outcomes: Any) -> int:
            late[str(outcomes["day"].iloc[0])] = int(outcomes["label"].sum())
            return len(outcomes)

    warehouse: Any = Warehouse()
    settle(day, SettleParams(lookback_days=7), FLIGHTS, history.world.lake, warehouse)
    return late


def test_the_baseline_is_of_what_was_known_for_the_night(tmp_path: Path, tables: Tables) -> None:
    history = a_history(tmp_path, *of_all_kinds(tables))
    then = []
    for night in NIGHTS[:4]:
        history.land(night)
        then.append(baseline(history, night))

    assert [baseline(history, night) for night in NIGHTS[:4]] == then


def baseline(history: WindowedAggregation, day: date) -> float:
    nothing: Any = None
    return _baseline(ScoringContext(day, FLIGHTS, history.world.lake, nothing, nothing, nothing))[0]


def test_a_history_fetched_again_gives_every_night_what_its_own_known_at_says(
    tmp_path: Path, tables: Tables
) -> None:
    """As if the source had been right from the first night on."""
    wrong, last = NIGHTS[0], NIGHTS[2]
    days = [day for day in tables["flights"] if day < ago(wrong, 10)]
    mended = [News(last, "flights", day, tables["flights"][day]) for day in days]
    emptied = {day: rows.assign(arr_delay=None) for day, rows in tables["flights"].items()}
    before = {**tables, "flights": tables["flights"] | {day: emptied[day] for day in days}}
    history, right = a_history(tmp_path / "a", before, mended), a_history(tmp_path / "b", tables)
    then = history.night(wrong)
    source = ChangingSource(last, before, mended)

    refetch(Span(last, "flights"), FLIGHTS, source, history.world.lake)
    history.land(last)
    again = history.world.night(wrong)

    right.land(wrong)
    expected = right.world.night(wrong)
    assert again.partition.sha256 == expected.partition.sha256 != then.partition.sha256
    assert [one.sha256 for one in again.history] == [one.sha256 for one in expected.history]
