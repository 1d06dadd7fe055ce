"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from pipelines.core.errors import TemporaryError
from pipelines.core.faults import reach


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; False for a name that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or with a NUL in it
        return False


def open_private(name: str | Path, flags: int) -> int:
    """An opener of files that others on the machine cannot read: mode 0640, less what the umask takes."""
    return os.open(name, flags, 0o640)


def write_whole(path: Path, content: bytes) -> None:
    """Put the content at the path; the old file stays until the new one is safe on the disk."""
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        reach("files.before_write")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb", opener=open_private) as file:
            file.write(content)
            file.flush()
            reach("files.before_sync")
            os.fsync(file.fileno())
        reach("files.before_rename")
        beside.replace(path)
        reach("files.before_folder_sync")
        _sync_folder(path.parent)
    except OSError as error:
        raise TemporaryError(
            f"{path}: cannot be written ({error.strerror}); "
            f"make room or mend the permissions, and run the same command again"
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def write_if_possible(path: Path, content: bytes) -> None:
    """Put a content that may be lost at the path, in one piece; neither flushed nor refused."""
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
