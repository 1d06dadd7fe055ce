"""Checksums of the lake's files: read where a file is used, remembered where it is relied upon.

What is remembered stands in `.manifests/`, one file a dataset: the stat that a file had when its
bytes were last found right. It may be damaged, outdated or deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from pipelines.adapters.lake.manifests import MEMORY, Stat, stat_of
from pipelines.core.atomic_files import open_regular, write_if_possible
from pipelines.core.errors import DataError
from pipelines.core.records import Partition

Known = dict[str, tuple[str, Stat]]  # file → its checksum, and its stat when that was right


class Checksums:
    """Whether the files of a lake are those that were written."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._read: Known = {}

    def verify(self, partition: Partition) -> Path:
        """The partition's file, its bytes read and compared, once a process."""
        path = self._data / partition.file
        try:
            seen = (partition.sha256, stat_of(path))
            if self._read.get(partition.file) != seen and sha256_of(path) != partition.sha256:
                raise DataError(
                    f"{path}: its bytes are not those that were written (SHA-256 differs); "
                    f"`redeye verify` names the command that mends it"
                )
        except FileNotFoundError as error:
            raise DataError(
                f"{path}: the file that its manifest names is gone; `redeye verify` names the command that "
                f"mends it"
            ) from error
        except OSError as error:
            raise DataError(
                f"{path}: cannot be read ({error.strerror}); restore it with `redeye data checkout`"
            ) from error
        self._read[partition.file] = seen
        return path

    def check(self, partitions: Iterable[Partition]) -> None:
        """Verify files, but read only those whose stat is another than when they were last right."""
        ordered = sorted(partitions, key=lambda one: one.file)
        for dataset, found in groupby(ordered, key=lambda one: one.file.rsplit("/", 2)[0]):
            memory = self._data / MEMORY / dataset / "files.json"
            self._check(list(found), memory)

    def _check(self, partitions: Sequence[Partition], memory: Path) -> None:
        known, anew = _remembered(memory), False
        for one in partitions:
            if known.get(one.file) == (one.sha256, _stat_or_none(f"{self._data}/{one.file}")):
                continue
            self.verify(one)
            known[one.file], anew = self._read[one.file], True
        if anew:
            write_if_possible(memory, json.dumps(known).encode())


def sha256_of(path: Path) -> str:
    """The file's SHA-256, in hexadecimal digits."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stat_or_none(path: str) -> Stat | None:
    try:
        return stat_of(path)
    except OSError:
        return None


def _remembered(path: Path) -> Known:
    try:
        told = json.loads(path.read_bytes())
        return {file: (sha256, (ino, size, at)) for file, (sha256, (ino, size, at)) in told.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
