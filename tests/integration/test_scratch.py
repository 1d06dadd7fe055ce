"""Scratch databases of `make chaos` on a server that is somebody's: made beside the real one, filled, dropped."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url, text

from infra.scratch_copy import copy_warehouse, scratch_server
from pipelines.adapters.database.warehouse import SqlWarehouse
from pipelines.core.errors import ConfigError, TemporaryError
from pipelines.core.records import LedgerEntry
from tests.integration.serving import judged
from tests.integration.small_night import DAY, Nights

TONIGHT = DAY + timedelta(days=1)


def names(server: URL) -> set[str]:
    engine = create_engine(server.set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        found = set(connection.execute(text("SELECT datname FROM pg_database")).scalars())
    engine.dispose()
    return found


def test_a_warehouse_is_copied_into_scratch_databases_that_are_dropped_again(
    postgresql: str, tmp_path: Path
) -> None:
    nights = Nights(tmp_path / "one").found()
    nights.run(DAY)
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    server = make_url(postgresql)
    before = names(server)

    with scratch_server(postgresql) as scratch:
        copy_warehouse(nights.url, scratch.make("kept"))
        url = scratch.make("storm", "kept")
        url = scratch.make("storm", "kept")  # in place of the one before
        copied = Nights(tmp_path / "other", url)
        assert {"kept", "storm"} == {one.rpartition("_")[2] for one in names(server) - before}
        assert copied.state() == nights.state()
        copied.run(TONIGHT)  # where the other would go on
        nights.run(TONIGHT)
        assert copied.state() == nights.state()
        ledger = SqlWarehouse(url)
        ledger.append(LedgerEntry(version="3", before="2", actor="gate", reason="better"))
        assert [one.version for one in ledger.ledger()] == ["1", "2", "3"]
        version = copied.registry.versions["3"]
        ledger.bless(judged(version, passed=False))
        assert ledger.blessing(version).lacking

    assert names(server) == before


def test_a_role_that_may_not_make_a_database_is_told_what_it_takes(postgresql: str) -> None:
    server = make_url(postgresql).set(drivername="postgresql+psycopg")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP ROLE IF EXISTS humble"))
        connection.execute(text("CREATE ROLE humble LOGIN PASSWORD 'hunter22'"))
    engine.dispose()
    url = server.set(username="humble", password="hunter22").render_as_string(hide_password=False)
    before = names(server)

    with scratch_server(url) as scratch, pytest.raises(ConfigError, match="CREATEDB") as no:
        scratch.make("storm")

    assert "hunter22" not in str(no.value)
    assert names(server) == before


def test_a_server_that_does_not_answer_is_no_matter_of_rights() -> None:
    with (
        pytest.raises(TemporaryError, match="does not answer"),
        scratch_server("postgresql://127.0.0.1:1/x") as scratch,
    ):
        scratch.make("storm")
