"""The warehouse keeps its promises, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Connection, Row, create_engine, make_url, text

from pipelines.adapters.database import publishing
from pipelines.adapters.database.engine import Database, frame
from pipelines.adapters.database.warehouse import SqlWarehouse
from pipelines.core.config import find_places
from pipelines.core.errors import BusyError, ConfigError, DataError, TemporaryError
from pipelines.core.records import DayLoss, Incident, Interval, LedgerEntry, ScoringRun
from pipelines.data.partitions import checksum
from pipelines.data.problem_checks import NAME_BYTES
from pipelines.data.schema_contract import KEY_BYTES
from pipelines.metrics.task import FINITE
from pipelines.serving.rendezvous import Contender, ContenderResult

DAY = date(2013, 10, 1)
processes = multiprocessing.get_context("spawn")


def some_predictions(n: int = 3, level: float = 0.25) -> pd.DataFrame:
    keys = [f"2013-10-01|UA|{number:06d}|EWR|515" for number in range(n)]
    scores = np.linspace(level, level + 0.1, n)
    return pd.DataFrame(
        {"event_key": keys, "score": scores, "contender": "champion", "model_version": "3"}
    )


def a_run(predictions: pd.DataFrame, run_id: str = "run-1", **changes: object) -> ScoringRun:
    facts: dict[str, object] = {
        "day": DAY,
        "run_id": run_id,
        "answered_by": "champion",
        "model_version": "3",
        "model_sha256": "ab",
        "trained_until": date(2013, 9, 2),
        "features_sha256": "cd",
        "data_version": "ef",
        "reason": "champion answers",
        "events": len(predictions),
        "checksum": checksum(predictions),
    }
    return ScoringRun.model_validate({**facts, **changes})


def publish(
    url: str, predictions: pd.DataFrame, run_id: str = "run-1", token: int | None = None
) -> tuple[str, bool]:
    warehouse = SqlWarehouse(url)
    token = warehouse.acquire_token(DAY) if token is None else token
    return warehouse.publish(a_run(predictions, run_id), predictions, token)


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return rows


def start(target: Callable[..., None], *arguments: object) -> BaseProcess:
    process = processes.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


# Publishing


def test_what_is_published_comes_back_bit_by_bit_in_key_order(url: str) -> None:
    predictions = some_predictions(100).assign(score=np.random.default_rng(1).random(100))

    publish(url, predictions)

    current = SqlWarehouse(url).predictions(DAY, DAY)
    assert current["event_key"].tolist() == predictions["event_key"].tolist()
    assert current["score"].tolist() == predictions["score"].tolist()
    assert set(current["answered_by"]) == {"champion"}
    assert set(current["run_id"]) == {"run-1"}


def test_the_longest_names_that_are_accepted_are_published_and_kept(url: str) -> None:
    """A key of as many bytes as may be, each of them doubled, of a candidate with the longest name."""
    random = np.random.default_rng(3)
    parts = "".join(map(chr, random.integers(0x4E00, 0x9FFF, (KEY_BYTES // 3) * 2)))
    names = sorted(f"{DAY}|{parts[n:]}{parts[:n]}" for n in range(3))  # that do not compress
    assert min(len(name.encode()) for name in names) > 2 * KEY_BYTES
    rows = pd.DataFrame({"event_key": names, "score": 0.5})
    published = rows.assign(contender="champion", model_version="3")

    publish(url, published, run_id="r" * 80)

    shadow = ContenderResult(Contender("c" * NAME_BYTES, None), "answered", "", 0.1, rows)
    run = a_run(published, run_id="r" * 80)
    SqlWarehouse(url).save_contender_scores(run, 1, [shadow])
    assert len(SqlWarehouse(url).scores(DAY, DAY)) == 6


def test_the_published_run_is_told(url: str) -> None:
    warehouse = SqlWarehouse(url)
    assert warehouse.published(DAY) is None

    publish(url, some_predictions())

    assert warehouse.published(DAY) == a_run(some_predictions())


def test_the_same_run_again_changes_nothing(url: str) -> None:
    assert publish(url, some_predictions()) == ("run-1", True)

    assert publish(url, some_predictions()) == ("run-1", False)

    assert ask(url, "SELECT count(*) FROM publication") == [(1,)]
    assert ask(url, "SELECT count(*) FROM prediction") == [(3,)]


def test_another_run_takes_the_place_of_the_first_which_is_kept(url: str) -> None:
    publish(url, some_predictions())

    publish(url, some_predictions(level=0.5), "run-2")

    assert set(SqlWarehouse(url).predictions(DAY, DAY)["run_id"]) == {"run-2"}
    assert ask(url, "SELECT count(*) FROM prediction WHERE run_id = 'run-1'") == [(3,)]
    moves = ask(url, "SELECT before, run_id FROM publication ORDER BY token")
    assert moves == [(None, "run-1"), ("run-1", "run-2")]


def test_going_back_to_an_earlier_run_moves_the_pointer_only(url: str) -> None:
    publish(url, some_predictions())
    publish(url, some_predictions(level=0.5), "run-2")

    assert publish(url, some_predictions()) == ("run-1", True)

    assert ask(url, "SELECT count(*) FROM prediction") == [(6,)]
    assert set(SqlWarehouse(url).predictions(DAY, DAY)["run_id"]) == {"run-1"}


def test_who_was_overtaken_cannot_publish(url: str) -> None:
    warehouse = SqlWarehouse(url)
    slow, quick = warehouse.acquire_token(DAY), warehouse.acquire_token(DAY)
    publish(url, some_predictions(level=0.5), "quick", quick)

    with pytest.raises(BusyError, match=r"run quick was published since"):
        publish(url, some_predictions(), "slow", slow)

    assert set(warehouse.predictions(DAY, DAY)["run_id"]) == {"quick"}


def test_who_found_all_well_overtakes_too(url: str) -> None:
    warehouse = SqlWarehouse(url)
    publish(url, some_predictions(level=0.5), "run-1")
    slow, quick = warehouse.acquire_token(DAY), warehouse.acquire_token(DAY)
    publish(url, some_predictions(level=0.5), "run-1", quick)

    with pytest.raises(BusyError):
        publish(url, some_predictions(), "slow", slow)


def test_tokens_of_a_day_only_grow(url: str) -> None:
    warehouse = SqlWarehouse(url)

    assert [warehouse.acquire_token(DAY) for _ in range(3)] == [1, 2, 3]
    assert warehouse.acquire_token(date(2013, 10, 2)) == 1


def test_a_day_without_events_is_published_as_such(url: str) -> None:
    publish(url, some_predictions(0))

    published = SqlWarehouse(url).published(DAY)
    assert published is not None
    assert published.events == 0
    assert SqlWarehouse(url).predictions(DAY, DAY).empty


# The audit


@pytest.mark.parametrize(
    ("score", "sentence"),
    [
        (None, "1 scores are missing"),
        (1.5, r"1 scores are not in \[0, 1\]"),
        (-1e-9, r"1 scores are not in \[0, 1\]"),
        (float("inf"), r"1 scores are not in \[0, 1\]"),
    ],
)
def test_a_score_that_is_no_probability_is_not_published(
    url: str, score: float | None, sentence: str
) -> None:
    publish(url, some_predictions(level=0.5), "good")
    bad = some_predictions()
    bad.loc[1, "score"] = score

    with pytest.raises(DataError, match=sentence):
        publish(url, bad, "bad")

    assert set(SqlWarehouse(url).predictions(DAY, DAY)["run_id"]) == {"good"}


@pytest.mark.parametrize("score", [float("inf"), float("-inf"), float("nan")])
def test_a_number_is_any_that_is_finite(url: str, score: float) -> None:
    warehouse = SqlWarehouse(url, FINITE)
    good, bad = some_predictions(level=-12.5), some_predictions(level=700.0)
    bad.loc[1, "score"] = score

    warehouse.publish(a_run(good, "good"), good, 1)
    with pytest.raises(DataError, match=r"1 scores are (not in|missing)"):
        warehouse.publish(a_run(bad, "bad"), bad, 2)

    assert (warehouse.predictions(DAY, DAY)["score"] < 0).all()


def test_missing_rows_are_not_published(url: str) -> None:
    short = some_predictions(3)
    run = a_run(short, events=4)

    for token in (1, 2):
        with pytest.raises(DataError, match="3 different events instead of 4"):
            SqlWarehouse(url).publish(run, short, token)

    assert SqlWarehouse(url).published(DAY) is None


def test_an_event_that_is_there_twice_is_not_published(url: str) -> None:
    twice = pd.concat([some_predictions(), some_predictions().tail(1)])

    with pytest.raises(DataError):
        publish(url, twice)

    assert SqlWarehouse(url).published(DAY) is None


def test_events_of_another_day_are_not_published(url: str) -> None:
    stray = some_predictions().replace(
        {"event_key": {"2013-10-01|UA|000001|EWR|515": "2013-10-02|UA"}}
    )

    with pytest.raises(DataError, match="1 events are of another day"):
        publish(url, stray)


def test_rows_that_are_not_those_of_the_checksum_are_not_published(url: str) -> None:
    run = a_run(some_predictions())

    with pytest.raises(DataError, match="not those of its checksum"):
        SqlWarehouse(url).publish(run, some_predictions(level=0.5), 1)


def spoil(url: str, statement: str) -> None:
    """Edit a table as somebody would who bypasses Redeye."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


ONE = "event_key LIKE '%|000001|%'"
SPOILED = [
    f"DELETE FROM prediction WHERE {ONE}",
    "DELETE FROM prediction",
    f"UPDATE prediction SET score = 0.9 WHERE {ONE}",
    f"UPDATE prediction SET model_version = '9' WHERE {ONE}",
    f"UPDATE prediction SET contender = 'canary' WHERE {ONE}",
    f"UPDATE prediction SET answers = (1 = 0) WHERE {ONE}",
    (
        "INSERT INTO prediction SELECT day, run_id, 'canary', event_key, model_version, score, answers "
        f"FROM prediction WHERE {ONE}"
    ),
    "UPDATE scoring_run SET checksum = 'another'",
    "UPDATE scoring_run SET trained_until = '2013-10-01'",
]


@pytest.mark.parametrize("statement", SPOILED)
@pytest.mark.parametrize("moved", [True, False], ids=["published", "staged"])
def test_a_run_that_was_spoiled_is_published_whole_and_what_is_there_stays(
    url: str, statement: str, moved: bool
) -> None:
    rows = some_predictions()
    warehouse, database = SqlWarehouse(url), Database(url)
    publishing.stage(database, a_run(rows), rows)
    if moved:
        publish(url, rows)
    spoil(url, statement)
    before = set(ask(url, "SELECT * FROM prediction"))

    run_id, new = publish(url, rows)

    assert publish(url, rows) == (run_id, False)
    current = warehouse.predictions(DAY, DAY)
    assert set(current["run_id"]) == {run_id}
    assert checksum(current) == checksum(rows)
    assert current["model_version"].tolist() == ["3", "3", "3"]
    assert warehouse.published(DAY) == a_run(rows, run_id)
    assert before <= set(ask(url, "SELECT * FROM prediction"))
    assert new or run_id == "run-1"


def test_a_zero_below_zero_is_zero(url: str) -> None:
    """SQLite keeps no sign of it."""
    rows = some_predictions().assign(score=[-0.0, 0.0, 0.5])

    assert publish(url, rows) == ("run-1", True)
    assert publish(url, rows) == ("run-1", False)


# Death, and company


class DiesBeforePublishing(SqlWarehouse):
    """Killed when its rows are staged and audited, and nothing is published."""

    def publish(self, run: ScoringRun, predictions: pd.DataFrame, token: int) -> tuple[str, bool]:
        publishing.stage(self._database, run, predictions)
        publishing.audit(self._database, run, self._bounds)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def _die_before_publishing(url: str) -> None:
    predictions = some_predictions()
    warehouse = DiesBeforePublishing(url)
    warehouse.publish(a_run(predictions), predictions, warehouse.acquire_token(DAY))


def _die_while_staging(url: str) -> None:
    """Killed after some rows: on SQLite they are there, on PostgreSQL they are gone."""

    def some_and_die(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
        yield rows.head(2)
        os.kill(os.getpid(), signal.SIGKILL)

    publishing._batches = some_and_die
    publish(url, some_predictions(6))


def test_a_run_killed_before_it_published_changes_nothing_and_ends_well_when_run_again(
    url: str,
) -> None:
    publish(url, some_predictions(level=0.5), "old")

    dead = start(_die_before_publishing, url)
    dead.join()

    assert dead.exitcode == -signal.SIGKILL
    assert ask(url, "SELECT count(*) FROM prediction WHERE run_id = 'run-1'") == [(3,)]
    assert set(SqlWarehouse(url).predictions(DAY, DAY)["run_id"]) == {"old"}
    assert publish(url, some_predictions()) == ("run-1", True)
    assert checksum(SqlWarehouse(url).predictions(DAY, DAY)) == checksum(some_predictions())


def test_a_run_killed_while_staging_is_completed_by_the_next(url: str) -> None:
    dead = start(_die_while_staging, url)
    dead.join()

    assert dead.exitcode == -signal.SIGKILL
    assert SqlWarehouse(url).published(DAY) is None
    assert publish(url, some_predictions(6)) == ("run-1", True)
    assert checksum(SqlWarehouse(url).predictions(DAY, DAY)) == checksum(some_predictions(6))


def _publish_together(url: str, barrier: Barrier) -> None:
    for number in range(6):
        barrier.wait(timeout=60)  # if another one has died, so do we
        publish(url, some_predictions(2000, number / 10), f"run-{number}")


def test_processes_that_publish_the_same_runs_at_once_publish_each_once(url: str) -> None:
    """The database does not exist yet, either."""
    barrier = processes.Barrier(3)

    together = [start(_publish_together, url, barrier) for _ in range(3)]
    for process in together:
        process.join()

    assert [process.exitcode for process in together] == [0, 0, 0]
    assert ask(url, "SELECT count(*) FROM publication") == [(6,)]
    assert ask(url, "SELECT count(*), count(DISTINCT event_key) FROM prediction_current") == [
        (2000, 2000)
    ]
    assert ask(url, "SELECT count(*) FROM prediction") == [(6 * 2000,)]


def _publish_in_turn(url: str, rounds: int) -> None:
    for number in range(rounds):
        publish(url, some_predictions(200, 0.1 * (number % 5)), f"run-{number % 5}")


def test_a_reader_never_sees_two_runs(url: str) -> None:
    publish(url, some_predictions(200), "run-first")
    writer = start(_publish_in_turn, url, 30)
    warehouse, seen = SqlWarehouse(url), set()

    while writer.is_alive():
        current = warehouse.predictions(DAY, DAY)
        assert len(current) == 200
        assert current["run_id"].nunique() == 1
        seen.add(current["run_id"].iloc[0])

    writer.join()
    assert writer.exitcode == 0
    assert len(seen) > 1


class LosesItsConnection(Database):
    """The connection breaks in the COMMIT that publishes: before or after the database has done it."""

    after: bool

    @contextmanager
    def write(self, alone: str = "") -> Iterator[Connection]:
        lost = TemporaryError("connection lost")
        breaks = alone.startswith("publishing")
        with super().write(alone) as connection:
            yield connection
            if breaks and not self.after:
                raise lost
        if breaks:
            raise lost


@pytest.mark.parametrize("committed", [True, False])
def test_after_a_connection_lost_in_commit_the_database_tells_whether_it_was_done(
    url: str, committed: bool
) -> None:
    warehouse, predictions = SqlWarehouse(url), some_predictions()
    database = LosesItsConnection(url)
    database.after = committed
    warehouse._database = database

    if committed:
        assert warehouse.publish(a_run(predictions), predictions, 1) == ("run-1", True)
    else:
        with pytest.raises(TemporaryError, match="connection lost"):
            warehouse.publish(a_run(predictions), predictions, 1)

    assert ask(url, "SELECT count(*) FROM publication") == [(int(committed),)]


def test_a_connection_cut_while_staging_leaves_the_old_state(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql.replace("postgresql://", "postgresql+psycopg://")
    publish(url, some_predictions(level=0.5), "old")
    batches = publishing._batches

    def cut(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
        yield rows.head(1)
        ask(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        yield rows.tail(len(rows) - 1)

    monkeypatch.setattr(publishing, "_batches", cut)
    with pytest.raises(TemporaryError, match="run the same command again"):
        publish(url, some_predictions())
    monkeypatch.setattr(publishing, "_batches", batches)

    assert set(SqlWarehouse(url).predictions(DAY, DAY)["run_id"]) == {"old"}
    assert publish(url, some_predictions()) == ("run-1", True)


# Outcomes, ledger, metrics, quarantine


def some_outcomes(labels: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "day": DAY,
            "event_key": some_predictions(len(labels))["event_key"],
            "label": labels,
            "excluded": ["cancelled" if np.isnan(label) else None for label in labels],
            "known_at": pd.Timestamp("2013-10-01 12:00"),
        }
    )


def test_outcomes_stand_beside_the_predictions(url: str) -> None:
    warehouse = SqlWarehouse(url)
    publish(url, some_predictions())

    warehouse.settle(some_outcomes([1.0, np.nan]))

    current = warehouse.predictions(DAY, DAY)
    assert current["label"].fillna(-1).tolist() == [1.0, -1.0, -1.0]
    assert [reason for reason in current["excluded"] if isinstance(reason, str)] == ["cancelled"]


def test_only_outcomes_that_are_new_or_changed_count(url: str) -> None:
    warehouse = SqlWarehouse(url)

    assert warehouse.settle(some_outcomes([1.0, 0.0])) == 2
    assert warehouse.settle(some_outcomes([1.0, 0.0])) == 0
    assert warehouse.settle(some_outcomes([1.0, 1.0, 0.0])) == 2
    assert warehouse.settle(some_outcomes([])) == 0


def test_what_was_counted_of_a_day_stays_as_it_was(url: str) -> None:
    warehouse = SqlWarehouse(url)
    first, other = (
        DayLoss(
            day=DAY, contender=name, line="trees@1", model_version="1", loss=0.4, events=9,
            counted_on=DAY,
        )
        for name in ("champion", "trees")
    )  # fmt: skip

    warehouse.count([first])
    warehouse.count([first.model_copy(update={"loss": 0.1, "events": 1}), other])
    warehouse.count([])

    assert warehouse.counted() == [first, other]


def test_the_ledger_keeps_every_move_in_order_and_repeats_none(url: str) -> None:
    warehouse = SqlWarehouse(url)
    first = LedgerEntry(version="1", before=None, actor="gate", reason="first champion")
    second = LedgerEntry(version="2", before="1", actor="Ada", reason="better in winter")

    for entry in (first, first, second, first):
        warehouse.append(entry)

    assert warehouse.ledger() == [first, second, first.model_copy(update={"before": "2"})]


def test_of_two_promotions_at_once_the_ledger_says_who_was_champion_between(url: str) -> None:
    warehouse = SqlWarehouse(url)
    for version in ("1", "2", "3"):  # the last two saw version 1 as champion
        before = None if version == "1" else "1"
        warehouse.append(LedgerEntry(version=version, before=before, actor="gate", reason="better"))

    assert [(e.version, e.before) for e in warehouse.ledger()] == [
        ("1", None),
        ("2", "1"),
        ("3", "2"),
    ]


def test_a_metric_measured_again_takes_the_place_of_the_first(url: str) -> None:
    warehouse = SqlWarehouse(url)
    warehouse.write_metrics(DAY, {"champion 1": {"auc": 0.5, "brier": 0.2}})

    warehouse.write_metrics(DAY, {"champion 1": {"auc": 0.7}})

    kept = warehouse.read_metrics(DAY, DAY)
    assert kept["metric"].tolist() == ["auc", "brier"]
    assert kept["value"].tolist() == [0.7, 0.2]


def test_a_metric_is_kept_with_its_interval(url: str) -> None:
    warehouse = SqlWarehouse(url)
    span = Interval(low=0.4, mid=0.5, high=0.7)

    warehouse.write_metrics(DAY, {"champion 1": {"auc": span, "brier": 0.2}})

    kept = warehouse.read_metrics(DAY, DAY).set_index("metric")
    assert kept.loc["auc", ["low", "value", "high"]].tolist() == [0.4, 0.5, 0.7]
    assert kept.loc["brier", ["low", "high"]].isna().all()


def test_an_incident_is_kept_until_it_ends_and_told_by_subject_and_first_day(url: str) -> None:
    warehouse = SqlWarehouse(url)
    first = Incident(
        subject="drift temp",
        first_day=DAY,
        last_day=DAY,
        strength=1.5,
        sentence="temp moved",
        command="redeye monitor --day 2013-10-01",
        told="",
    )
    longer = first.model_copy(update={"last_day": DAY + timedelta(days=1), "told": "sent"})
    other = first.model_copy(update={"subject": "drift wind"})

    for found in ([first, other], [longer], []):
        warehouse.upsert_incidents(found)

    assert warehouse.incidents(DAY) == [longer, other]
    assert warehouse.incidents(DAY + timedelta(days=1)) == [longer]


def test_a_metric_that_is_no_number_is_refused(url: str) -> None:
    with pytest.raises(DataError, match="auc of champion"):
        SqlWarehouse(url).write_metrics(DAY, {"champion": {"auc": float("nan")}})


def test_the_quarantine_log_tells_of_the_last_judgement(url: str) -> None:
    warehouse = SqlWarehouse(url)
    warehouse.quarantine(DAY, "flights", {"distance": 3, "carrier": 1})

    warehouse.quarantine(DAY, "flights", {"distance": 2})

    assert ask(url, "SELECT rule, rows FROM quarantine_log") == [("distance", 2)]


# How it fails


def test_a_database_that_is_down_is_a_temporary_error_without_the_password() -> None:
    down = "postgresql+psycopg://redeye:s3cret@127.0.0.1:9/redeye"

    with pytest.raises(TemporaryError) as caught:
        SqlWarehouse(down).ledger()

    assert "s3cret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_a_password_is_shown_by_no_cause() -> None:
    database = Database("postgresql+psycopg://redeye:s3cret@127.0.0.1:9/redeye")

    with (
        pytest.raises(TemporaryError, match=r"cannot reach redeye:\*\*\*@host"),
        database._translated(),
    ):
        raise OSError("cannot reach redeye:s3cret@host")


def test_a_folder_that_cannot_be_made_is_a_temporary_error(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file, where a folder should be")

    with pytest.raises(TemporaryError, match=r"redeye.db"):
        SqlWarehouse(f"sqlite:///{tmp_path}/var/redeye.db").ledger()


def test_a_database_that_does_not_exist_is_a_matter_of_configuration(postgresql: str) -> None:
    nowhere = make_url(postgresql).set(database="nowhere").render_as_string(hide_password=False)

    with pytest.raises(ConfigError, match='"nowhere" does not exist'):
        SqlWarehouse(nowhere).ledger()


@pytest.mark.parametrize("nonsense", ["redeye.db", "mysql://host/name", "sqlite://", "foo://x"])
def test_a_url_of_another_kind_is_a_matter_of_configuration(nonsense: str) -> None:
    with pytest.raises(ConfigError, match="REDEYE_DATABASE_URL"):
        SqlWarehouse(nonsense)


def test_a_file_that_is_no_database_is_a_matter_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "redeye.db").write_bytes(b"letters to a friend" * 100)

    with pytest.raises(ConfigError, match="not a database"):
        SqlWarehouse(f"sqlite:///{tmp_path}/redeye.db").ledger()


def test_sqlite_waits_for_a_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/redeye.db"
    SqlWarehouse(url).ledger()
    with closing(sqlite3.connect(tmp_path / "redeye.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer = start(_publish_in_turn, url, 1)
        writer.join(timeout=4)
        assert writer.is_alive()
        other.execute("COMMIT")
    writer.join()

    assert writer.exitcode == 0


def test_sqlite_is_safe_against_power_loss(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/redeye.db")

    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


def test_an_experiment_has_tables_of_its_own_beside_productions(postgresql: str) -> None:
    server = make_url(postgresql).set(drivername="postgresql+psycopg")
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS shared"))
        connection.execute(text("CREATE DATABASE shared"))
    admin.dispose()
    url = server.set(database="shared").render_as_string(hide_password=False)
    own = find_places({"REDEYE_EXPERIMENT": "yes", "REDEYE_DATABASE_URL": url}).database_url
    publish(url, some_predictions(), "production")

    publish(own, some_predictions(), "experiment")

    assert ask(url, "SELECT run_id FROM public.published") == [("production",)]
    assert ask(url, "SELECT run_id FROM redeye_experiments.published") == [("experiment",)]
    assert ask(own, "SHOW lock_timeout") == [("0",)]  # of a connection that is not ours
    with Database(own).read() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "30s"


def test_rows_are_read_without_asking_each_for_what_it_has_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/redeye.db"
    publish(url, some_predictions())

    def asked(row: object, name: str) -> object:
        raise AssertionError(f"{type(row).__name__} was asked for {name}")

    with Database(url).read() as connection:
        result = connection.execute(text("SELECT day, event_key, score FROM prediction"))
        monkeypatch.setattr(Row, "__getattr__", asked)
        found = frame(result)

    assert found["event_key"].tolist() == some_predictions()["event_key"].tolist()
