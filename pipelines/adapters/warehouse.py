"""The warehouse: predictions, outcomes, metrics and the ledger, in SQLite or PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Result, Select, and_, delete, select

from pipelines.adapters import keeping, publishing
from pipelines.adapters.database import Database, records
from pipelines.adapters.schema import (
    daily_metric,
    ledger,
    outcome,
    prediction_current,
    published,
    quarantine_log,
    scoring_run,
)
from pipelines.core.errors import DataError, GateRefused
from pipelines.core.records import LedgerEntry, ScoringRun
from pipelines.methods.fingerprint import checksum
from pipelines.methods.rendezvous import Fared


class SqlWarehouse:
    """Predictions that are published whole, and what is known about them.

    `url` is SQLAlchemy's. See contracts.Warehouse for what each method promises; each is one
    transaction, except `publish`, which stages first (see publishing.py).
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def claim(self, day: date) -> int:
        """A token for publishing the day: whoever claims later overtakes whoever claimed earlier."""
        return publishing.claim(self._database, day)

    def publish(self, run: ScoringRun, predictions: pd.DataFrame, token: int) -> tuple[str, bool]:
        """Stage, audit and publish a day's predictions: (run id that is published, whether it is new)."""
        if checksum(predictions) != run.checksum:
            raise DataError(
                f"predictions {run.day}: the rows of run {run.run_id} are not those of its checksum; "
                f"run score again"
            )
        publishing.stage(self._database, run, predictions)
        publishing.audit(self._database, run)
        return run.run_id, publishing.move(self._database, run, token)

    def keep(self, run: ScoringRun, token: int, fared: Sequence[Fared]) -> None:
        """Keep how every contender fared beside the run that was published, and all their scores."""
        keeping.keep_fared(self._database, run, token, fared)

    def published(self, day: date) -> ScoringRun | None:
        """The run whose predictions of the day are current."""
        current = select(published.c.run_id).where(published.c.day == day).scalar_subquery()
        return self._run(scoring_run.c.run_id == current)

    def roll_back(self, day: date) -> ScoringRun:
        """Point the day to the run that was published before the present one; no score is computed."""
        token = self.claim(day)
        before = publishing.run_before(self._database, day)
        run = self._run(scoring_run.c.run_id == before) if before else None
        if run is None:
            raise GateRefused(
                f"predictions {day}: nothing was published before what is; `redeye score --day {day} "
                f"--model VERSION` scores it with another version"
            )
        publishing.audit(self._database, run)
        publishing.move(self._database, run, token)
        return run

    def _run(self, which: ColumnElement[bool]) -> ScoringRun | None:
        columns = [scoring_run.c[name] for name in ScoringRun.model_fields]
        found = self._rows(select(*columns).where(which))
        return ScoringRun(**found[0]) if found else None

    def predictions(self, first: date, last: date) -> pd.DataFrame:
        """Rows of prediction_current, with `label` (or NaN) and `excluded` (or None), in key order."""
        view = prediction_current.c
        joined = and_(outcome.c.day == view.day, outcome.c.event_key == view.event_key)
        query = (
            select(prediction_current, outcome.c.label, outcome.c.excluded)
            .join(outcome, joined, isouter=True)
            .where(view.day.between(first, last))
            .order_by(view.day, view.event_key)
        )
        with self._database.read() as connection:
            found = _frame(connection.execute(query))
        return found.astype({"score": float, "label": float, "excluded": object})

    def settle(self, outcomes: pd.DataFrame) -> int:
        """Keep outcomes (day, event_key, label, excluded, known_at); the number that was new or changed."""
        facts = ["label", "excluded", "known_at"]
        given = records(outcomes[["day", "event_key", *facts]])
        days = {row["day"] for row in given}
        adding = self._database.insert(outcome)
        upsert = adding.on_conflict_do_update(
            index_elements=[outcome.c.day, outcome.c.event_key],
            set_={name: adding.excluded[name] for name in facts},
        )
        with self._database.write(alone="settling") as connection:
            kept = connection.execute(select(outcome).where(outcome.c.day.in_(days)))
            known = {row["event_key"]: dict(row) for row in kept.mappings()}
            changed = [row for row in given if known.get(row["event_key"]) != row]
            if changed:
                connection.execute(upsert, changed)
        return len(changed)

    def append(self, entry: LedgerEntry) -> None:
        """Add to the ledger of champions; an entry equal to the last one is not repeated."""
        columns = [ledger.c[name] for name in LedgerEntry.model_fields]
        last = select(*columns).order_by(ledger.c.entry.desc()).limit(1)
        with self._database.write(alone="ledger") as connection:
            row = connection.execute(last).mappings().first()
            if row is None or LedgerEntry(**row) != entry:
                connection.execute(ledger.insert().values(entry.model_dump()))

    def ledger(self) -> list[LedgerEntry]:
        """Every entry, oldest first."""
        columns = [ledger.c[name] for name in LedgerEntry.model_fields]
        return [LedgerEntry(**row) for row in self._rows(select(*columns).order_by(ledger.c.entry))]

    def measure(self, day: date, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Keep a day's metrics by subject and name, in place of those that are there."""
        rows = []
        for subject, values in metrics.items():
            for name, value in values.items():
                if not math.isfinite(value):
                    raise DataError(
                        f"metrics {day}: {name} of {subject} is no number; leave out what is not known"
                    )
                rows.append({"day": day, "subject": subject, "metric": name, "value": value})
        adding = self._database.insert(daily_metric)
        replacing = adding.on_conflict_do_update(
            index_elements=[*daily_metric.primary_key], set_={"value": adding.excluded.value}
        )
        if rows:
            with self._database.write(alone=f"metrics {day}") as connection:
                connection.execute(replacing, rows)

    def measured(self, first: date, last: date) -> pd.DataFrame:
        """Kept metrics: day, subject, metric, value."""
        query = (
            select(daily_metric)
            .where(daily_metric.c.day.between(first, last))
            .order_by(*daily_metric.primary_key)
        )
        with self._database.read() as connection:
            return _frame(connection.execute(query)).astype({"value": float})

    def quarantine(self, day: date, table: str, counts: Mapping[str, int]) -> None:
        """Keep how many rows of a partition each rule put aside, in place of what was kept of it."""
        log = quarantine_log
        about = {"day": day, "table_name": table}
        rows = [{**about, "rule": rule, "rows": count} for rule, count in counts.items()]
        with self._database.write(alone=f"quarantine {day} {table}") as connection:
            connection.execute(delete(log).where(log.c.day == day, log.c.table_name == table))
            if rows:
                connection.execute(log.insert(), rows)

    def _rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _frame(result: Result[Any]) -> pd.DataFrame:
    return pd.DataFrame.from_records(result.all(), columns=list(result.keys()))
