"""Columns that a table's source has not always had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import pyarrow as pa

from pipelines.data.ports import Lake
from pipelines.core.errors import DataError
from pipelines.core.records import Partition


@dataclass(frozen=True)
class Additions:
    """Which columns were added to a table after a partition, as the other partitions show."""

    lake: Lake
    raws: Sequence[Partition]  # the table's, oldest first

    def since(self, raw: Partition, column: str) -> bool:
        """Whether the column came only with later days, or later nights, than the partition.

        The newest partition, and one among others that have the column, has lost it.
        """
        having = [one for one, schema in self._schemas if column in schema.names]
        if not having or raw.day >= self.raws[-1].day:
            return False
        earlier_night = (raw.night or date.min) < min(one.night or date.min for one in having)
        return earlier_night or raw.day < min(one.day for one in having)

    @cached_property
    def _schemas(self) -> list[tuple[Partition, pa.Schema]]:
        found = []
        for raw in self.raws:
            try:
                found.append((raw, self.lake.schema(raw)))
            except DataError:  # damaged: that is told where its rows are read
                continue
        return found
