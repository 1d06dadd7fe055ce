"""Copies of models on this machine, by checksum: what a worker reads, and what serves while the registry is away."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass

from pipelines.adapters.lake.sharing import among_writers
from pipelines.adapters.mlflow.models import FORMS
from pipelines.core.atomic_files import write_whole
from pipelines.core.config import Paths
from pipelines.core.records import ModelVersion
from pipelines.training.model import ModelFormat
from pipelines.training.model_file import check_sha256
from pipelines.training.ports import ModelFile


@dataclass(frozen=True)
class Copies:
    """Copies in `var/models`. One that is given out counts as new from then on: `redeye repair`, which
    removes old ones of models that serve no more, leaves it to its reader.
    """

    places: Paths

    def keep(self, sha256: str, form: ModelFormat, content: bytes) -> ModelFile:
        """The copy of the file with this checksum, which is written unless it is there."""
        path = self.places.var / "models" / f"{sha256}.{form}"
        with among_writers(self.places.data):
            if path.exists() and path.read_bytes() == content:
                _renew(path)
            else:
                write_whole(path, content)
        return ModelFile(path, form, sha256)

    def find(self, version: ModelVersion) -> ModelFile | None:
        """The copy of a version's file, if there is one. Raises GateRefused when its bytes are others."""
        with among_writers(self.places.data):
            for form in FORMS.values():
                path = self.places.var / "models" / f"{version.sha256}.{form}"
                if path.exists():
                    check_sha256(path.read_bytes(), version.sha256)
                    _renew(path)
                    return ModelFile(path, form, version.sha256)
        return None


def _renew(path: os.PathLike[str]) -> None:
    with suppress(PermissionError):  # of another user's copy, which may be read all the same
        os.utime(path)
