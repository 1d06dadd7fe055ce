"""Evidence of a span of days in files: verdicts, ledger, lineage and metrics, in one chain of hashes; and what
was published, as Parquet.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.adapters.evidence_tables import EvidenceTables, table_of
from pipelines.app.explain import as_record
from pipelines.app.hash_chain import Chain, Manifest, check_chain, sha256_of
from pipelines.app.run_folder import nights_left
from pipelines.app.services import Redeye
from pipelines.audit.lineage import LineageSources, trace
from pipelines.core.atomic_files import is_there, read_regular, write_whole
from pipelines.core.errors import DataError, TemporaryError, UsageError

Line = tuple[str, Mapping[str, Any]]
MANIFEST = "manifest.json"
JUDGEMENTS = ("validation", "candidates", "evaluation", "verdict", "publication", "settlement")


def export(redeye: Redeye, days: Sequence[date], to: Path) -> str:
    """Write the evidence of these days into a new folder; the SHA-256 of its manifest, which stands for all.

    The manifest comes last. Raises UsageError for a folder that is not empty.
    """
    if is_there(to) and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(f"{to}: is not empty, and would be mixed up; name a new folder")
    first, last = days[0], days[-1]
    tables, chain = EvidenceTables(redeye.places.database_url, first, last), Chain()
    lines: dict[str, int] = {}
    for name, found in _files(redeye, tables, (first, last)):
        written = [chain.link(kind, what) for kind, what in found]
        write_whole(to / name, "".join(f"{line}\n" for line in written).encode())
        lines[name] = len(written)
    parquet = {
        "predictions.parquet": _predictions(tables),
        "ledger.parquet": _spelled(table_of(tables.ledger(), "ledger")),
        "metrics.parquet": _spelled(table_of(tables.metrics(), "metrics")),
    }
    for name, content in parquet.items():
        write_whole(to / name, content)
    manifest = Manifest(
        model=redeye.services["problem"]().model,
        first=first.isoformat(),
        last=last.isoformat(),
        lines=lines,
        files={name: hashlib.sha256(content).hexdigest() for name, content in parquet.items()},
        head=chain.head,
    )
    write_whole(to / MANIFEST, manifest.to_json().encode())
    return sha256_of(manifest.to_json())


def check(folder: Path, expected: str | None = None) -> Manifest:
    """What an export holds, if all of it is as it was written.

    `expected` is the SHA-256 that the export printed: without it nobody can tell a whole chain that was written
    anew. Raises DataError that names the file, and the line, that is not.
    """
    manifest = _manifest(folder, expected)
    known = {MANIFEST, *manifest.lines, *manifest.files}
    there = {path.name for path in folder.iterdir()}
    for name in sorted(known ^ there):
        what = "is missing" if name in known else "is none of the export's files"
        raise DataError(f"{folder / name}: {what}; export the same days again, and compare")
    check_chain(((name, _lines(folder / name)) for name in manifest.lines), manifest)
    for name, sha256 in manifest.files.items():
        if hashlib.sha256(_content(folder / name)).hexdigest() != sha256:
            raise DataError(f"{folder / name}: was edited; export the same days again, and compare")
    return manifest


def _manifest(folder: Path, expected: str | None) -> Manifest:
    path = folder / MANIFEST
    if not is_there(path):
        raise DataError(f"{path}: is not there: the export is not whole; export into a new folder")
    content = _content(path)
    manifest = Manifest.from_json(content, str(path))
    if expected not in (None, hashlib.sha256(content).hexdigest()):
        raise DataError(
            f"{path}: its SHA-256 is not the one that was printed: it, and what it stands for, is another; "
            f"export the same days again, and compare"
        )
    return manifest


def _lines(path: Path) -> list[str]:
    try:
        text = _content(path).decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no text: it was edited; export the same days again") from error
    lines = text.split("\n")
    if lines.pop():
        raise DataError(f"{path}, line {len(lines) + 1}: has no end: it was edited or cut short")
    return lines


def _content(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise TemporaryError(
            f"{path}: cannot be read ({error.strerror}); mend the permissions, and check again"
        ) from error


def _files(
    redeye: Redeye, tables: EvidenceTables, between: tuple[date, date]
) -> Iterator[tuple[str, Iterable[Line]]]:
    yield "verdicts.jsonl", _verdicts(redeye, tables, between)
    yield "ledger.jsonl", (("ledger", row) for row in tables.ledger())
    yield "lineage.jsonl", _lineage(redeye, tables)
    yield "metrics.jsonl", _metrics(tables)


def _verdicts(redeye: Redeye, tables: EvidenceTables, between: tuple[date, date]) -> Iterator[Line]:
    """What the nights left on record, and everything that was ever found of a version."""
    for night in nights_left(redeye.places, redeye.graph):
        if between[0] <= night.day <= between[1]:
            for stem in JUDGEMENTS:
                if stem in night.records:
                    yield stem, night.records[stem].model_dump(mode="json")
    yield from (("blessing", row) for row in tables.blessings())


def _lineage(redeye: Redeye, tables: EvidenceTables) -> Iterator[Line]:
    names = ("problem", "lake", "registry", "warehouse", "workers")
    sources = LineageSources(**{name: redeye.services[name]() for name in names})
    for day in tables.days():
        yield "lineage", as_record(trace(day, sources), None)
    yield from (("publication", row) for row in tables.publications())


def _metrics(tables: EvidenceTables) -> Iterator[Line]:
    yield from (("metric", row) for row in tables.metrics())
    yield from (("loss", row) for row in tables.losses())
    yield from (("incident", row) for row in tables.incidents())


def _predictions(tables: EvidenceTables) -> bytes:
    """Day by day: what is held at once is one day."""
    kept = io.BytesIO()
    with pq.ParquetWriter(kept, tables.schema()) as writer:
        for day in tables.days():
            writer.write_table(tables.predictions(day))
    return kept.getvalue()


def _spelled(table: pa.Table) -> bytes:
    kept = io.BytesIO()
    pq.write_table(table, kept)
    return kept.getvalue()
