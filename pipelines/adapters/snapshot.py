"""Snapshots of a folder that others go on writing to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pipelines.core.errors import DataError


def take_snapshot(folder: Path, to: Path) -> None:
    """Link every file of a folder into another; hidden files are somebody's unfinished ones.

    Files are replaced, never changed in place, so a link keeps what was there. A manifest is
    linked before its folder is listed: the files that it names came before it.
    """
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    if not folder.is_dir():
        raise DataError(f"{folder}: nothing has landed; run `redeye ingest` first")
    for here, folders, _ in os.walk(folder):
        folders.sort()
        below = to / Path(here).relative_to(folder)
        below.mkdir(exist_ok=True)
        _link(Path(here) / "manifest.json", below)
        for entry in os.scandir(here):
            if entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
                _link(Path(entry.path), below)


def _link(path: Path, folder: Path) -> None:
    link = folder / path.name
    if link.exists() or not path.exists():
        return
    try:
        link.hardlink_to(path)
    except OSError:  # a file system without hard links
        shutil.copy2(path, link)


def is_snapshot(folder: Path, snapshot: Path) -> bool:
    """Whether a snapshot has every file of the folder, as it is now."""
    files = [Path(here) / name for here, _, names in os.walk(folder) for name in names]
    links = [(path, snapshot / path.relative_to(folder)) for path in files]
    return all(
        link.exists() and link.stat().st_mtime_ns == path.stat().st_mtime_ns
        for path, link in links
        if not path.name.startswith(".")
    )
