"""Versions of data/raw: DVC keeps the bytes, a git branch keeps the pointers."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from pipelines.adapters.dvc.pointers import Pointer, Pointers, open_pointers
from pipelines.adapters.dvc.remote import dvc_config, find_remote
from pipelines.adapters.dvc.store import DvcStore
from pipelines.adapters.lake.sharing import BEFORE, exclusive, put_back
from pipelines.core.config import Paths
from pipelines.core.errors import UsageError
from pipelines.core.fault_injection import fault_point


class DvcVersions:
    """Versions of `<root>/data/raw`, the newest of which is what is there now."""

    def __init__(self, places: Paths) -> None:
        self._root = places.root
        self._raw = places.data / "raw"
        self._places = places

    def record(self, day: date) -> tuple[str, str]:
        """Version everything in data/raw, push it, keep the pointer: (version, where it is kept)."""
        with self._store.alone():
            fault_point("versions.before_keep")
            pointer = self._store.keep(self._raw)
            fault_point("versions.before_pointer")
            kept = self._keep(pointer, day.isoformat())
        fault_point("versions.after_pointer")
        return pointer.version, kept

    def push(self) -> Pointer:
        """Put what is in data/raw onto the remote again, every object that it has lost; its version."""
        with self._store.alone():
            pointer = self._store.keep(self._raw, anew=True)
            self._keep(pointer, "")
        return pointer

    def log(self) -> list[dict[str, str]]:
        """Known versions, newest first: version, day, commit, when, files, bytes."""
        return [
            {
                "version": pointer.version,
                "day": pointer.day,
                "commit": pointer.commit[:12],
                "when": pointer.when,
                "files": str(pointer.files),
                "bytes": str(pointer.size),
            }
            for pointer in self._pointers.known()
        ]

    def checkout(self, version: str, to: Path) -> int:
        """Restore a version, or the one that begins so, byte for byte into `to`; the number of files.

        Into a folder that is new or empty; or into data/raw, whose present content becomes a
        version first. What is at `to` stays until the restored files are whole beside it.
        """
        pointer = self._find(version)
        to = to.absolute()
        own = to.resolve() == self._raw.resolve()
        if not own and to.exists() and (not to.is_dir() or any(to.iterdir())):
            raise UsageError(f"{to}: is not empty, and would be lost; name a new folder")
        with self._store.alone():
            beside = to.parent / f".{to.name}.{uuid4().hex}"
            try:
                restored = self._store.restore(pointer, beside)
                if own:
                    self._exchange(restored, beside / BEFORE)
                else:
                    restored.replace(to)
            finally:
                if self._raw.exists() or not (beside / BEFORE).exists():
                    shutil.rmtree(beside, ignore_errors=True)
        return pointer.files

    def _exchange(self, restored: Path, before: Path) -> None:
        """Put the restored folder in place of data/raw, once what is there is a version too.

        Nobody else writes meanwhile. Cut short, it is undone by whoever comes next (sharing.py).
        """
        with exclusive(self._places.data):
            put_back(self._places.data)
            if self._raw.exists():
                fault_point("checkout.before_keep")
                self._keep(self._store.keep(self._raw), "")
                fault_point("checkout.before_aside")
                self._raw.replace(before)
            try:
                fault_point("checkout.before_exchange")
                restored.replace(self._raw)
            except OSError:
                before.replace(self._raw)
                raise
        fault_point("checkout.before_clean")
        shutil.rmtree(before.parent)

    def _keep(self, pointer: Pointer, day: str) -> str:
        dated = Pointer(pointer.version, pointer.files, pointer.size, day)
        title = f"Data of the night {day}" if day else "Data before another version was restored"
        return self._pointers.keep(dated, f"{title}: {pointer.version}")

    def _find(self, version: str) -> Pointer:
        known = self._pointers.known()
        found = [pointer for pointer in known if version and pointer.version.startswith(version)]
        if len(found) == 1:
            return found[0]
        if found:
            which = ", ".join(pointer.version for pointer in found)
            raise UsageError(f"{version!r} begins several versions ({which}); give more of it")
        names = [pointer.version for pointer in known]
        near = difflib.get_close_matches(version, names, n=1, cutoff=0)
        raise UsageError(
            f"there is no version {version[:40]!r}; "
            + (f"the nearest is {near[0]}; " if near else "")
            + "`redeye data log` lists them all"
        )

    @cached_property
    def _remote(self) -> Mapping[str, Any]:
        return find_remote(self._places.dvc_remote, self._places.repository)

    @cached_property
    def _store(self) -> DvcStore:
        return DvcStore(self._root, self._remote)

    @cached_property
    def _pointers(self) -> Pointers:
        return open_pointers(self._root, dvc_config(self._remote, self._root))
