"""The raw data of an experiment: at first those of production, as links to the same files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from uuid import uuid4

from pipelines.adapters.lake.manifests import MANIFEST


def begin_with_raw(production: Path, own: Path) -> None:
    """Give an experiment without data what landed in production; what it has already stays.

    Files of a lake are replaced, never written to, so a link is as good as a copy.
    """
    if own.exists():
        return
    beside = own.parent / f".{own.name}.{uuid4().hex}"
    try:
        beside.mkdir(parents=True)
        _link_all(production / "raw", beside / "raw")  # all else is made from it
        if not own.exists():
            beside.rename(own)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _link_all(source: Path, target: Path) -> None:
    """Manifests first: a night may land meanwhile, and its files are there before its manifests."""
    for manifest in sorted(source.rglob(MANIFEST)):
        folder = target / manifest.parent.relative_to(source)
        folder.mkdir(parents=True)
        _link(manifest, folder / MANIFEST)
        for file in manifest.parent.glob("*.parquet"):
            _link(file, folder / file.name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copy2(source, target)
