"""Files that nobody needs: half written, named by no manifest, or copies of models that serve no more."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path

from pipelines.adapters.lake.checksums import sha256_of
from pipelines.adapters.lake.manifests import MANIFEST, Manifest
from pipelines.adapters.lake.sharing import EXCHANGE, exclusive, is_torn
from pipelines.core.config import Paths
from pipelines.core.errors import TemporaryError
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import Partition

BESIDE = re.compile(r"\..+\.[0-9a-f]{32}")  # as core/atomic_files.py names what is not whole yet
COPY = re.compile(r"[0-9a-f]{64}\.\w+")  # as mlflow/copies.py names the copy of a model


class Folders:
    """The lake, the nights and the model copies of a root."""

    def __init__(self, places: Paths) -> None:
        self._places = places

    def litter(self, age: timedelta, models: Collection[str]) -> list[tuple[Path, str]]:
        """Files older than `age` that belong to nobody: the path, and what it is.

        Raises DataError for a manifest that cannot be read: who does not know what is named removes
        nothing.
        """
        before = time.time() - age.total_seconds()
        named = {self._places.data / file for file in self._named()}
        found = [(path, "half written") for path in self._beside() if path.is_file()]
        found += [
            (path, "left by a checkout that was cut short")
            for path in self._places.data.glob(EXCHANGE)
            if path.is_dir() and not is_torn(self._places.data)
        ]
        found += [
            (path, "in no manifest")
            for path in self._of_days("*.parquet")
            if path not in named and not BESIDE.fullmatch(path.name)
        ]
        found += [
            (path, "copy of a model that has no alias")
            for path in (self._places.var / "models").glob("*")
            if path.stem not in models and COPY.fullmatch(path.name)
        ]
        return sorted((path, why) for path, why in found if _is_older(path, before))

    def sweep(self, wanted: Collection[Path], age: timedelta, models: Collection[str]) -> None:
        """Remove what is litter still, of these: nobody writes meanwhile, and names it."""
        with exclusive(self._places.data):
            still = [path for path, _ in self.litter(age, models)]
            for path in still:
                if path in wanted:
                    fault_point("attic.before_remove")
                    self._remove(path)

    def discard(self, path: Path, sha256: str) -> None:
        """Remove a damaged file, unless somebody has made it again meanwhile."""
        with exclusive(self._places.data):
            if path.is_file() and sha256_of(path) != sha256:
                fault_point("attic.before_remove")
                self._remove(path)

    def _remove(self, path: Path) -> None:
        try:
            if path.is_dir():
                shutil.rmtree(path)
            else:
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
        for path in self._of_days(MANIFEST):
            for one in Manifest.from_json(path.read_bytes(), str(path)).revisions:
                yield one.file

    def _of_days(self, name: str) -> Iterator[Path]:
        """Files in the folders of days; what a checkout has set aside is none of the lake's."""
        for path in self._places.data.glob(f"**/day=*/{name}"):
            if not path.relative_to(self._places.data).parts[0].startswith("."):
                yield path


def _is_older(path: Path, before: float) -> bool:
    try:
        return path.stat().st_mtime < before
    except FileNotFoundError:  # somebody else took it away
        return False
