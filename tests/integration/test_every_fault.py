"""Whatever fails or dies, wherever: nothing is lost, and run again a night ends as if nothing had been.

The Nth operation fails, for every N until a stage passes (the way SQLite is tested); and at every
named point a process is killed as the kernel kills. After each `verify` finds nothing broken.
"""

from __future__ import annotations

import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from infra.scratch_copy import Server
from pipelines.adapters.database.engine import Database
from pipelines.adapters.lake.garbage import Folders
from pipelines.adapters.mlflow.registry import MlflowRegistry
from pipelines.audit.repair import RepairContext, mend, plan
from pipelines.core.config import Paths
from pipelines.core.errors import BusyError, RegistryAway, TemporaryError
from pipelines.core.fault_injection import POINTS, activate
from tests.integration.killing import Killer
from tests.integration.small_night import (
    DAY,
    PROBLEM,
    STAGES,
    Nights,
    live_elsewhere,
    live_on_a_full_disk,
)

TONIGHT = DAY + timedelta(days=1)
Copies = Callable[[str], Nights]


@pytest.fixture(autouse=True)
def nothing_armed() -> Iterator[None]:
    yield
    activate(None)


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Before each stage of the night: the root; after it: the state."""
    root = tmp_path_factory.mktemp("nights") / "root"
    nights = Nights(root).found()
    nights.run(DAY)
    kept = {}
    for stage in STAGES:
        before = root.with_name(f"before-{stage}")
        shutil.copytree(root, before)
        nights.run(TONIGHT, [stage])
        kept[stage] = (before, nights.state())
    return kept


def fail_the_nth(copy: Callable[[int], Nights], stage: str, point: str, golden: Any) -> set[str]:
    """Fail the Nth reaching of the point, for each N there is: the points at which it failed."""
    failed = set()
    for n in count(1):
        nights = copy(n)
        fault = activate(f"{point}:{'enospc' if point.startswith('files') else 'error'}:{n}")
        assert fault is not None
        try:
            nights.run(TONIGHT, [stage])
        except TemporaryError:
            assert fault.fired
        activate(None)
        if not fault.fired:
            return failed
        assert nights.broken() == {}, f"after {fault.fired} ({n})"
        nights.run(TONIGHT, [stage])
        assert nights.state() == golden, f"after {fault.fired} ({n})"
        failed.add(fault.fired)
    raise AssertionError


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_survives_the_failure_of_its_nth_operation(
    stage: str, stages: dict[str, tuple[Path, dict[str, Any]]], tmp_path: Path
) -> None:
    before, golden = stages[stage]

    def copy(n: int) -> Nights:
        shutil.copytree(before, tmp_path / str(n))
        return Nights(tmp_path / str(n))

    failed = fail_the_nth(copy, stage, "any", golden)

    assert {"stage.before_record", "files.before_rename"} <= failed


@pytest.mark.parametrize("point", ["files.before_write", "files.before_sync"])
@pytest.mark.parametrize("stage", ["ingest", "validate", "features"])
def test_a_stage_survives_a_full_disk(
    stage: str, point: str, stages: dict[str, tuple[Path, dict[str, Any]]], tmp_path: Path
) -> None:
    before, golden = stages[stage]

    def copy(n: int) -> Nights:
        shutil.copytree(before, tmp_path / str(n))
        return Nights(tmp_path / str(n))

    assert fail_the_nth(copy, stage, point, golden) == {point}


@pytest.mark.parametrize("stage", STAGES)
def test_a_limit_on_the_size_of_files_ends_a_stage_in_a_sentence_and_nothing_half_written(
    killer: Killer, stage: str, stages: dict[str, tuple[Path, dict[str, Any]]], tmp_path: Path
) -> None:
    before, golden = stages[stage]
    codes = []
    for most_bytes in (0, 500, 4096, 20_000, 100_000):
        root = tmp_path / str(most_bytes)
        shutil.copytree(before, root)
        nights = Nights(root)

        process = killer.context.Process(
            target=live_on_a_full_disk, args=(root, nights.url, [TONIGHT], [stage], most_bytes)
        )
        process.start()
        process.join()

        codes.append(process.exitcode)
        assert nights.broken() == {}
        nights.run(TONIGHT, [stage])
        assert nights.state() == golden
    assert set(codes) <= {0, TemporaryError.exit_code}, codes
    assert codes[0] == TemporaryError.exit_code


@pytest.mark.parametrize("stage", ["score", "settle"])
@pytest.mark.parametrize(
    "point", ["database.before_statement", "database.before_commit", "database.after_commit"]
)
def test_on_postgresql_a_stage_survives_the_failure_of_its_nth_statement(
    stage: str, point: str, postgresql: str, tmp_path: Path
) -> None:
    server = Server(make_url(postgresql).set(drivername="postgresql+psycopg"))
    before = Nights(tmp_path / "before", server.make("before")).found()
    before.run(DAY)
    before.run(TONIGHT, STAGES[: STAGES.index(stage)])
    shutil.copytree(tmp_path / "before", tmp_path / "golden")
    golden = Nights(tmp_path / "golden", server.make("golden", "before"))
    golden.run(TONIGHT, [stage])

    def copy(n: int) -> Nights:
        shutil.copytree(tmp_path / "before", tmp_path / str(n))
        return Nights(tmp_path / str(n), server.make("copy", "before"))

    assert fail_the_nth(copy, stage, point, golden.state()) == {point}


LEARNING = (
    "train.",
    "evaluate.",
    "promote.",
    "registry.",
    "versions.",
    "checkout.",
    "attic.",
    "prune.",
    "sharing.",
)  # by tests of their own
OF_A_NIGHT = sorted(point for point in POINTS if not point.startswith(LEARNING))


@pytest.mark.parametrize("point", OF_A_NIGHT)
def test_a_night_survives_being_killed_at_any_point(
    point: str,
    stages: dict[str, tuple[Path, dict[str, Any]]],
    tmp_path: Path,
    killer: Killer,
) -> None:
    root, golden = tmp_path / "root", stages["settle"][1]
    shutil.copytree(stages["ingest"][0], root)
    nights = Nights(root)

    died = killer.live(root, nights.url, [TONIGHT], STAGES, f"{point}:kill")

    assert died
    assert nights.broken() == {}
    nights.run(TONIGHT)
    assert nights.state() == golden
    assert nights.broken() == {}


# Other troubles


@pytest.fixture
def tonight(
    stages: dict[str, tuple[Path, dict[str, Any]]], tmp_path: Path
) -> tuple[Nights, dict[str, Any]]:
    """A root before tonight's first stage, and how it ought to end."""
    shutil.copytree(stages["ingest"][0], tmp_path / "root")
    return Nights(tmp_path / "root"), stages["settle"][1]


def test_a_writer_that_wakes_up_too_late_does_not_publish(
    tonight: tuple[Nights, dict[str, Any]], killer: Killer
) -> None:
    nights, _ = tonight
    nights.run(TONIGHT, STAGES[:3])
    sleeper = killer.start(
        nights.root, nights.url, [TONIGHT], ["score"], "publish.before_flip:delay"
    )
    while not nights.stores.books.open(TONIGHT).kept:  # until it has staged its rows
        time.sleep(0.02)
    nights.registry.aliases["champion"] = "1"

    nights.run(TONIGHT, ["score"])
    sleeper.join()

    assert sleeper.exitcode == BusyError.exit_code
    book = nights.stores.books.open(TONIGHT)
    assert [move.run_id for move in book.moves] == [book.run_id]
    assert book.runs[book.run_id or ""].model_version == "1"
    assert set(nights.broken()) <= {"I6"}  # the alias was moved here, and nobody has looked


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Pacific/Apia", "America/New_York"])
def test_the_zone_of_the_machine_makes_no_difference(
    zone: str, tonight: tuple[Nights, dict[str, Any]], killer: Killer
) -> None:
    nights, golden = tonight

    process = killer.context.Process(
        target=live_elsewhere, args=(nights.root, nights.url, [TONIGHT], zone)
    )
    process.start()
    process.join()

    assert process.exitcode == 0
    assert nights.state() == golden


def test_a_database_that_finds_the_disk_full_is_whole(
    tonight: tuple[Nights, dict[str, Any]], killer: Killer
) -> None:
    nights, golden = tonight
    nights.run(TONIGHT, STAGES[:3])
    database = nights.root / "var" / "redeye.db"

    process = killer.context.Process(
        target=live_on_a_full_disk, args=(nights.root, nights.url, [TONIGHT], ["score"], 4096)
    )
    process.start()
    process.join()

    assert process.exitcode == TemporaryError.exit_code
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert nights.broken() == {}
    nights.run(TONIGHT)
    assert nights.state() == golden


def test_a_backup_that_was_restored_is_noticed_and_caught_up_with(
    tonight: tuple[Nights, dict[str, Any]],
) -> None:
    nights, golden = tonight
    backup = nights.root / "backup.db"
    with (
        closing(sqlite3.connect(nights.root / "var" / "redeye.db")) as now,
        closing(sqlite3.connect(backup)) as copy,
    ):
        now.backup(copy)
    nights.run(TONIGHT)
    for left in (nights.root / "var").glob("redeye.db*"):
        left.unlink()
    backup.rename(nights.root / "var" / "redeye.db")

    noticed = nights.broken()

    assert "I12" in noticed
    assert "is not in the warehouse" in noticed["I12"]
    nights.run(TONIGHT)
    shop = RepairContext(
        nights.stores,
        Folders(nights.places),
        timedelta(hours=6),
        nights.services["validator"](),
        nights.services["workers"](),
    )
    mend(shop, plan(shop))
    assert nights.broken() == {}
    assert nights.state()["tables"]["published"] == golden["tables"]["published"]


def test_a_statement_that_hangs_is_cut_short(postgresql: str) -> None:
    server = make_url(postgresql).update_query_dict(
        {"options": "-c statement_timeout=200ms"}, append=True
    )
    database = Database(server.render_as_string(hide_password=False))

    with pytest.raises(TemporaryError, match="timeout"), database.read() as connection:
        connection.execute(text("SELECT pg_sleep(20)"))


def test_a_registry_that_hangs_is_away_within_its_timeouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        uri = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        # MLflow writes it into the environment, where later tests would find it.
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        registry = MlflowRegistry(Paths(tmp_path, tmp_path, "", uri, ""), PROBLEM)
        began = time.monotonic()

        with pytest.raises(RegistryAway):
            registry.version("champion")

    assert time.monotonic() - began < 30
