"""The tables are made and brought up to date step by step, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from pipelines.adapters import migration, schema
from pipelines.adapters.warehouse import SqlWarehouse
from pipelines.core.errors import ConfigError
from pipelines.core.records import LedgerEntry

DAY = date(2013, 10, 1)
ENTRY = LedgerEntry(version="1", before=None, actor="gate", reason="first champion")


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


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


def test_a_database_of_before_the_steps_keeps_its_rows(url: str) -> None:
    with opened(url) as connection:
        schema.metadata.create_all(connection)
        connection.execute(text("CREATE TABLE schema_version (version INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO schema_version VALUES (1)"))
        connection.execute(schema.ledger.insert().values(ENTRY.model_dump()))

    warehouse = SqlWarehouse(url)

    assert warehouse.ledger() == [ENTRY]
    with opened(url) as connection:
        assert migration.step(connection) == migration.LATEST
        assert not inspect(connection).has_table("schema_version")


def test_tables_of_a_newer_program_are_left_alone(url: str) -> None:
    SqlWarehouse(url).append(ENTRY)
    with opened(url) as connection:
        connection.execute(text(f"UPDATE {migration.MARK} SET version_num = '9999'"))

    with pytest.raises(ConfigError, match=r"at step 9999.*update Redeye"):
        SqlWarehouse(url).claim(DAY)

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
