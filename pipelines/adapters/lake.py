"""The lake: one folder a dataset and day, and a manifest that says which file is current.

A reader opens what the manifest names and never lists a folder, so a file half written, left over
by a killed run or dropped there by somebody is nobody's data.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.errors import DataError
from pipelines.core.files import write_whole
from pipelines.core.records import Partition, Record

MANIFEST = "manifest.json"


class Manifest(Record):
    """Every revision a partition ever had, oldest first; the last one is current."""

    revisions: tuple[Partition, ...]


class LocalLake:
    """A lake in a folder of this machine, or of a volume."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._verified: set[tuple[str, int, int]] = set()

    def write(self, dataset: str, day: date, rows: pa.Table, origin: str = "") -> Partition:
        """Keep the rows as the current revision; the same rows again change nothing."""
        content = _parquet(rows)
        sha256 = hashlib.sha256(content).hexdigest()
        file = f"{dataset}/day={day.isoformat()}/{sha256[:16]}.parquet"
        path = self._data / file
        if not path.exists() or _sha256(path) != sha256:
            write_whole(path, content)
        return self._point(
            Partition(
                dataset=dataset,
                day=day,
                revision=0,
                rows=rows.num_rows,
                sha256=sha256,
                file=file,
                origin=origin,
            )
        )

    def adopt(self, dataset: str, partition: Partition, origin: str = "") -> Partition:
        """Make another dataset's partition the current one of `dataset`, without copying it."""
        return self._point(
            partition.model_copy(update={"dataset": dataset, "revision": 0, "origin": origin})
        )

    def find(self, dataset: str, first: date, last: date) -> list[Partition]:
        """Current partitions of the days from first to last, oldest first; missing days are left out."""
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        manifests = (self._manifest(dataset, day) for day in days)
        return [manifest.revisions[-1] for manifest in manifests if manifest is not None]

    def path(self, partition: Partition) -> Path:
        """The partition's file, its checksum verified once a process."""
        path = self._data / partition.file
        try:
            stat = path.stat()
            seen = (partition.sha256, stat.st_mtime_ns, stat.st_size)
            if seen not in self._verified and _sha256(path) != partition.sha256:
                raise DataError(
                    f"{path}: its bytes are not those that were written (SHA-256 differs); "
                    f"restore it with `redeye data checkout`, or delete the partition and land it again"
                )
        except FileNotFoundError as error:
            raise DataError(
                f"{path}: the file that its manifest names is gone; restore it with `redeye data checkout`"
            ) from error
        self._verified.add(seen)
        return path

    def read(self, partitions: Sequence[Partition]) -> pa.Table:
        """The rows of all partitions, in their order, each file verified."""
        paths = [self.path(partition) for partition in partitions]
        try:
            return pa.concat_tables(
                [
                    pq.read_table(path, page_checksum_verification=True, partitioning=None)
                    for path in paths
                ],
                promote_options="default",
            )
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{paths[0].parent.parent}: a partition cannot be read ({error}); land it again"
            ) from error

    def _manifest(self, dataset: str, day: date) -> Manifest | None:
        path = self._data / dataset / f"day={day.isoformat()}" / MANIFEST
        try:
            return Manifest.from_json(path.read_text(), str(path))
        except FileNotFoundError:
            return None

    def _point(self, partition: Partition) -> Partition:
        folder = self._data / partition.dataset / f"day={partition.day.isoformat()}"
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            manifest = self._manifest(partition.dataset, partition.day)
            revisions = manifest.revisions if manifest else ()
            if revisions and _same(revisions[-1], partition):
                return revisions[-1]
            current = partition.model_copy(update={"revision": len(revisions)})
            write_whole(
                folder / MANIFEST, Manifest(revisions=(*revisions, current)).to_json().encode()
            )
        return current


def _same(one: Partition, other: Partition) -> bool:
    return (one.sha256, one.file, one.origin) == (other.sha256, other.file, other.origin)


def _parquet(rows: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
