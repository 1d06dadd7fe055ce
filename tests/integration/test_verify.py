"""Each invariant is broken by hand, and `verify` tells of that one and of no other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from pipelines.adapters.lake.garbage import Folders
from pipelines.audit.invariants import BACKUP, PROMISES
from pipelines.audit.repair import RepairContext, plan, repair
from pipelines.audit.runs import StageLog
from pipelines.audit.verify import verify
from pipelines.core.config import Paths
from pipelines.core.errors import DataError
from tests.integration.audited import Audited, an_audited_world
from tests.integration.serving import DAY, MemoryWorkers


@pytest.fixture
def world(tmp_path: Path, url: str) -> Audited:
    return an_audited_world(tmp_path, url)


def run_sql(world: Audited, *statements: str) -> None:
    """Edit tables as somebody would who bypasses Redeye."""
    engine = create_engine(world.url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def cut(world: Audited, dataset: str) -> None:
    """Cut the current file of a dataset in half."""
    (current,) = world.lake.find(dataset, DAY, DAY)
    path = world.root / "data" / current.file
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scored_as_another(world: Audited) -> None:
    run_sql(world, "UPDATE scoring_run SET landed = 9")


def accepted_is_less(world: Audited) -> None:
    (current,) = world.lake.find("accepted/schedule", DAY, DAY)
    fewer = world.lake.read([current]).slice(1)
    world.lake.write("accepted/schedule", DAY, fewer, current.origin, DAY)


def accepted_is_cut(world: Audited) -> None:
    cut(world, "accepted/schedule")


def answered_twice(world: Audited) -> None:
    columns = "day, run_id, event_key, model_version, score, answers"
    run_sql(
        world,
        f"INSERT INTO prediction ({columns}, contender) SELECT {columns}, 'canary' FROM prediction "
        "WHERE answers AND run_id = (SELECT run_id FROM published) "
        "AND event_key LIKE '%|1|%'",
    )


def a_score_is_edited(world: Audited) -> None:
    run_sql(
        world,
        "UPDATE prediction SET score = 0.99 WHERE answers AND event_key LIKE '%|1|%' "
        "AND run_id = (SELECT run_id FROM published)",
    )


def a_row_is_deleted(world: Audited) -> None:
    run_sql(
        world,
        "DELETE FROM prediction WHERE answers AND event_key LIKE '%|1|%' "
        "AND run_id = (SELECT run_id FROM published)",
    )


def the_old_run_is_thinned(world: Audited) -> None:
    run_sql(
        world,
        "DELETE FROM prediction WHERE answers AND event_key LIKE '%|1|%' "
        "AND run_id <> (SELECT run_id FROM published)",
    )


def features_are_cut(world: Audited) -> None:
    cut(world, "features")


def features_are_dropped(world: Audited) -> None:
    shutil.rmtree(world.root / "data" / "features")


def the_version_is_another(world: Audited) -> None:
    another = world.registry.versions["2"].model_copy(update={"sha256": f"{9:0>64}"})
    world.registry.versions["2"] = another
    world.registry.judge(another)


def the_training_run_is_gone(world: Audited) -> None:
    world.registry.versions["2"] = world.registry.versions["2"].model_copy(
        update={"run_id": "deleted"}
    )


def the_data_version_is_unknown(world: Audited) -> None:
    run_sql(world, "UPDATE scoring_run SET data_version = 'data-9'")


def the_alias_is_moved(world: Audited) -> None:
    world.registry.aliases["champion"] = "1"


def the_alias_is_taken_away(world: Audited) -> None:
    del world.registry.aliases["champion"]


def the_champion_loses_a_blessing(world: Audited) -> None:
    world.registry.judge(world.registry.versions["2"], passed=False)


def the_pointer_is_moved(world: Audited) -> None:
    run_sql(
        world,
        "UPDATE published SET run_id = (SELECT before FROM publication WHERE before IS NOT NULL)",
    )


def the_fence_is_lowered(world: Audited) -> None:
    run_sql(world, "UPDATE fence SET token = 0")


def quarantine_is_cut(world: Audited) -> None:
    cut(world, "quarantine/schedule")


def the_count_of_quarantine_is_edited(world: Audited) -> None:
    run_sql(world, "UPDATE quarantine_log SET rows = 7")


def reasons_are_wiped(world: Audited) -> None:
    (current,) = world.lake.find("quarantine/schedule", DAY, DAY)
    rows = world.lake.read([current]).drop_columns(["reason"])
    world.lake.write("quarantine/schedule", DAY, rows, current.origin)


def raw_is_cut(world: Audited) -> None:
    cut(world, "raw/schedule")


def a_raw_manifest_is_dropped(world: Audited) -> None:
    (world.root / "data" / "raw" / "flights" / f"day={DAY}" / "manifest.json").unlink()


def a_raw_manifest_is_garbage(world: Audited) -> None:
    (world.root / "data" / "raw" / "flights" / f"day={DAY}" / "manifest.json").write_text("{")


def the_model_saw_the_day(world: Audited) -> None:
    run_sql(world, f"UPDATE scoring_run SET trained_until = '{DAY}'")


def an_outcome_was_known_before(world: Audited) -> None:
    world.settle(DAY + timedelta(days=1))
    run_sql(world, "UPDATE outcome SET known_at = '2013-09-30 12:00:00.000000'")


def a_password_is_told(world: Audited) -> None:
    world.secrets = ("hunter22",)
    world.texts = (("runs/2013-10-01/report.html", "postgresql://redeye:hunter22@host/db"),)


def a_record_is_missing(world: Audited) -> None:
    (night,) = world.left
    world.left = [replace(night, records={"landed": night.records["landed"]})]


def a_failure_is_mute(world: Audited) -> None:
    (night,) = world.left
    world.left = [replace(night, notes=(*night.notes, StageLog("settle", "settlement", 3, None)))]


BREAKS: list[tuple[str, Callable[[Audited], None]]] = [
    ("I1", scored_as_another),
    ("I1", accepted_is_less),
    ("I1", accepted_is_cut),
    ("I2", answered_twice),
    ("I3", a_score_is_edited),
    ("I3", a_row_is_deleted),
    ("I4", the_old_run_is_thinned),
    ("I5", features_are_cut),
    ("I5", features_are_dropped),
    ("I5", the_version_is_another),
    ("I5", the_training_run_is_gone),
    ("I5", the_data_version_is_unknown),
    ("I6", the_alias_is_moved),
    ("I6", the_alias_is_taken_away),
    ("I6", the_champion_loses_a_blessing),
    ("I7", the_pointer_is_moved),
    ("I7", the_fence_is_lowered),
    ("I8", quarantine_is_cut),
    ("I8", the_count_of_quarantine_is_edited),
    ("I8", reasons_are_wiped),
    ("I9", raw_is_cut),
    ("I9", a_raw_manifest_is_dropped),
    ("I9", a_raw_manifest_is_garbage),
    ("I10", the_model_saw_the_day),
    ("I10", an_outcome_was_known_before),
    ("I11", a_password_is_told),
    ("I12", a_record_is_missing),
    ("I12", a_failure_is_mute),
]


def test_in_a_whole_world_every_invariant_holds_and_was_asked(world: Audited) -> None:
    verification = world.verify()

    assert world.broken() == {}
    assert verification.held
    assert [one.name for one in verification.invariants] == list(PROMISES)
    assert all(one.checked for one in verification.invariants)


@pytest.mark.parametrize(("name", "spoil"), BREAKS, ids=[one.__name__ for _, one in BREAKS])
def test_what_is_broken_is_told_and_nothing_else(
    world: Audited, name: str, spoil: Callable[[Audited], None]
) -> None:
    spoil(world)

    verification = world.verify()

    assert [one.name for one in verification.broken] == [name]
    (breach,) = verification.broken[0].breaches
    assert breach.where
    assert breach.next.startswith(("redeye ", "delete the file", BACKUP))


@pytest.mark.parametrize(("name", "spoil"), BREAKS, ids=[one.__name__ for _, one in BREAKS])
def test_repair_never_advises_itself_and_makes_published_days_whole(
    world: Audited, name: str, spoil: Callable[[Audited], None]
) -> None:
    spoil(world)
    places = Paths(world.root, world.root, world.url, "", "")
    shop = RepairContext(
        world.stores,
        Folders(places),
        timedelta(hours=6),
        world.judge,
        MemoryWorkers(world.registry),
    )

    try:
        repaired = repair(shop, plan(shop), world.verify)
        told = [*(one.next for one in (*repaired.mended, *repaired.left)), *repaired.kept]
    except DataError as error:
        told = [str(error)]

    assert [one for one in told if "redeye repair" in one] == []
    assert all(one.next for one in world.verify().broken for one in one.breaches)
    if name in ("I2", "I3", "I7"):
        assert world.broken() == {}


def test_every_invariant_is_broken_by_some_test() -> None:
    assert {name for name, _ in BREAKS} == set(PROMISES)


def test_a_day_that_was_not_asked_for_is_not_told_of(world: Audited) -> None:
    a_score_is_edited(world)

    verification = verify(world.stores, DAY + timedelta(days=1), DAY + timedelta(days=2))

    assert verification.held


def test_to_verify_changes_nothing(world: Audited) -> None:
    the_alias_is_moved(world)
    before = world.warehouse.ledger()

    world.verify()

    assert world.warehouse.ledger() == before
    assert world.registry.aliases["champion"] == "1"
