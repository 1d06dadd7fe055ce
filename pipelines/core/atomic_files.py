"""Files that are there whole or not at all, and YAML without duplicate keys, aliases or endless nesting."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import yaml

from pipelines.core.errors import ConfigError, TemporaryError
from pipelines.core.fault_injection import fault_point

MOST_BYTES = 4 * 2**30  # that are read into memory at once


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; False for a name that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or with a NUL in it
        return False


def open_regular(path: str | Path) -> BufferedReader:
    """Open a file to be read; raises OSError for what is none and may never end: a pipe, a socket, a device."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for its writer
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return os.fdopen(handle, "rb")


def read_regular(path: str | Path, most: int = MOST_BYTES) -> bytes:
    """The content of a file; raises OSError for what is none, and for more bytes than `most`."""
    with open_regular(path) as file:
        refuse_large(os.fstat(file.fileno()).st_size, path, most)
        return file.read(most)


def refuse_large(size: int, path: str | Path, most: int = MOST_BYTES) -> None:
    """Raise OSError when a file has more bytes than `most`."""
    if size > most:
        raise OSError(errno.EFBIG, f"it is larger than {most / 2**20:,.0f} MB", str(path))


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for the time of the context. Raises TemporaryError when none can be made."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="redeye-")
    except OSError as error:
        raise _no_scratch(error) from error
    with folder as name:
        yield Path(name)


def scratch_file() -> IO[bytes]:
    """A file without a name, gone when it is closed. Raises TemporaryError when none can be made."""
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise _no_scratch(error) from error


def _no_scratch(error: OSError) -> TemporaryError:
    return TemporaryError(
        f"no temporary file can be written ({error.strerror or error}); make room, or set TMPDIR to a folder "
        f"that has some, and run the same command again"
    )


def open_private(name: str | Path, flags: int) -> int:
    """An opener of files that others on the machine cannot read: mode 0640, less what the umask takes."""
    return os.open(name, flags, 0o640)


def write_whole(path: Path, content: bytes) -> None:
    """Put the content at the path; the old file stays until the new one is safe on the disk."""
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        fault_point("files.before_write")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb", opener=open_private) as file:
            file.write(content)
            file.flush()
            fault_point("files.before_sync")
            os.fsync(file.fileno())
        fault_point("files.before_rename")
        beside.replace(path)
        fault_point("files.before_folder_sync")
        _sync_folder(path.parent)
    except OSError as error:
        raise TemporaryError(
            f"{path}: cannot be written ({error.strerror}); "
            f"make room or mend the permissions, and run the same command again"
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def append_line(path: Path, line: str) -> None:
    """Add a line, or several, to a file, whole or not at all; raises TemporaryError."""
    content = line.encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab", buffering=0, opener=open_private) as file:
            _write_all(file, content)
    except OSError as error:
        raise TemporaryError(
            f"{path}: cannot be written ({error.strerror}); make room, and run the same command again"
        ) from error


def _write_all(file: FileIO, content: bytes) -> None:
    before = os.fstat(file.fileno()).st_size
    if file.write(content) != len(content):
        file.truncate(before)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


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


LARGEST_BYTES = 1_000_000


class _Plain(yaml.SafeLoader):
    """YAML's safe subset, without what hides a mistake: of a key that is there twice, the first is lost."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem="aliases (*name) are not allowed; write the value out",
                problem_mark=event.start_mark,
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  PyYAML's
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key.value, str):
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value[:40]!r} is there twice; remove one",
                    problem_mark=key.start_mark,
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """What the file says; raises ConfigError, with the line if it is known, when it is no plain YAML."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ConfigError(
                f"{path.name}: has more than {LARGEST_BYTES:,} bytes; restore it from git"
            )
        return yaml.load(path.read_text(), _Plain)  # noqa: S506  a subset of SafeLoader
    except RecursionError:
        raise ConfigError(
            f"{path.name}: cannot be read (nested too deeply); restore it from git"
        ) from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(
            f"{path.name}{line}: cannot be read ({error.problem}); correct it, or restore it from git"
        ) from error
    except (OSError, yaml.YAMLError, ValueError) as error:
        told = str(error).splitlines()[0]
        raise ConfigError(
            f"{path.name}: cannot be read ({told}); correct it, or restore it from git"
        ) from error
