"""The lake: one folder a dataset and day, and a manifest that says which file is current.

A reader opens what a manifest names, so a file half written, left over by a killed run or dropped
there by somebody is nobody's data.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.adapters.lake.checksums import Checksums, sha256_of
from pipelines.adapters.lake.manifests import Manifests
from pipelines.adapters.lake.sharing import among_writers
from pipelines.core.atomic_files import write_whole
from pipelines.core.errors import DataError
from pipelines.core.records import Partition
from pipelines.data.partitions import as_of


class LocalLake:
    """A lake in a folder of this machine, or of a volume."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._manifests = Manifests(data)
        self._checksums = Checksums(data)

    def write(  # noqa: PLR0913  as in the protocol
        self,
        dataset: str,
        day: date,
        rows: pa.Table | None,
        origin: str = "",
        night: date | None = None,
        *,
        for_all: bool = False,
    ) -> Partition:
        """Keep the rows as the current revision; the same rows again change nothing."""
        with among_writers(self._data):  # from the file to the manifest that names it
            sha256, file = self._keep(dataset, day, rows) if rows is not None else ("", "")
            return self._manifests.add(
                Partition(
                    dataset=dataset,
                    day=day,
                    revision=0,
                    rows=rows.num_rows if rows is not None else 0,
                    sha256=sha256,
                    file=file,
                    origin=origin,
                    night=night,
                    for_all=for_all,
                )
            )

    def adopt(
        self, dataset: str, partition: Partition, origin: str = "", night: date | None = None
    ) -> Partition:
        """Make another dataset's partition the current one of `dataset`, without copying it."""
        update = {"dataset": dataset, "origin": origin, "night": night}
        with among_writers(self._data):
            return self._manifests.add(partition.model_copy(update=update))

    def find(
        self, dataset: str, first: date, last: date, known: date | None = None
    ) -> list[Partition]:
        """Partitions of the days, oldest first, as known for a night; without one, as they are."""
        found = (as_of(one, known) for one in self.revisions(dataset, first, last).values())
        return [partition for partition in found if partition is not None]

    def revisions(self, dataset: str, first: date, last: date) -> dict[date, tuple[Partition, ...]]:
        """Every revision of these days' partitions, oldest first."""
        return self._manifests.between(dataset, first, last)

    def has(self, partition: Partition) -> bool:
        """Whether the partition's file is there, whole or not."""
        file = f"{self._data}/{partition.file}"
        return partition.there and os.path.exists(file)  # noqa: PTH110  as in manifests.py

    def path(self, partition: Partition) -> Path:
        """The partition's file, its checksum verified once a process."""
        return self._checksums.verify(partition)

    def check(self, partitions: Sequence[Partition]) -> None:
        """Refuse files that are not those that were written, without reading all of them again."""
        self._checksums.check(partitions)

    def read(
        self, partitions: Sequence[Partition], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows of all partitions, in their order, each file verified; all columns, or these."""
        paths = [self.path(partition) for partition in partitions]
        wanted = None if columns is None else list(columns)
        how: dict[str, Any] = {"page_checksum_verification": True, "partitioning": None}
        with _readable(paths):
            return pa.concat_tables(
                [pq.read_table(path, columns=wanted, **how) for path in paths],
                promote_options="permissive",
            )

    def schema(self, partition: Partition) -> pa.Schema:
        """The partition's columns, without its rows."""
        path = self.path(partition)
        with _readable([path]):
            return pq.read_schema(path)

    def _keep(self, dataset: str, day: date, rows: pa.Table) -> tuple[str, str]:
        """Put the rows into a file that is named after its content: (SHA-256, file)."""
        content = _parquet(rows)
        sha256 = hashlib.sha256(content).hexdigest()
        file = f"{dataset}/day={day.isoformat()}/{sha256[:16]}.parquet"
        path = self._data / file
        if not _holds(path, sha256):
            write_whole(path, content)
        return sha256, file


def _holds(path: Path, sha256: str) -> bool:
    try:
        return sha256_of(path) == sha256
    except OSError:  # there is none, or what is there is no file
        return False


@contextmanager
def _readable(paths: Sequence[Path]) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{paths[0].parent.parent}: a partition cannot be read ({error}); land it again"
        ) from error


def _parquet(rows: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()
