"""The warehouse: predictions, outcomes, metrics and the ledger, in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Select, and_, delete, select

from pipelines.adapters.database import (
    blessings,
    contender_scores,
    evidence,
    monitoring,
    publishing,
    tuning,
)
from pipelines.adapters.database.engine import Database, frame, records
from pipelines.adapters.database.tables import (
    ledger,
    outcome,
    prediction,
    prediction_current,
    publication,
    published,
    quarantine_log,
    scoring_run,
)
from pipelines.core.errors import DataError, GateRefused
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import (
    Amount,
    BlessingEntry,
    DayLoss,
    Incident,
    LedgerEntry,
    ModelVersion,
    Partition,
    ScoringRun,
    Tuning,
)
from pipelines.data.partitions import checksum
from pipelines.metrics.task import PROBABILITIES, Bounds
from pipelines.monitoring.drift import Outlier
from pipelines.promotion.champion import MADE, current_champion
from pipelines.serving.rendezvous import ContenderResult


class SqlWarehouse:
    """Predictions that are published whole, and what is known about them.

    `url` is SQLAlchemy's; scores out of `bounds` are not published. See contracts.Warehouse for what
    each method promises; each is one transaction, except `publish`, which stages first (see publishing.py).
    """

    def __init__(self, url: str, bounds: Bounds = PROBABILITIES) -> None:
        self._database = Database(url)
        self._bounds = bounds

    def agree(self, key: Sequence[str]) -> None:
        """Keep the columns that name an event; raises ConfigError when those that are kept are others."""
        contender_scores.agree(self._database, key)

    def acquire_token(self, day: date) -> int:
        """A token for publishing the day: whoever claims later overtakes whoever claimed earlier."""
        return publishing.acquire_token(self._database, day)

    def publish(self, run: ScoringRun, predictions: pd.DataFrame, token: int) -> tuple[str, bool]:
        """Stage, audit and publish a day's predictions: (run id that is published, whether it is new)."""
        if checksum(predictions) != run.checksum:
            raise DataError(
                f"predictions {run.day}: the rows of run {run.run_id} are not those of its checksum; "
                f"run score again"
            )
        fault_point("publish.before_stage")
        published = publishing.publish(self._database, run, predictions, token, self._bounds)
        fault_point("publish.after_flip")
        return published

    def save_contender_scores(
        self, run: ScoringRun, token: int, fared: Sequence[ContenderResult]
    ) -> None:
        """Keep how every contender fared beside the run that was published, and all their scores."""
        contender_scores.keep_fared(self._database, run, token, fared)

    def keep_rows(
        self,
        table: Partition,
        samples: Mapping[str, Mapping[str, object]],
        outliers: Sequence[Outlier],
    ) -> None:
        """Keep features of some events, by key, and outliers."""
        contender_scores.keep_rows(self._database, table, samples, outliers)

    def published(self, day: date, *, first: bool = False) -> ScoringRun | None:
        """The run whose predictions of the day are current; or the one that was published first."""
        named = select(published.c.run_id).where(published.c.day == day)
        if first:
            moves = publication.c
            named = select(moves.run_id).where(moves.day == day).order_by(moves.token).limit(1)
        return self._run(scoring_run.c.run_id == named.scalar_subquery())

    def check(self, run: ScoringRun) -> None:
        """Raise DataError unless what is kept of a published run is what it published."""
        wrong = publishing.faults_of(self._database, run, self._bounds)
        if wrong:
            raise DataError(
                f"predictions {run.day}: {', '.join(wrong)} in run {run.run_id} of {run.answered_by}, which "
                f"is published: rows were lost or edited since; `redeye repair` computes them anew"
            )

    def roll_back(self, day: date) -> ScoringRun:
        """Point the day to the run that was published before the present one; no score is computed."""
        token = self.acquire_token(day)
        before = publishing.run_before(self._database, day)
        run = self._run(scoring_run.c.run_id == before) if before else None
        if run is None:
            raise GateRefused(
                f"predictions {day}: nothing was published before what is; `redeye score --day {day} "
                f"--model VERSION` scores it with another version"
            )
        publishing.audit(self._database, run, self._bounds)
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
            found = frame(connection.execute(query))
        return found.astype({"score": float, "label": float, "excluded": object})

    def scores(self, first: date, last: date) -> pd.DataFrame:
        """All that contenders said beside the published runs, with outcomes, by day and contender.

        Raises DataError when some of it is not what they said.
        """
        said = prediction.c
        names = ("day", "event_key", "contender", "model_version", "score", "answers")
        of_published = and_(published.c.day == said.day, published.c.run_id == said.run_id)
        joined = and_(outcome.c.day == said.day, outcome.c.event_key == said.event_key)
        ended = (outcome.c.label, outcome.c.excluded, outcome.c.known_at)
        query = (
            select(*(said[name] for name in names), *ended)
            .join(published, of_published)
            .join(outcome, joined, isouter=True)
            .where(said.day.between(first, last))
            .order_by(said.day, said.contender, said.event_key)
        )
        kinds = {"score": float, "label": float, "answers": bool, "excluded": object}
        with self._database.read() as connection:
            found = frame(connection.execute(query)).astype({**kinds, "known_at": "datetime64[us]"})
            wrong = contender_scores.altered(connection, found, first, last)
        if wrong:
            day, run_id, contender = wrong[0]
            raise DataError(
                f"predictions {day}: the scores of {contender} beside run {run_id} are not those that it "
                f"gave; `redeye repair` removes them, and what was published stays"
            )
        return found

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
        fault_point("settle.before_write")
        with self._database.write(alone="settling") as connection:
            kept = connection.execute(select(outcome).where(outcome.c.day.in_(days)))
            known = {row["event_key"]: dict(row) for row in kept.mappings()}
            changed = [row for row in given if known.get(row["event_key"]) != row]
            if changed:
                connection.execute(upsert, changed)
        return len(changed)

    def unsettled(self, before: date) -> list[date]:
        """Published days before that one of which no outcome is kept, oldest first."""
        settled = select(outcome.c.day).where(outcome.c.day == published.c.day).exists()
        query = select(published.c.day).where(published.c.day < before, ~settled)
        with self._database.read() as connection:
            return list(connection.execute(query.order_by(published.c.day)).scalars())

    def bless(self, entry: BlessingEntry) -> None:
        """Keep what was found of a version; an entry equal to the last of its file is not repeated."""
        blessings.bless(self._database, entry)

    def blessing(self, version: ModelVersion) -> BlessingEntry | None:
        """What was found last of exactly this store, model, number and file; None: nobody judged it."""
        return blessings.blessing_of(self._database, version)

    def blessings(self, store: str, model: str) -> dict[tuple[str, str], BlessingEntry]:
        """What was found last of every version and file of a registered model, by number and SHA-256."""
        return blessings.blessings_of(self._database, store, model)

    def early_answers(self, day: date) -> dict[str, tuple[str | None, str | None]]:
        """Contender → line and version, of those that answered before an outcome of the day was kept."""
        return evidence.early_answers(self._database, day)

    def count(self, losses: Sequence[DayLoss]) -> None:
        """Keep losses of settled days; a day that was counted stays as it was."""
        evidence.count(self._database, losses)

    def counted(self) -> list[DayLoss]:
        """All losses, by day and contender."""
        return evidence.counted(self._database)

    def append(self, entry: LedgerEntry) -> None:
        """Add to the ledger of champions; an entry equal to the last one is not repeated.

        Who was champion before is what the ledger says now: somebody may have been promoted since it
        was read.
        """
        columns = [ledger.c[name] for name in LedgerEntry.model_fields]
        with self._database.write(alone="ledger") as connection:
            rows = connection.execute(select(*columns).order_by(ledger.c.entry)).mappings()
            kept = [LedgerEntry(**row) for row in rows]
            if not kept or kept[-1].model_copy(update={"before": entry.before}) != entry:
                before = current_champion(kept) if entry.kind in MADE else entry.before
                values = entry.model_copy(update={"before": before}).model_dump()
                connection.execute(ledger.insert().values(values))

    def ledger(self) -> list[LedgerEntry]:
        """Every entry, oldest first."""
        columns = [ledger.c[name] for name in LedgerEntry.model_fields]
        return [LedgerEntry(**row) for row in self._rows(select(*columns).order_by(ledger.c.entry))]

    def write_metrics(self, day: date, metrics: Mapping[str, Mapping[str, Amount]]) -> None:
        """Keep a day's metrics by subject and name, in place of those that are there."""
        monitoring.write_metrics(self._database, day, metrics)

    def read_metrics(
        self, first: date, last: date, subjects: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Kept metrics, all or of these subjects, with low and high of those with an interval."""
        return monitoring.read_metrics(self._database, first, last, subjects)

    def tuning(self, day: date) -> Tuning | None:
        """What the last search of settings up to the day found."""
        return tuning.tuning_of(self._database, day)

    def keep_tuning(self, found: Tuning) -> None:
        """Keep what a search found; what is kept of earlier ones stays."""
        tuning.keep_tuning(self._database, found)

    def incidents(self, since: date) -> list[Incident]:
        """What was out of order on a day since then, or later, oldest first."""
        return monitoring.incidents(self._database, since)

    def upsert_incidents(self, incidents: Sequence[Incident]) -> None:
        """Keep incidents, in place of what was kept of them."""
        monitoring.upsert_incidents(self._database, incidents)

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
