"""The warehouse as an auditor reads it: what stands in its tables, believed by nobody."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, delete, func, select, union

from pipelines.adapters import publishing
from pipelines.adapters.database import Database
from pipelines.adapters.schema import (
    contender_run,
    fence,
    outcome,
    prediction,
    prediction_current,
    publication,
    published,
    quarantine_log,
    scoring_run,
)
from pipelines.core.books import Book, Move, Rows, Staged
from pipelines.core.errors import GateRefused
from pipelines.core.records import ScoringRun
from pipelines.methods.fingerprint import checksum
from pipelines.methods.task import PROBABILITIES, Bounds

DATED = (published, publication, fence, scoring_run, prediction, outcome, quarantine_log)


class SqlBooks:
    """The books of a warehouse, with scores within bounds; see core/books.py for what each method promises."""

    def __init__(self, url: str, bounds: Bounds = PROBABILITIES) -> None:
        self._database = Database(url)
        self._bounds = bounds

    def days(self) -> list[date]:
        """Every day that anything is kept of."""
        with self._database.read() as connection:
            found = connection.execute(union(*(select(table.c.day) for table in DATED)))
            return sorted(found.scalars())

    def open(self, day: date) -> Book:
        """Everything kept about a day, as one transaction sees it."""
        with self._database.read() as connection:
            pointer = connection.execute(_of(published, day)).mappings().first()
            runs = _runs(connection, day)
            moves = connection.execute(_of(publication, day).order_by(publication.c.token))
            return Book(
                day=day,
                run_id=pointer["run_id"] if pointer else None,
                token=pointer["token"] if pointer else 0,
                fence=connection.execute(_of(fence, day, "token")).scalar() or 0,
                moves=tuple(Move(m["token"], m["run_id"], m["before"]) for m in moves.mappings()),
                runs=runs,
                kept=_kept(connection, day),
                current=_current(connection, day) if pointer else None,
                first_known_at=_first_known(connection, day),
                quarantined=_quarantined(connection, day),
            )

    def forsaken(self, age: timedelta) -> list[Staged]:
        """Runs begun longer ago than `age`, by the database's clock, and never published."""
        unseen = scoring_run.c.run_id.not_in(select(publication.c.run_id))
        runs = select(scoring_run.c.day, scoring_run.c.run_id, scoring_run.c.written_at)
        with self._database.read() as connection:
            before = _clock(connection) - age
            begun = connection.execute(runs.where(unseen).order_by(scoring_run.c.day)).all()
            return [
                Staged(run.day, run.run_id, _staged(connection, run.day, run.run_id))
                for run in begun
                if _utc(run.written_at) < before
            ]

    def drop(self, day: date, run_id: str) -> None:
        """Remove the answers of a run; nothing happens to the one that is published."""
        mine, moves = prediction.c, publication.c
        with self._database.write(alone=f"publishing {day}") as connection:
            if connection.execute(_of(published, day, "run_id")).scalar() == run_id:
                return
            rows = (mine.day == day, mine.run_id == run_id)
            kept = connection.execute(select(moves.token).where(moves.run_id == run_id)).first()
            if kept:  # it was published once: its name stays, and what contenders said beside it
                connection.execute(delete(prediction).where(*rows, mine.answers))
                return
            connection.execute(delete(prediction).where(*rows))
            for table in (contender_run, scoring_run):
                connection.execute(delete(table).where(table.c.run_id == run_id))

    def point(self, day: date, run_id: str) -> None:
        """Point a day to one of the runs that were published before, by the rules of publishing."""
        with self._database.write(alone=f"publishing {day}") as connection:
            last = (
                connection.execute(_of(publication, day).order_by(publication.c.token.desc()))
                .mappings()
                .first()
            )
            if last is None:
                raise GateRefused(
                    f"predictions {day}: never published; run `redeye score --day {day}`"
                )
            _restore(self._database, connection, day, last)
            run = _runs(connection, day)[run_id]
        if run_id != last["run_id"]:
            publishing.audit(self._database, run, self._bounds)
            publishing.move(self._database, run, publishing.claim(self._database, day))


def _restore(database: Database, connection: Connection, day: date, last: Any) -> None:
    """Put pointer and fence back to where the last move left them, whoever moved them by hand."""
    now = connection.execute(_of(published, day, "token")).scalar() or 0
    given = connection.execute(_of(fence, day, "token")).scalar() or 0
    token = max(now, last["token"])
    for table, values in (
        (published, {"run_id": last["run_id"], "token": token}),
        (fence, {"token": max(token, given)}),
    ):
        putting = database.insert(table).values(day=day, **values)
        connection.execute(putting.on_conflict_do_update(index_elements=[table.c.day], set_=values))


def _staged(connection: Connection, day: date, run_id: str) -> int:
    mine = select(func.count()).where(prediction.c.day == day, prediction.c.run_id == run_id)
    return connection.execute(mine).scalar_one()


def _clock(connection: Connection) -> datetime:
    """Now, as the database sees it."""
    return _utc(connection.execute(select(func.now())).scalar_one())


def _utc(when: datetime | str) -> datetime:
    """An instant; SQLite keeps it as text in UTC."""
    found = datetime.fromisoformat(when) if isinstance(when, str) else when
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _of(table: Any, day: date, *names: str) -> Any:
    columns = [table.c[name] for name in names] or [table]
    return select(*columns).where(table.c.day == day)


def _runs(connection: Connection, day: date) -> dict[str, ScoringRun]:
    found = connection.execute(_of(scoring_run, day, *ScoringRun.model_fields)).mappings()
    return {row["run_id"]: ScoringRun(**row) for row in found}


def _kept(connection: Connection, day: date) -> dict[str, Rows]:
    answers = _of(prediction, day, "run_id", "event_key", "score").where(prediction.c.answers)
    found = _frame(connection, answers)
    return {str(run): _rows(rows) for run, rows in found.groupby("run_id", sort=True)}


def _current(connection: Connection, day: date) -> Rows:
    return _rows(_frame(connection, _of(prediction_current, day, "run_id", "event_key", "score")))


def _first_known(connection: Connection, day: date) -> Any:
    earliest = select(func.min(outcome.c.known_at)).where(outcome.c.day == day)
    return connection.execute(earliest).scalar()


def _quarantined(connection: Connection, day: date) -> dict[str, dict[str, int]]:
    kept: dict[str, dict[str, int]] = {}
    for row in connection.execute(_of(quarantine_log, day)).mappings():
        kept.setdefault(row["table_name"], {})[row["rule"]] = row["rows"]
    return kept


def _frame(connection: Connection, query: Any) -> pd.DataFrame:
    result = connection.execute(query)
    return pd.DataFrame.from_records(result.all(), columns=list(result.keys()))


def _rows(found: pd.DataFrame) -> Rows:
    scored = found[["event_key", "score"]].astype({"score": float})
    keys = found["event_key"]
    return Rows(
        rows=len(found),
        events=keys.nunique(),
        run_ids=tuple(sorted(set(found["run_id"]))),
        checksum=checksum(scored),
    )
