"""Sources that need no code: a database, a folder or a bucket, named by a URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipelines.core.errors import ConfigError

if TYPE_CHECKING:
    from pipelines.define.problem import Problem, Source

SCHEME = re.compile(r"\A([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


def open_source(problem: Problem, override: str | None = None) -> Source:
    """The problem's source, or another one that gives the same tables, named by its URL.

    `postgresql+psycopg://…` and other SQLAlchemy URLs are databases, `s3://bucket/prefix` is a
    bucket, and anything without a scheme, or with `file://`, is a folder.
    """
    place = override or problem.source
    if not isinstance(place, str):
        return place()
    for table in problem.tables:
        if not re.fullmatch(r"[A-Za-z0-9_]+", table.name):
            raise ConfigError(
                f"problem.tables: {table.name!r} is no name for a table; use letters, digits and _"
            )
    scheme = SCHEME.match(place)
    if scheme is None or scheme[1].lower() in {"s3", "file"}:
        from pipelines.adapters.sources.files import open_files

        return open_files(place, problem.tables)
    from pipelines.adapters.sources.sql import SqlSource

    return SqlSource(place, problem.tables)
