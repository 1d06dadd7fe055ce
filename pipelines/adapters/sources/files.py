"""Files as a source: Parquet or CSV, under a folder or in a bucket.

A day of a table is the first of these that is there:

    <table>/<day>.parquet    <table>/<day>.csv    <table>/day=<day>/*.parquet (or *.csv)

and a dimension table is <table>.parquet or <table>.csv.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from pipelines.adapters.sources.memory import limited_memory
from pipelines.adapters.sources.rows import of_day
from pipelines.core.atomic_files import is_there, read_regular
from pipelines.core.errors import ConfigError, DataError, MissingDay, TemporaryError

if TYPE_CHECKING:
    from pipelines.define.problem import Source, Table

FORMATS = ("parquet", "csv")
MEMORY_BYTES = 8 * 2**30  # that one file may unpack to
# Errors that do not pass by themselves.
NO_FILE = (errno.EINVAL, errno.EFBIG, errno.ELOOP, errno.ENXIO)


class Files(Protocol):
    """Files by their names below one place."""

    where: str

    def get(self, name: str) -> bytes | None:
        """A file's content, or None when there is no such file."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names of the files right below a folder, sorted; none when there is no folder."""
        ...


def open_files(place: str, tables: Sequence[Table]) -> Source:
    """The source in a folder, or in a bucket if the place is `s3://bucket/prefix`."""
    if place.lower().startswith("s3://"):
        from pipelines.adapters.sources.bucket import Bucket

        return FileSource(Bucket(place), tables)
    parts = urlsplit(place)
    return FileSource(Folder(Path(unquote(parts.path) if parts.scheme else place)), tables)


class Folder:
    """Files in a folder of this machine. A link that leads out of it is refused."""

    def __init__(self, folder: Path) -> None:
        if not is_there(folder) or not folder.is_dir():
            raise ConfigError(
                f"{str(folder)[:200]}: there is no such folder; correct the source's place"
            )
        self._folder = folder.resolve()
        self.where = str(self._folder)

    def get(self, name: str) -> bytes | None:
        """A file's content, or None when there is no such file."""
        path = self._folder / name
        try:
            if not path.resolve().is_relative_to(self._folder):
                raise DataError(
                    f"{str(path)!r}: leads out of the source's folder; put the file itself there"
                )
            if not os.path.lexists(path) or path.is_dir():
                return None
            return read_regular(path)
        except RuntimeError as error:  # a link that leads back to itself
            raise DataError(f"{str(path)!r}: leads nowhere; put the file itself there") from error
        except OSError as error:
            if error.errno in NO_FILE:
                raise DataError(
                    f"{str(path)!r}: {error.strerror}; put the file itself there"
                ) from error
            raise TemporaryError(
                f"{path}: cannot be read ({error.strerror}); mend the disk or the permissions"
            ) from error

    def names(self, folder: str) -> list[str]:
        """The names of the files right below a folder, sorted; none when there is no folder."""
        below = self._folder / folder
        return sorted(path.name for path in below.iterdir()) if below.is_dir() else []


class FileSource:
    """Reads a table's day from files."""

    def __init__(self, files: Files, tables: Sequence[Table]) -> None:
        self._files = files
        self._tables = {table.name: table for table in tables}

    def read(self, table: str, day: date) -> pa.Table:
        """The rows of one day; Parquet as it is, CSV with the types that its values have."""
        if table not in self._tables:
            raise ConfigError(
                f"{self._files.where}: no table {table!r} in problem.tables; declare it"
            )
        if self._tables[table].kind == "dimension":
            found = self._first(table)
            if found is None:
                raise DataError(
                    f"{self._files.where}: there is no {table}.parquet or {table}.csv; put one there"
                )
            return found
        found = self._first(f"{table}/{day}")
        if found is None:  # a table without rows is false too, but there
            found = self._parts(f"{table}/day={day}")
        if found is None:
            raise MissingDay(
                f"{self._files.where}: {table} has no file for {day}; "
                f"deliver {table}/{day}.parquet or .csv, and run the night again"
            )
        return of_day(found, day)

    def _first(self, stem: str) -> pa.Table | None:
        for extension in FORMATS:
            content = self._files.get(f"{stem}.{extension}")
            if content is not None:
                return self._parse(f"{stem}.{extension}", content)
        return None

    def _parts(self, folder: str) -> pa.Table | None:
        """All files of a folder; what begins with . or _ is a writer's, not yet or never data."""
        names = [name for name in self._files.names(folder) if name[0] not in "._"]
        for extension in FORMATS:
            parts = [name for name in names if name.endswith(f".{extension}")]
            if parts:
                return self._join(folder, parts)
        return None

    def _join(self, folder: str, parts: Sequence[str]) -> pa.Table:
        contents = [(f"{folder}/{part}", self._files.get(f"{folder}/{part}")) for part in parts]
        tables = [self._parse(name, content or b"") for name, content in contents]
        try:
            return pa.concat_tables(tables, promote_options="permissive")
        except pa.ArrowException as error:
            raise DataError(
                f"{self._files.where}/{folder}: its files do not go together ({error}); "
                f"deliver the day again"
            ) from error

    def _parse(self, name: str, content: bytes) -> pa.Table:
        try:
            buffer = pa.BufferReader(content)
            with limited_memory(MEMORY_BYTES):
                if name.endswith(".csv"):
                    return _csv(buffer)
                return _refuse_doubled(pq.read_table(buffer, page_checksum_verification=True))
        except MemoryError as error:
            raise DataError(
                f"{self._files.where}/{name}: its {len(content):,} bytes unpack to more than "
                f"{MEMORY_BYTES / 2**30:g} GB; deliver the day in several files, of fewer rows each"
            ) from error
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"{self._files.where}/{name}: cannot be read, {len(content)} bytes of it "
                f"({_short(error)}); deliver the file again"
            ) from error


def _refuse_doubled(rows: pa.Table) -> pa.Table:
    """The rows as they are; raises ArrowInvalid when two columns share a name, as nobody knows which is meant."""
    doubled = [name for name, n in Counter(rows.column_names).items() if n > 1]
    if doubled:
        raise pa.ArrowInvalid(
            f"the column {doubled[0]!r} is there {rows.column_names.count(doubled[0])} times"
        )
    return rows


def _csv(buffer: pa.BufferReader) -> pa.Table:
    """A CSV's rows. An empty cell is null; `NA` is null too, but among other words a word. What begins
    with a zero, as 0007 does, is no number but a name.
    """
    rows = pyarrow.csv.read_csv(buffer)
    _refuse_doubled(rows)
    spelled = _spelled(
        buffer, [field.name for field in rows.schema if pa.types.is_integer(field.type)]
    )
    arrays = [
        spelled.get(field.name, _plain(rows[field.name], field.type)) for field in rows.schema
    ]
    return pa.table(arrays, names=rows.column_names)


def _spelled(buffer: pa.BufferReader, numbers: list[str]) -> dict[str, pa.ChunkedArray]:
    """Those columns of whole numbers of which some begin with a zero, as they are spelled."""
    if not numbers:
        return {}
    buffer.seek(0)
    options = pyarrow.csv.ConvertOptions(
        include_columns=numbers,
        column_types=dict.fromkeys(numbers, pa.string()),
        strings_can_be_null=True,
    )
    texts = pyarrow.csv.read_csv(buffer, convert_options=options)
    return {
        name: texts[name]
        for name in numbers
        if pc.any(pc.match_substring_regex(texts[name], r"^[+-]?0\d")).as_py()
    }


def _plain(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us"), safe=False)  # with a zone: the instant, in UTC
    if pa.types.is_string(kind):
        return pc.if_else(pc.equal(column, ""), pa.scalar(None, kind), column)
    return column


def _short(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
