"""Whoever clears up and whoever writes take turns in every order, and nothing that was named is lost."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import create_engine, text

from pipelines.adapters.database.audit import SqlBooks
from pipelines.adapters.database.warehouse import SqlWarehouse
from pipelines.adapters.lake.garbage import Folders
from pipelines.adapters.lake.lake import LocalLake
from pipelines.adapters.mlflow.copies import Copies
from pipelines.core.config import Paths
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import ModelVersion
from pipelines.data.partitions import checksum
from tests.integration.interleaving import every_order
from tests.integration.test_warehouse import a_run, some_predictions

DAY = date(2013, 10, 1)
OLD = timedelta(hours=6)
LONG_AGO = 1_000_000_000
IN_THE_LAKE = (
    *("files.before_write", "files.before_rename", "lake.before_manifest", "lake.after_manifest"),
    "attic.before_remove",
)
IN_THE_DATABASE = (
    *("publish.before_stage", "publish.before_audit", "publish.before_flip", "publish.after_flip"),
    "database.after_commit",
)
Works = list[Callable[[], None]]


def rows(value: float) -> pa.Table:
    return pa.table({"day": pa.array([DAY], pa.date32()), "n": [value]})


def an_orphan(root: Path) -> Path:
    """The file of a night that was killed before it named it, long ago."""
    lake = LocalLake(root / "data")
    path = root / "data" / lake.write("raw/flights", DAY, rows(1.0)).file
    (path.parent / "manifest.json").unlink()
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def test_a_file_that_is_named_while_litter_is_removed_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def works(number: int) -> Works:
        root = tmp_path / str(number)
        an_orphan(root)
        lake, attic = LocalLake(root / "data"), Folders(Paths(root, root, "", "", ""))

        def clear_up() -> None:
            found = [path for path, _ in attic.litter(OLD, ())]
            attic.sweep(found, OLD, ())

        return [lambda: lake.write("raw/flights", DAY, rows(1.0)) and None, clear_up]

    orders = []
    for order in every_order(monkeypatch, IN_THE_LAKE, works):
        lake = LocalLake(tmp_path / str(len(orders)) / "data")
        assert lake.read(lake.find("raw/flights", DAY, DAY)).equals(rows(1.0)), order
        orders.append(order)

    assert len(orders) > 10


def test_a_damaged_file_that_is_made_again_while_it_is_removed_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def works(number: int) -> Works:
        root = tmp_path / str(number)
        lake, attic = LocalLake(root / "data"), Folders(Paths(root, root, "", "", ""))
        one = lake.write("features", DAY, rows(1.0))
        attic.path(one).write_bytes(b"rot")
        return [
            lambda: LocalLake(root / "data").write("features", DAY, rows(1.0)) and None,
            lambda: attic.discard(attic.path(one), one.sha256),
        ]

    n_orders = 0
    for order in every_order(monkeypatch, IN_THE_LAKE, works):
        lake = LocalLake(tmp_path / str(n_orders) / "data")
        assert lake.read(lake.find("features", DAY, DAY)).equals(rows(1.0)), order
        n_orders += 1

    assert n_orders > 3


def test_a_copy_of_a_model_that_is_given_out_while_old_ones_are_removed_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a version without an alias, such as one that is asked for by its number."""
    content = b"a model"
    version = ModelVersion(
        version="7",
        candidate="boosting",
        run_id="night",
        sha256=hashlib.sha256(content).hexdigest(),
        trained_until=DAY,
        features=("said",),
    )
    read: list[bytes] = []

    def works(number: int) -> Works:
        root = tmp_path / str(number)
        places = Paths(root, root, "", "", "")
        old = Copies(places).keep(version.sha256, "skops", content).path
        os.utime(old, (LONG_AGO, LONG_AGO))
        attic = Folders(places)

        def use(copies: Copies, *, away: bool) -> None:
            given = copies.find(version) if away else copies.keep(version.sha256, "skops", content)
            if given is None:
                read.append(content)  # removed before it was asked for, and told as such
                return
            fault_point("score.before_publish")
            read.append(given.path.read_bytes())

        def clear_up() -> None:
            found = [path for path, _ in attic.litter(OLD, ())]
            attic.sweep(found, OLD, ())

        return [lambda: use(Copies(places), away=bool(number % 2)), clear_up]

    for away in (0, 1):
        orders = list(
            every_order(
                monkeypatch,
                (*IN_THE_LAKE, "score.before_publish"),
                lambda number, away=away: works(2 * number + away),  # type: ignore[misc]  # bound now
            )
        )
        assert len(orders) > 2

    assert set(read) == {content}


def test_a_forsaken_run_that_is_published_while_it_is_removed_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions = some_predictions()

    def works(number: int) -> Works:
        url = f"sqlite:///{tmp_path}/{number}.db"
        forsake(url, predictions)
        warehouse, books = SqlWarehouse(url), SqlBooks(url)
        token = warehouse.acquire_token(DAY)

        def clear_up() -> None:
            for one in books.forsaken(OLD):
                books.drop(one.day, one.run_id, OLD)

        return [
            lambda: warehouse.publish(a_run(predictions), predictions, token) and None,
            clear_up,
        ]

    n_orders = 0
    for order in every_order(monkeypatch, IN_THE_DATABASE, works):
        current = SqlWarehouse(f"sqlite:///{tmp_path}/{n_orders}.db").predictions(DAY, DAY)
        assert checksum(current) == checksum(predictions), order
        n_orders += 1

    assert n_orders > 5


def forsake(url: str, predictions: pd.DataFrame) -> None:
    """Stage a run long ago, and die."""
    from pipelines.adapters.database import publishing
    from pipelines.adapters.database.engine import Database

    publishing.stage(Database(url), a_run(predictions), predictions)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE scoring_run SET written_at = '2013-01-01 00:00:00'"))
    engine.dispose()
