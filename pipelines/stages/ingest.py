"""ingest: land what the night needs and the lake does not have, and version all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.core.errors import DataError
from pipelines.core.records import IngestResult
from pipelines.data.landing import Landing, count_rows

if TYPE_CHECKING:
    from datetime import date

    from pipelines.core.config import IngestParams
    from pipelines.data.ports import Lake, Versions
    from pipelines.define.problem import Problem, Source


def ingest(
    day: date,
    params: IngestParams,
    problem: Problem,
    source: Source,
    lake: Lake,
    versions: Versions,
    landed: IngestResult | None = None,
) -> IngestResult:
    """Land events up to the day, facts up to the day before, dimension tables when they changed.

    Asked for are days that the lake does not have, the newest of each table, and facts of the last
    `refetch_days`: what was corrected becomes a revision that counts from this night on, and the
    same rows change nothing. So are, once, older facts that landed before the outcomes of their day
    were complete. An older day that the source lacks is left out and told of, and when it comes, it
    counts only from then on; of the newest ones none may be missing. A night that changes nothing
    gives back the record that it `landed` before. Raises DataError when a file that it needs
    is not the one that landed: what is asked for again is mended, the rest is for a person to restore.
    """
    if day < problem.first_day:
        raise DataError(
            f"ingest {day}: {problem.name} begins on {problem.first_day}; ask for a later day"
        )
    landing = Landing(problem, source, lake, day, params)
    landing.land_all()
    arrived = landing.arrived()
    partitions = tuple(p for table in problem.tables for p in landing.there(table))
    lake.check(partitions)  # before they become a version
    if landed is not None and landed.partitions == partitions:
        return landed
    version, recorded = versions.record(day)
    return IngestResult(
        day=day,
        version=version,
        recorded=recorded,
        partitions=partitions,
        new=len(arrived),
        rows=count_rows(problem, arrived),
        missing=tuple(landing.missing),
    )
