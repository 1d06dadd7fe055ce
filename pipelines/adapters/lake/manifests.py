"""Manifests: which files a partition ever had. Read once, then remembered until they change.

What is remembered stands in `.manifests/`, one file a dataset and year. It is compared with the
manifests' own stat on every use, so it may be damaged, outdated or deleted at any time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import groupby
from pathlib import Path

from pydantic import ValidationError

from pipelines.adapters.lake.sharing import finish_exchange, is_torn
from pipelines.core.atomic_files import read_regular, write_if_possible, write_whole
from pipelines.core.dates import day_of_name
from pipelines.core.errors import DataError
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import Partition, Record

MANIFEST = "manifest.json"
MEMORY = ".manifests"
WORTH_REMEMBERING = 8  # manifests read anew; fewer cost less than writing all of them down

Stat = tuple[int, int, int]


class Manifest(Record):
    """Every revision a partition ever had, oldest first; the last one is current."""

    revisions: tuple[Partition, ...]


class MonitoringInputs(Record):
    """A manifest as it was when its file had this inode, size and time of change."""

    stat: Stat
    revisions: tuple[Partition, ...]


class Memory(Record):
    """Manifests of one dataset and year, by the name of their folder."""

    seen: dict[str, MonitoringInputs]


class Manifests:
    """The manifests of a lake."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._memory: dict[Path, dict[str, MonitoringInputs]] = {}

    def between(self, dataset: str, first: date, last: date) -> dict[date, tuple[Partition, ...]]:
        """All revisions of the partitions of these days, oldest first; raises DataError for a
        manifest that cannot be read.
        """
        found: dict[date, tuple[Partition, ...]] = {}
        for year, days in groupby(self._days(dataset, first, last), lambda day: day.year):
            memory = self._data / MEMORY / dataset / f"{year}.json"
            found.update(self._recall(dataset, days, memory))
        return found

    def add(self, partition: Partition) -> Partition:
        """Make a partition current, unless it is already; the revision that it has become.

        Nights never decrease from one revision to the next.
        """
        folder = self._data / partition.dataset / _folder(partition.day)
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            path = folder / MANIFEST
            before = _read(path).revisions if path.exists() else ()
            if before and _same(before[-1], partition) and not _reaches_further(before, partition):
                return before[-1]
            nights = [one.night for one in (*before[-1:], partition) if one.night]
            update = {"revision": len(before), "night": max(nights, default=None)}
            current = partition.model_copy(update=update)
            fault_point("lake.before_manifest")
            write_whole(path, Manifest(revisions=(*before, current)).to_json().encode())
        fault_point("lake.after_manifest")
        return current

    def _days(self, dataset: str, first: date, last: date) -> list[date]:
        """Days that have a folder; whether there is anything in it, its manifest says."""
        if dataset.startswith("raw/") and is_torn(self._data):
            finish_exchange(self._data)
        try:
            names = os.listdir(self._data / dataset)  # noqa: PTH208  see stat_of
        except FileNotFoundError:
            return []
        days = (_day(name) for name in names)
        return sorted(day for day in days if day is not None and first <= day <= last)

    def _recall(
        self, dataset: str, days: Iterable[date], memory: Path
    ) -> Iterator[tuple[date, tuple[Partition, ...]]]:
        seen = self._memory.get(memory) or _remembered(memory)
        self._memory[memory] = seen
        anew = 0
        for day in days:
            folder = _folder(day)
            path = f"{self._data}/{dataset}/{folder}/{MANIFEST}"
            try:
                stat = stat_of(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _unreadable(path, error) from error
            if folder not in seen or seen[folder].stat != stat:
                seen[folder] = MonitoringInputs(stat=stat, revisions=_read(Path(path)).revisions)
                anew += 1
            yield day, seen[folder].revisions
        if anew > WORTH_REMEMBERING:
            write_if_possible(memory, Memory(seen=seen).model_dump_json().encode())


def _day(folder: str) -> date | None:
    """The day of a folder's name; None for what somebody else put there."""
    return day_of_name(folder.removeprefix("day=")) if folder.startswith("day=") else None


def _folder(day: date) -> str:
    return f"day={day.isoformat()}"


def stat_of(path: str | Path) -> Stat:
    """What changes when a file is replaced or written to: its inode, size and time of change."""
    stat = os.stat(path)  # noqa: PTH116  two thousand a night: a Path costs as much again
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _read(path: Path) -> Manifest:
    try:
        content = read_regular(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error
    return Manifest.from_json(content, str(path))


def _unreadable(path: str | Path, error: OSError) -> DataError:
    return DataError(
        f"{path}: cannot be read ({error.strerror}); remove it, and run `redeye repair`"
    )


def _same(one: Partition, other: Partition) -> bool:
    return (one.sha256, one.file, one.origin) == (other.sha256, other.file, other.origin)


def _reaches_further(before: Sequence[Partition], partition: Partition) -> bool:
    """Whether the same rows now count for all nights, and did for some: a first revision always did."""
    return partition.for_all and not before[-1].for_all and len(before) > 1


def _remembered(path: Path) -> dict[str, MonitoringInputs]:
    try:
        return Memory.model_validate_json(path.read_bytes()).seen
    except (OSError, ValidationError):
        return {}


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
