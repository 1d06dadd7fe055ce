"""What tests share because it is slow to start: databases, Spark."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from infra.postgres import serve
from pipelines.adapters.engines.duckdb import DuckEngine
from pipelines.adapters.engines.spark import SparkEngine
from pipelines.features.ports import Engine
from tests.integration.killing import Killer, a_killer


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> SparkEngine:
    """The one Spark of this process; it takes some seconds to start."""
    return SparkEngine(1.0, tmp_path_factory.mktemp("spark"), {})


@pytest.fixture
def duck(tmp_path: Path) -> DuckEngine:
    return DuckEngine(0.5, tmp_path / "spill", threads=2)


@pytest.fixture(params=["duck", "spark"])
def engine(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.getfixturevalue(request.param)
    return engine


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A server of our own. Its folder is not pytest's: another session's start would close that to
    the server, which does not run as root."""
    with tempfile.TemporaryDirectory(prefix="redeye-pg-") as folder:
        server = serve(Path(folder), print, cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def killer() -> Killer:
    return a_killer()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/redeye.db"
    server = make_url(request.getfixturevalue("postgresql")).set(drivername="postgresql+psycopg")
    name = f"night_{abs(hash(request.node.nodeid))}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.set(database=name).render_as_string(hide_password=False)
