"""What searches of settings found: entry by entry, never changed; of a day the last one counts."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from pipelines.adapters.database.engine import Database
from pipelines.adapters.database.tables import tuning
from pipelines.core.records import Tuning

COLUMNS = [tuning.c[name] for name in Tuning.model_fields]


def tuning_of(database: Database, day: date) -> Tuning | None:
    """What the last search up to the day found."""
    newest = (tuning.c.day.desc(), tuning.c.entry.desc())
    query = select(*COLUMNS).where(tuning.c.day <= day).order_by(*newest).limit(1)
    with database.read() as connection:
        row = connection.execute(query).mappings().first()
    return Tuning.model_validate(dict(row)) if row else None


def keep_tuning(database: Database, found: Tuning) -> None:
    """Add an entry; one that is equal to the last up to its day is not repeated."""
    if tuning_of(database, found.day) == found:
        return
    row = found.model_dump(mode="json") | {"day": found.day}
    with database.write(alone="tuning") as connection:
        connection.execute(tuning.insert().values(row))
