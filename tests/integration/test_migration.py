"""The tables are made and brought up to date step by step, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from pipelines.adapters.database import migration
from pipelines.adapters.database import tables as schema
from pipelines.adapters.database.warehouse import SqlWarehouse
from pipelines.core.errors import ConfigError
from pipelines.core.records import LedgerEntry

DAY = date(2013, 10, 1)
ENTRY = LedgerEntry(version="1", before=None, actor="gate", reason="first champion")
RUN = "'run-1', '2013-10-01', 'champion', 'ab', 'cd', 'champion answers', 1, 'ef'"
OLD_ROWS = (
    "INSERT INTO ledger (version, actor, reason) VALUES ('1', 'gate', 'first champion')",
    (
        "INSERT INTO scoring_run (run_id, day, answered_by, features_sha256, data_version, reason, events, "
        f"checksum) VALUES ({RUN})"
    ),
    "INSERT INTO prediction VALUES ('2013-10-01', 'run-1', 'champion', '2013-10-01|UA|1', '1', 0.25)",
    "INSERT INTO prediction VALUES ('2013-10-01', 'run-1', 'canary', '2013-10-01|UA|1', '0', 0.5)",
    "INSERT INTO published (day, run_id, token) VALUES ('2013-10-01', 'run-1', 1)",
)


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def first_tables(url: str) -> None:
    """A database as the first program made it."""
    steps = Config()
    steps.set_main_option("script_location", str(migration.STEPS))
    with opened(url) as connection:
        steps.attributes["connection"] = connection
        command.upgrade(steps, "0001")


def test_the_steps_lead_to_the_tables_of_the_schema(url: str) -> None:
    SqlWarehouse(url).ledger()

    with opened(url) as connection:
        there = MigrationContext.configure(connection, opts={"include_object": _is_no_view})
        assert compare_metadata(there, schema.metadata) == []
        view = connection.execute(text("SELECT * FROM prediction_current")).keys()
    assert list(view) == [column.name for column in schema.prediction_current.c]


def _is_no_view(_item: object, name: str, *_: object) -> bool:
    return name != schema.prediction_current.name


def test_the_newest_step_is_the_one_that_the_program_expects() -> None:
    steps = ScriptDirectory(str(migration.STEPS))

    assert steps.get_heads() == [migration.LATEST]


def test_a_database_of_before_the_steps_keeps_its_rows_and_what_is_published(url: str) -> None:
    first_tables(url)
    with opened(url) as connection:
        connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(text("CREATE TABLE schema_version (version INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO schema_version VALUES (1)"))
        for statement in OLD_ROWS:
            connection.execute(text(statement))

    warehouse = SqlWarehouse(url)

    assert warehouse.ledger() == [ENTRY]
    assert warehouse.predictions(DAY, DAY)["score"].tolist() == [0.25]
    with opened(url) as connection:
        assert migration.step(connection) == migration.LATEST
        assert not inspect(connection).has_table("schema_version")


def test_tables_of_a_newer_program_are_left_alone(url: str) -> None:
    SqlWarehouse(url).append(ENTRY)
    with opened(url) as connection:
        connection.execute(text(f"UPDATE {migration.MARK} SET version_num = '9999'"))

    with pytest.raises(ConfigError, match=r"at step 9999.*update Redeye"):
        SqlWarehouse(url).acquire_token(DAY)

    with opened(url) as connection:
        assert migration.step(connection) == "9999"


def test_a_step_that_fails_leaves_the_database_as_it_was(url: str) -> None:
    with opened(url) as connection:
        connection.execute(text("CREATE TABLE fence (in_the_way INTEGER)"))

    for _ in range(2):
        with pytest.raises(Exception, match="fence"):
            SqlWarehouse(url).ledger()

    with opened(url) as connection:
        assert inspect(connection).get_table_names() == ["fence"]


def test_a_database_that_is_up_to_date_needs_no_right_to_change_its_tables(tmp_path: Path) -> None:
    file = tmp_path / "redeye.db"
    SqlWarehouse(f"sqlite:///{file}").append(ENTRY)

    again = SqlWarehouse(f"sqlite:///{file}")
    with again._database._begin(writes=False) as connection:
        assert migration.step(connection) == migration.LATEST
    assert again.ledger() == [ENTRY]
