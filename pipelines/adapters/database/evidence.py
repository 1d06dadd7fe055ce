"""Losses of settled days, of answers that were given before an outcome was kept: written once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import and_, or_, select

from pipelines.adapters.database.engine import Database
from pipelines.adapters.database.tables import contender_run, evidence, published
from pipelines.core.records import DayLoss

COLUMNS = [evidence.c[name] for name in DayLoss.model_fields]


def early_answers(database: Database, day: date) -> dict[str, tuple[str | None, str | None]]:
    """Contender → its line and version, of those that answered the published run of a day before an
    outcome of it was kept, with a model that had not learned from the day.
    """
    run = contender_run.c
    query = (
        select(run.contender, run.line, run.model_version)
        .join(published, and_(published.c.day == run.day, published.c.run_id == run.run_id))
        .where(
            run.day == day,
            run.outcome == "answered",
            run.before_outcomes,
            or_(run.trained_until.is_(None), run.trained_until < day),
        )
        .order_by(run.token)
    )
    with database.read() as connection:
        found = connection.execute(query)
        return {row.contender: (row.line, row.model_version) for row in found}


def count(database: Database, losses: Sequence[DayLoss]) -> None:
    """Keep losses; a day that was counted stays as it was."""
    adding = database.insert(evidence).on_conflict_do_nothing()
    if losses:
        with database.write(alone="evidence") as connection:
            connection.execute(adding, [one.model_dump() for one in losses])


def counted(database: Database) -> list[DayLoss]:
    """All losses, by day and contender."""
    query = select(*COLUMNS).order_by(evidence.c.day, evidence.c.contender)
    with database.read() as connection:
        return [DayLoss(**row) for row in connection.execute(query).mappings()]
