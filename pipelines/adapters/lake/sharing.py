"""Who writes into a lake, and who clears it up or exchanges a part of it: many of the first at once, or
one of the second alone.

The lock is the data folder's own; it ends with its process.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.core.errors import BusyError
from pipelines.core.fault_injection import fault_point

PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 600.0
EXCHANGE = ".raw.[0-9a-f]*"  # as dvc/versions.py names the folder of an exchange
BEFORE = "before"


@contextmanager
def among_writers(data: Path) -> Iterator[None]:
    """While this lasts nothing is removed. Raises BusyError when somebody is alone for too long."""
    if is_torn(data):
        finish_exchange(data)
    with _held(data, fcntl.LOCK_SH):
        yield


@contextmanager
def exclusive(data: Path) -> Iterator[None]:
    """While this lasts nobody else writes or removes. Raises BusyError as `among_writers`."""
    with _held(data, fcntl.LOCK_EX):
        yield


def is_torn(data: Path) -> bool:
    """Whether data/raw stands aside, for an exchange is under way or was cut short."""
    return not (data / "raw").exists() and any(data.glob(f"{EXCHANGE}/{BEFORE}"))


def finish_exchange(data: Path) -> None:
    """Put back what an exchange that was cut short has set aside; one that is under way is waited for."""
    with exclusive(data):
        put_back(data)


def put_back(data: Path) -> None:
    """As finish_exchange, by whoever is alone already."""
    if is_torn(data):
        newest = max(
            data.glob(f"{EXCHANGE}/{BEFORE}"), key=lambda path: path.parent.stat().st_mtime
        )
        newest.replace(data / "raw")


@contextmanager
def _held(data: Path, kind: int) -> Iterator[None]:
    data.mkdir(parents=True, exist_ok=True)
    handle = os.open(data, os.O_RDONLY)
    give_up = time.monotonic() + PATIENCE_SECONDS
    try:
        while True:
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                fault_point("sharing.waits")
            if time.monotonic() > give_up:
                raise BusyError(
                    f"{data}: another command has held it for {PATIENCE_SECONDS / 60:.0f} minutes; "
                    f"wait for it to end"
                )
            time.sleep(PAUSE_SECONDS)
        yield
    finally:
        os.close(handle)
