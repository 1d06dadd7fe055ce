"""Which versions may serve: what `promote` found of each, entry by entry; the last one counts."""

from __future__ import annotations

from sqlalchemy import Connection, select

from pipelines.adapters.database.engine import Database
from pipelines.adapters.database.tables import blessing
from pipelines.core.records import BlessingEntry, ModelVersion

Judged = tuple[str, str]  # number, and SHA-256 of the model file
OF = ("store", "model", "version", "sha256")  # what an entry is of
COLUMNS = [blessing.c[name] for name in BlessingEntry.model_fields]


def bless(database: Database, entry: BlessingEntry) -> None:
    """Add an entry; one that is equal to the last of the same version and file is not repeated."""
    with database.write(alone="blessings") as connection:
        if _last(connection, *(getattr(entry, name) for name in OF)) != entry:
            connection.execute(blessing.insert().values(entry.model_dump(mode="json")))


def blessing_of(database: Database, version: ModelVersion) -> BlessingEntry | None:
    """The last entry of exactly this version and file."""
    with database.read() as connection:
        return _last(connection, *(getattr(version, name) for name in OF))


def blessings_of(database: Database, store: str, model: str) -> dict[Judged, BlessingEntry]:
    """The last entry of every version and file of a registered model, by its number and SHA-256."""
    mine = (blessing.c.store == store, blessing.c.model == model)
    query = select(*COLUMNS).where(*mine).order_by(blessing.c.entry)
    with database.read() as connection:
        found = [BlessingEntry(**row) for row in connection.execute(query).mappings()]
    return {(entry.version, entry.sha256): entry for entry in found}


def _last(connection: Connection, *of: str) -> BlessingEntry | None:
    mine = [blessing.c[name] == value for name, value in zip(OF, of, strict=True)]
    query = select(*COLUMNS).where(*mine).order_by(blessing.c.entry.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return BlessingEntry(**row) if row else None
