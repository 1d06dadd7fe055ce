"""What runs the queries that features are compiled to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot.expressions import Query


class Engine(Protocol):
    """What runs a query over tables and files."""

    @property
    def code(self) -> str:
        """SHA-256 of the source that computes features: whatever it made before a change is made again."""
        ...

    def run(self, query: Query, tables: Mapping[str, pa.Table | Sequence[Path]]) -> pa.Table:
        """The rows of a query, which the engine spells in its own dialect; `tables` are its inputs by name."""
        ...
