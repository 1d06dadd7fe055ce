"""A backup that is put in place of what was lost is what there was."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.adapters.backup import back_up
from pipelines.core.config import Paths
from pipelines.core.errors import UsageError
from tests.integration.small_night import DAY, Nights


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    nights = Nights(tmp_path / "root").found()
    nights.run(DAY)
    return nights


def places(nights: Nights, database: str = "") -> Paths:
    root = nights.root
    mlflow = f"sqlite:///{root}/var/mlflow.db"
    return Paths(root, root, database or nights.url, mlflow, "")


def a_registry(nights: Nights) -> None:
    with closing(sqlite3.connect(nights.root / "var" / "mlflow.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE versions AS SELECT 7 AS version")
        connection.commit()
    model = nights.root / "var" / "artifacts" / "1" / "model.ubj"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"model")


def test_a_backup_that_is_put_in_place_is_what_there_was(nights: Nights, tmp_path: Path) -> None:
    a_registry(nights)
    before = nights.state()
    reader = sqlite3.connect(nights.root / "var" / "redeye.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM published").fetchall()  # keeps the log from being taken over
    nights.registry.aliases["champion"] = "1"
    nights.run(DAY, ["score"])
    after = nights.state()

    made = back_up(places(nights), tmp_path / "backup")
    reader.close()

    shutil.rmtree(nights.root / "var")
    shutil.copytree(tmp_path / "backup" / "var", nights.root / "var")
    assert nights.state() == after != before
    assert made.copied == ("var/mlflow.db", "var/redeye.db", "var/artifacts")
    with closing(sqlite3.connect(nights.root / "var" / "mlflow.db")) as connection:
        assert connection.execute("SELECT version FROM versions").fetchall() == [(7,)]
    nights.run(DAY + timedelta(days=1))
    assert set(nights.broken()) <= {"I6"}  # the alias was moved here, not by the gate


def test_a_copy_of_the_database_file_alone_has_everything(nights: Nights, tmp_path: Path) -> None:
    kept = sqlite3.connect(nights.root / "var" / "redeye.db")  # who is connected keeps the log
    kept.execute("SELECT count(*) FROM published").fetchall()
    nights.run(DAY + timedelta(days=1))

    shutil.copy(nights.root / "var" / "redeye.db", tmp_path / "copy.db")

    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        for table in ("prediction", "published", "outcome", "publication"):
            query = f"SELECT * FROM {table}"
            assert copy.execute(query).fetchall() == kept.execute(query).fetchall() != []
    kept.close()


def test_what_is_behind_a_server_is_told_without_its_password(
    nights: Nights, tmp_path: Path
) -> None:
    a_registry(nights)

    made = back_up(places(nights, "postgresql://me:hunter22@host/db"), tmp_path / "backup")

    assert any("pg_dump" in told for told in made.elsewhere)
    assert "hunter22" not in made.to_json()


def test_a_folder_that_is_not_empty_is_refused(nights: Nights) -> None:
    with pytest.raises(UsageError, match="name a new folder"):
        back_up(places(nights), nights.root)
