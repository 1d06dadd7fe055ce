"""The warehouse as an auditor reads it: what stands in its tables, believed by nobody."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, select, union

from pipelines.adapters.database import Database
from pipelines.adapters.schema import (
    fence,
    outcome,
    prediction,
    prediction_current,
    publication,
    published,
    quarantine_log,
    scoring_run,
)
from pipelines.core.books import Book, Move, Rows
from pipelines.core.records import ScoringRun
from pipelines.methods.fingerprint import checksum

DATED = (published, publication, fence, scoring_run, prediction, outcome, quarantine_log)


class SqlBooks:
    """The books of a warehouse; see core/books.py for what each method promises."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

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
