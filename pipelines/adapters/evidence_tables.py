"""What the database keeps as evidence, row by row, for files that need no database to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
from sqlalchemy import Column, Select, Table, and_, select

from pipelines.adapters.database.engine import Database
from pipelines.adapters.database.tables import (
    blessing,
    daily_metric,
    evidence,
    incident,
    ledger,
    outcome,
    prediction_current,
    publication,
)

ARROW = {str: pa.string(), float: pa.float64(), bool: pa.bool_(), int: pa.int64()}
ARROW |= {date: pa.date32()}
SETTLED = ("label", "excluded", "known_at")


class EvidenceTables:
    """The evidence of the days from `first` to `last`; of the ledger and of blessings, all."""

    def __init__(self, url: str, first: date, last: date) -> None:
        self._database = Database(url)
        self._between = (first, last)

    def ledger(self) -> list[dict[str, Any]]:
        """Every move of the champion, and every release of rows, with its time."""
        return self._rows(select(ledger).order_by(ledger.c.entry))

    def blessings(self) -> list[dict[str, Any]]:
        """Everything that was found of any version, with its time."""
        return self._rows(select(blessing).order_by(blessing.c.entry))

    def publications(self) -> list[dict[str, Any]]:
        """Every move of the pointer of a day."""
        return self._of_days(publication)

    def losses(self) -> list[dict[str, Any]]:
        """The losses of settled days that the gate counts."""
        return self._of_days(evidence)

    def metrics(self) -> list[dict[str, Any]]:
        """Daily metrics, with low and high of those with an interval."""
        return self._of_days(daily_metric)

    def incidents(self) -> list[dict[str, Any]]:
        """What was out of order on one of the days."""
        first, last = self._between
        some = (incident.c.first_day <= last, incident.c.last_day >= first)
        return self._rows(select(incident).where(*some).order_by(*incident.primary_key))

    def days(self) -> list[date]:
        """The days that were published."""
        query = select(publication.c.day).distinct().order_by(publication.c.day)
        between = query.where(publication.c.day.between(*self._between))
        with self._database.read() as connection:
            return list(connection.execute(between).scalars())

    def schema(self) -> pa.Schema:
        """The columns of published predictions with their outcomes."""
        return _schema([*prediction_current.c, *(outcome.c[name] for name in SETTLED)])

    def predictions(self, day: date) -> pa.Table:
        """What is published of a day, and what came of it, in key order."""
        view = prediction_current.c
        joined = and_(outcome.c.day == view.day, outcome.c.event_key == view.event_key)
        query = (
            select(prediction_current, *(outcome.c[name] for name in SETTLED))
            .join(outcome, joined, isouter=True)
            .where(view.day == day)
            .order_by(view.event_key)
        )
        return pa.Table.from_pylist(self._rows(query), self.schema())

    def _of_days(self, table: Table) -> list[dict[str, Any]]:
        of_days = table.c.day.between(*self._between)
        return self._rows(select(table).where(of_days).order_by(*table.primary_key))

    def _rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def table_of(rows: Sequence[dict[str, Any]], of: str) -> pa.Table:
    """Rows of the ledger, or of daily metrics, as a table with the columns of the database."""
    known: dict[str, Table] = {"ledger": ledger, "metrics": daily_metric}
    return pa.Table.from_pylist(list(rows), _schema(known[of].c))


def _schema(columns: Sequence[Column[Any]] | Any) -> pa.Schema:
    return pa.schema(list(_fields(columns)))


def _fields(columns: Any) -> Iterator[pa.Field]:
    for column in columns:
        yield pa.field(column.name, ARROW.get(column.type.python_type, pa.timestamp("us")))
