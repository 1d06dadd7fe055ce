"""The roles of infra/roles.sql can do what their work takes, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import create_engine, exc, make_url, text

from pipelines.adapters.database.audit import SqlBooks
from pipelines.adapters.database.warehouse import SqlWarehouse
from pipelines.core.errors import ConfigError
from pipelines.core.records import (
    DayLoss,
    Incident,
    LedgerEntry,
    ModelVersion,
    ScoringRun,
    Tuned,
    Tuning,
)
from pipelines.data.partitions import checksum
from tests.integration.serving import judged

DAY = date(2013, 10, 1)
ROLES = Path(__file__).parents[2] / "infra" / "roles.sql"
INCIDENT = Incident(
    subject="drift temp",
    first_day=DAY,
    last_day=DAY,
    strength=2.0,
    sentence="temp moved.",
    command="redeye status",
)
VERSION = ModelVersion(
    version="1",
    store="1364774400000",
    model="flights-late",
    candidate="linear",
    run_id="",
    sha256="ab",
    trained_until=DAY,
    features=(),
)
Login = Callable[[str], str]


@pytest.fixture
def login(postgresql: str) -> Login:
    """A database of the owner's, with the roles; gives the URL of a person in a role."""
    server = make_url(postgresql).set(drivername="postgresql+psycopg")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS guarded WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE guarded"))
    engine.dispose()
    owned = server.set(database="guarded")
    SqlWarehouse(owned.render_as_string(hide_password=False)).ledger()
    engine = create_engine(owned, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for _ in range(2):  # after an upgrade it is run again
            connection.connection.driver_connection.execute(ROLES.read_text())
        for role in ("gate", "writer", "reader", "mlflow"):
            connection.execute(text(f"DROP ROLE IF EXISTS a_{role}"))
            connection.execute(text(f"CREATE ROLE a_{role} LOGIN PASSWORD 'x'"))
            if role != "mlflow":
                connection.execute(text(f"GRANT redeye_{role} TO a_{role}"))
    engine.dispose()
    return lambda role: owned.set(username=f"a_{role}", password="x").render_as_string(
        hide_password=False
    )


LOSS = DayLoss(
    day=DAY, contender="baseline", line=None, model_version=None, loss=0.4, events=1, counted_on=DAY
)
TUNED = Tuned(spec="trees", found_on=DAY, settings={"eta": 1e-05, "depth": 3, "kind": None})
TUNING = Tuning(day=DAY, tuned=(TUNED,), told={"trees": "2 trials"})


def a_nights_work(url: str) -> SqlWarehouse:
    warehouse = SqlWarehouse(url)
    rows = pd.DataFrame({"event_key": [f"{DAY}|UA|1"], "score": [0.25]})
    rows = rows.assign(contender="baseline", model_version=None)
    run = ScoringRun(
        day=DAY,
        run_id="run-1",
        answered_by="baseline",
        model_version=None,
        model_sha256=None,
        trained_until=None,
        features_sha256="ab",
        data_version="cd",
        reason="the baseline answers",
        events=1,
        checksum=checksum(rows),
    )
    for _ in range(2):
        warehouse.publish(run, rows, warehouse.acquire_token(DAY))
        warehouse.settle(
            rows[["event_key"]].assign(
                day=DAY, label=1.0, excluded=None, known_at=datetime.now(UTC).replace(tzinfo=None)
            )
        )
        warehouse.append(LedgerEntry(version="1", before=None, actor="gate", reason="first"))
        warehouse.count([LOSS])
        warehouse.keep_tuning(TUNING)
        warehouse.write_metrics(DAY, {"champion": {"auc": 0.6}})
        warehouse.upsert_incidents([INCIDENT])
        warehouse.quarantine(DAY, "flights", {"in_range(distance)": 1})
    return warehouse


def test_a_writer_can_do_the_work_of_a_night(login: Login) -> None:
    warehouse = a_nights_work(login("writer"))

    assert len(warehouse.predictions(DAY, DAY)) == 1
    assert warehouse.tuning(DAY) == TUNING


@pytest.mark.parametrize("deed", ["DELETE FROM prediction", "UPDATE prediction SET score = 0.9"])
def test_a_writer_makes_a_damaged_day_whole_and_removes_nothing(
    login: Login, postgresql: str, deed: str
) -> None:
    a_nights_work(login("writer"))
    server = make_url(postgresql).set(drivername="postgresql+psycopg", database="guarded")
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text(deed))
        before = set(connection.execute(text("SELECT * FROM prediction")).all())

    warehouse = a_nights_work(login("writer"))

    assert warehouse.predictions(DAY, DAY)["score"].tolist() == [0.25]
    with engine.connect() as connection:
        assert before <= set(connection.execute(text("SELECT * FROM prediction")).all())
    engine.dispose()
    assert SqlBooks(login("writer")).drop(DAY, "run-1", timedelta(0)) is False


@pytest.mark.parametrize(
    "deed",
    [
        "DELETE FROM prediction",
        "UPDATE prediction SET score = 1",
        "UPDATE ledger SET reason = ''",
        "DELETE FROM ledger",
        "UPDATE evidence SET loss = 0",
        "DELETE FROM evidence",
        "DELETE FROM published",
        "DELETE FROM outcome",
        "TRUNCATE publication",
        "DROP TABLE prediction",
        "ALTER TABLE prediction ADD COLUMN more integer",
        "CREATE TABLE more (id integer)",
    ],
)
def test_a_writer_takes_nothing_away(login: Login, deed: str) -> None:
    a_nights_work(login("writer"))

    assert refusal(login("writer"), deed)


@pytest.mark.parametrize(
    "deed",
    ["SELECT * FROM prediction", "SELECT * FROM ledger", "DELETE FROM prediction"],
)
def test_a_reader_sees_what_is_published_and_nothing_else(login: Login, deed: str) -> None:
    a_nights_work(login("writer"))

    engine = create_engine(login("reader"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT score FROM prediction_current")).all() == [(0.25,)]
    engine.dispose()
    assert refusal(login("reader"), deed)


def test_the_gate_can_do_the_work_of_a_night_and_bless(login: Login) -> None:
    warehouse = a_nights_work(login("gate"))

    warehouse.bless(judged(VERSION))

    assert warehouse.blessing(VERSION) == judged(VERSION)
    assert SqlWarehouse(login("writer")).blessing(VERSION) == judged(VERSION)


@pytest.mark.parametrize("role", ["writer", "reader", "mlflow"])
def test_who_is_not_the_gate_cannot_bless(login: Login, role: str) -> None:
    SqlWarehouse(login("gate")).bless(judged(VERSION, passed=False))
    copied = "store, model, version, sha256, verdict, quality, infra, evidence, actor"

    for deed in (
        f"INSERT INTO blessing ({copied}) VALUES ('1', 'm', '1', 'ab', 'passed', '{{}}', '{{}}', '{{}}', 'me')",
        "UPDATE blessing SET verdict = 'passed'",
        "DELETE FROM blessing",
        "TRUNCATE blessing",
        "DROP TABLE blessing",
    ):
        assert refusal(login(role), deed)

    if role == "writer":
        with pytest.raises(ConfigError, match=r"permission denied for table blessing"):
            SqlWarehouse(login(role)).bless(judged(VERSION))


@pytest.mark.parametrize("deed", ["UPDATE blessing SET verdict = 'passed'", "DELETE FROM blessing"])
def test_the_gate_changes_no_blessing_that_it_gave(login: Login, deed: str) -> None:
    SqlWarehouse(login("gate")).bless(judged(VERSION, passed=False))

    assert refusal(login("gate"), deed)


def test_who_may_not_write_is_told_so(login: Login) -> None:
    with pytest.raises(ConfigError, match=r"permission denied.*its role's rights"):
        SqlWarehouse(login("reader")).ledger()


def refusal(url: str, deed: str) -> bool:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(deed))
    except exc.ProgrammingError as error:
        return "permission denied" in str(error) or "must be owner" in str(error)
    finally:
        engine.dispose()
    return False
