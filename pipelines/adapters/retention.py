"""What a root keeps by day, and how it is removed: rows in one transaction a day, files from their name on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

from sqlalchemy import delete, func, select

from pipelines.adapters.database.engine import Database
from pipelines.adapters.database.tables import (
    contender_run,
    fence,
    outcome,
    outlier,
    prediction,
    publication,
    published,
    quarantine_log,
    sample,
    scoring_run,
)
from pipelines.adapters.lake.manifests import MANIFEST
from pipelines.adapters.lake.sharing import exclusive
from pipelines.audit.retention import Removal
from pipelines.core.config import Paths
from pipelines.core.dates import day_of_name
from pipelines.core.errors import TemporaryError
from pipelines.core.fault_injection import fault_point

# In the order in which their rows hang on each other.
OF_A_DAY = (
    *(prediction, contender_run, sample, outlier, outcome),
    *(published, publication, scoring_run, fence),
)
ROW_BYTES = 200  # of a prediction with its share of the indexes, about
ASIDE = re.compile(r"\.(\d{4}-\d\d-\d\d)\.[0-9a-f]{32}")


class Root:
    """The database, the lake and the folders of nights."""

    def __init__(self, places: Paths) -> None:
        self._places = places
        self._database = Database(places.database_url)

    def published(self) -> list[date]:
        """Days that are published."""
        with self._database.read() as connection:
            return list(connection.execute(select(published.c.day)).scalars())

    def refusal(self) -> str | None:
        """Why nothing can be removed from the database, if so."""
        if not self._database.is_postgresql:
            return None
        asked = [
            func.has_table_privilege(one.name, "DELETE") for one in (*OF_A_DAY, quarantine_log)
        ]
        with self._database.read() as connection:
            may = all(connection.execute(select(*asked)).one())
        return (
            None
            if may
            else (
                "prune: the database's role may not remove rows; run the same as the owner of the tables "
                "(REDEYE_DATABASE_URL)"
            )
        )

    def rows(self, before: date) -> list[Removal]:
        """Scores and outcomes of days before that one."""
        found: dict[date, int] = {}
        with self._database.read() as connection:
            for table in OF_A_DAY:
                counted = select(table.c.day, func.count()).where(table.c.day < before)
                for day, rows in connection.execute(counted.group_by(table.c.day)):
                    found[day] = found.get(day, 0) + rows
        return [_rows("predictions", day, rows) for day, rows in sorted(found.items())]

    def logs(self, before: date) -> list[Removal]:
        """Counts of quarantined rows of days before that one."""
        day = quarantine_log.c.day
        counted = select(day, func.count()).where(day < before).group_by(day).order_by(day)
        with self._database.read() as connection:
            found = connection.execute(counted).all()
        return [_rows("quarantine log", day, rows) for day, rows in found]

    def partitions(self, dataset: str, before: date) -> list[Removal]:
        """Partitions before a day, also those that were removed in part."""
        folder = self._places.data / dataset
        days = {day_of_name(path.name.removeprefix("day=")): path for path in folder.glob("day=*")}
        return [
            Removal(kind="partitions", where=f"{dataset} {day}", day=day, size=_size(path))
            for day, path in sorted((day, path) for day, path in days.items() if day)
            if day < before
        ]

    def nights(self, before: date) -> list[Removal]:
        """Folders of nights before a day, also those that were removed in part."""
        found = {(day, path) for day, path in self._folders() if day < before}
        return [
            Removal(kind="night", where=f"runs/{path.name}", day=day, size=_size(path))
            for day, path in sorted(found)
        ]

    def remove(self, removal: Removal) -> None:
        """Remove it, whole or so that it is removed to its end when it is asked for again."""
        fault_point("prune.before_remove")
        if removal.kind == "predictions":
            with self._database.write(alone=f"publishing {removal.day}") as connection:
                for table in OF_A_DAY:
                    connection.execute(delete(table).where(table.c.day == removal.day))
        elif removal.kind == "quarantine log":
            with self._database.write(alone="quarantine") as connection:
                of_day = quarantine_log.c.day == removal.day
                connection.execute(delete(quarantine_log).where(of_day))
        elif removal.kind == "partitions":
            dataset = removal.where.rpartition(" ")[0]
            folder = self._places.data / dataset / f"day={removal.day}"
            with exclusive(self._places.data):
                _clear(folder, folder / MANIFEST)
        else:
            self._remove_night(self._places.root / removal.where)

    def _remove_night(self, folder: Path) -> None:
        """Out of sight first: of a night that is there in part, nobody could say what it left."""
        aside = folder
        if not ASIDE.fullmatch(folder.name):
            aside = folder.with_name(f".{folder.name}.{uuid4().hex}")
            if folder.exists():
                folder.rename(aside)
            fault_point("prune.after_aside")
        _clear(aside)

    def _folders(self) -> Iterator[tuple[date, Path]]:
        for path in (self._places.root / "runs").glob("*"):
            aside = ASIDE.fullmatch(path.name)
            day = day_of_name(aside[1] if aside else path.name)
            if day and path.is_dir():
                yield day, path


def _clear(folder: Path, first: Path | None = None) -> None:
    """Remove a folder, one of its files before all others."""
    try:
        if first is not None:
            first.unlink(missing_ok=True)
            fault_point("prune.after_manifest")
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise TemporaryError(
            f"{folder}: cannot be removed ({error.strerror}); mend the permissions, and prune again"
        ) from error


def _rows(kind: str, day: date, rows: int) -> Removal:
    given = {"kind": kind, "where": f"{kind} {day}", "day": day}
    return Removal.model_validate({**given, "size": ROW_BYTES * rows, "rows": rows})


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
