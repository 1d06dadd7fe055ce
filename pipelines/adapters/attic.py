"""Files that nobody needs: half written, named by no manifest, or copies of models that serve no more."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path

from pipelines.adapters.manifests import MANIFEST, Manifest
from pipelines.core.config import Places
from pipelines.core.errors import TemporaryError
from pipelines.core.records import Partition

BESIDE = re.compile(r"\..+\.[0-9a-f]{32}")  # as core/files.py names what is not whole yet
COPY = re.compile(r"[0-9a-f]{64}\.\w+")  # as registry.py names the copy of a model


class Folders:
    """The lake, the nights and the model copies of a root."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def litter(self, age: timedelta, models: Collection[str]) -> list[tuple[Path, str]]:
        """Files older than `age` that belong to nobody: the path, and what it is.

        Raises DataError for a manifest that cannot be read: who does not know what is named removes
        nothing.
        """
        before = time.time() - age.total_seconds()
        named = {self._places.data / file for file in self._named()}
        found = [(path, "half written") for path in self._beside()]
        found += [
            (path, "in no manifest")
            for path in self._places.data.glob("**/day=*/*.parquet")
            if path not in named and not BESIDE.fullmatch(path.name)
        ]
        found += [
            (path, "copy of a model that has no alias")
            for path in (self._places.var / "models").glob("*")
            if path.stem not in models and COPY.fullmatch(path.name)
        ]
        return sorted((p, why) for p, why in found if p.is_file() and p.stat().st_mtime < before)

    def remove(self, path: Path) -> None:
        """Remove a file; one that is gone already is no matter."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise TemporaryError(
                f"{path}: cannot be removed ({error.strerror}); mend the permissions and repair again"
            ) from error

    def path(self, partition: Partition) -> Path:
        """Where a partition's file is, or ought to be."""
        return self._places.data / partition.file

    def _beside(self) -> Iterator[Path]:
        places = self._places
        for folder in (places.data, places.root / "runs", places.var / "models"):
            yield from (path for path in folder.rglob(".*") if BESIDE.fullmatch(path.name))

    def _named(self) -> Iterator[str]:
        for path in self._places.data.glob(f"**/day=*/{MANIFEST}"):
            for one in Manifest.from_json(path.read_bytes(), str(path)).revisions:
                yield one.file
