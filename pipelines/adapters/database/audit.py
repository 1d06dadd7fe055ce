"""The warehouse as an auditor reads it: what stands in its tables, believed by nobody."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Table, delete, func, or_, select, union

from pipelines.adapters.database import contender_scores, publishing
from pipelines.adapters.database.engine import Database, frame, plain_frame
from pipelines.adapters.database.tables import (
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
from pipelines.audit.ports import DayAudit, PublicationMove, RowSummary, Staged
from pipelines.core.errors import BusyError
from pipelines.core.records import ScoringRun
from pipelines.data.partitions import checksum
from pipelines.metrics.task import PROBABILITIES, Bounds

DATED = (published, publication, fence, scoring_run, prediction, outcome, quarantine_log)


class SqlBooks:
    """The books of a warehouse, with scores within bounds; see audit/ports.py for what each method promises."""

    def __init__(self, url: str, bounds: Bounds = PROBABILITIES) -> None:
        self._database = Database(url)
        self._bounds = bounds

    def days(self) -> list[date]:
        """Every day that anything is kept of."""
        with self._database.read() as connection:
            found = connection.execute(union(*(select(table.c.day) for table in DATED)))
            return sorted(found.scalars())

    def open(self, day: date) -> DayAudit:
        """Everything kept about a day, as one transaction sees it."""
        with self._database.read() as connection:
            pointer = connection.execute(_of(published, day)).mappings().first()
            runs = _runs(connection, day)
            moves = connection.execute(_of(publication, day).order_by(publication.c.token))
            return DayAudit(
                day=day,
                run_id=pointer["run_id"] if pointer else None,
                token=pointer["token"] if pointer else 0,
                fence=connection.execute(_of(fence, day, "token")).scalar() or 0,
                moves=tuple(
                    PublicationMove(m["token"], m["run_id"], m["before"]) for m in moves.mappings()
                ),
                runs=runs,
                kept=_kept(connection, day),
                current=_current(connection, day) if pointer else None,
                altered=_altered(connection, day, pointer["run_id"]) if pointer else (),
                first_known_at=_first_known(connection, day),
                quarantined=_quarantined(connection, day),
            )

    def ended(self, day: date) -> set[str]:
        """The names of the day's events that an outcome is kept of."""
        with self._database.read() as connection:
            return set(connection.execute(_of(outcome, day, "event_key")).scalars())

    def forsaken(self, age: timedelta) -> list[Staged]:
        """Runs begun longer ago than `age`, by the database's clock, and never published.

        One that was staged in place of a published run that was edited is its copy, and none of them.
        """
        runs = select(scoring_run.c.day, scoring_run.c.run_id, scoring_run.c.written_at)
        with self._database.read() as connection:
            before = _clock(connection) - age
            seen = set(connection.execute(select(publication.c.run_id)).scalars())
            begun = connection.execute(runs.order_by(scoring_run.c.day, scoring_run.c.run_id)).all()
            return [
                Staged(run.day, run.run_id, _staged(connection, run.day, run.run_id))
                for run in begun
                if run.run_id.partition(publishing.AGAIN)[0] not in seen
                and run.run_id not in seen
                and _utc(run.written_at) < before
            ]

    def drop(self, day: date, run_id: str, age: timedelta) -> bool:
        """Remove a run that is forsaken still; False if the database's role may not remove anything."""
        mine, moves, begun = prediction.c, publication.c, scoring_run.c.written_at
        with self._database.write(alone=f"publishing {day}") as connection:
            rights = dict.fromkeys((prediction, contender_run, scoring_run), "DELETE")
            if not self._may(connection, rights):
                return False
            moved = connection.execute(select(moves.token).where(moves.run_id == run_id)).first()
            at = connection.execute(select(begun).where(scoring_run.c.run_id == run_id)).scalar()
            if moved or at is None or _utc(at) >= _clock(connection) - age:
                return True
            connection.execute(delete(prediction).where(mine.day == day, mine.run_id == run_id))
            for table in (contender_run, scoring_run):
                connection.execute(delete(table).where(table.c.run_id == run_id))
        return True

    def forget(self, day: date, run_id: str, contender: str) -> bool:
        """Remove the scores that are kept of a contender beside a run; False if the role may not."""
        rights = {prediction: "DELETE", contender_run: "UPDATE"}
        with self._database.write(alone=f"keeping {run_id}") as connection:
            if not self._may(connection, rights):
                return False
            contender_scores.forget(connection, day, run_id, contender)
        return True

    def drop_outcomes(self, day: date, keys: Collection[str], before: datetime) -> bool:
        """Remove outcomes of these events, and those known before that time; False if the role may not."""
        of_day = delete(outcome).where(outcome.c.day == day)
        wrong = or_(outcome.c.event_key.in_(keys), outcome.c.known_at < before)
        with self._database.write(alone="settling") as connection:
            if not self._may(connection, {outcome: "DELETE"}):
                return False
            connection.execute(of_day.where(wrong))
        return True

    def _may(self, connection: Connection, rights: Mapping[Table, str]) -> bool:
        """Whether the database's role has these rights."""
        if not self._database.is_postgresql:
            return True
        asked = [func.has_table_privilege(table.name, right) for table, right in rights.items()]
        return all(connection.execute(select(*asked)).one())

    def point(self, day: date, run_id: str, last: int) -> None:
        """Point a day to a whole run of its own, by the rules of publishing."""
        with self._database.write(alone=f"publishing {day}") as connection:
            newest = _of(publication, day).order_by(publication.c.token.desc())
            move = connection.execute(newest).mappings().first()
            if move is None or move["token"] != last:
                raise BusyError(
                    f"predictions {day}: was published meanwhile; what it has now stays"
                )
            _restore(self._database, connection, day, move)
            run = _runs(connection, day)[run_id]
        if run_id != move["run_id"]:
            token = publishing.acquire_token(self._database, day)
            publishing.audit(self._database, run, self._bounds)
            publishing.move(self._database, run, token, instead_of=move["run_id"])

    def restore(self, run: ScoringRun, rows: pd.DataFrame) -> None:
        """Stage what a run published anew, beside what is left of it; the pointer stays."""
        publishing.audit(self._database, publishing.stage(self._database, run, rows), self._bounds)


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


def _kept(connection: Connection, day: date) -> dict[str, RowSummary]:
    names = ("run_id", "event_key", "score", "contender", "model_version")
    answers = _of(prediction, day, *names).where(prediction.c.answers)
    found = plain_frame(connection.execute(answers))
    return {str(run): _rows(rows) for run, rows in found.groupby("run_id", sort=True)}


def _current(connection: Connection, day: date) -> RowSummary:
    names = ("run_id", "event_key", "score", "answered_by", "model_version")
    found = plain_frame(connection.execute(_of(prediction_current, day, *names)))
    return _rows(found.rename(columns={"answered_by": "contender"}))


def _altered(connection: Connection, day: date, run_id: str) -> tuple[str, ...]:
    names = ("day", "event_key", "contender", "score", "answers")
    beside = _of(prediction, day, *names).where(prediction.c.run_id == run_id)
    order = (prediction.c.contender, prediction.c.event_key)
    scores = frame(connection.execute(beside.order_by(*order))).astype({"answers": bool})
    return tuple(
        contender for *_, contender in contender_scores.altered(connection, scores, day, day)
    )


def _first_known(connection: Connection, day: date) -> Any:
    earliest = select(func.min(outcome.c.known_at)).where(outcome.c.day == day)
    return connection.execute(earliest).scalar()


def _quarantined(connection: Connection, day: date) -> dict[str, dict[str, int]]:
    kept: dict[str, dict[str, int]] = {}
    for row in connection.execute(_of(quarantine_log, day)).mappings():
        kept.setdefault(row["table_name"], {})[row["rule"]] = row["rows"]
    return kept


def _rows(found: pd.DataFrame) -> RowSummary:
    scored = found[["event_key", "score"]].astype({"score": float})
    keys, by = found["event_key"], found[["contender", "model_version"]].drop_duplicates()
    return RowSummary(
        rows=len(found),
        events=keys.nunique(),
        run_ids=tuple(sorted(set(found["run_id"]))),
        checksum=checksum(scored),
        by=tuple(
            by.sort_values("contender")
            .astype(object)
            .where(by.notna(), None)
            .itertuples(index=False, name=None)
        ),
    )
