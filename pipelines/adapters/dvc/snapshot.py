"""Snapshots of a folder that others go on writing to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pipelines.core.errors import DataError

MANIFEST = "manifest.json"


def take_snapshot(folder: Path, to: Path) -> None:
    """Make `to` a copy of a folder by links, from an earlier copy of it as far as that is still true.

    Files are replaced, never changed in place, so a link keeps what was there. Hidden files are
    somebody's unfinished ones. A manifest is linked before its folder is listed: the files that it
    names came before it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: nothing has landed; run `redeye ingest` first")
    to.mkdir(parents=True, exist_ok=True)
    for here, folders, _ in os.walk(folder):
        below = to / Path(here).relative_to(folder)
        if not below.is_dir():
            below.unlink(missing_ok=True)
            below.mkdir()
        listed = {MANIFEST} if _link(Path(here) / MANIFEST, below) else set()
        for entry in os.scandir(here):
            is_file = entry.is_file(follow_symlinks=False) and not entry.name.startswith(".")
            if is_file and (entry.name in listed or _link(Path(entry.path), below)):
                listed.add(entry.name)
        _drop(below, listed.union(folders))


def _link(path: Path, folder: Path) -> bool:
    """Link a file into a folder; False if there is no such file."""
    link = folder / path.name
    if not path.is_file() or path.is_symlink():
        return False
    if _is_same(path, link):
        return True
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    try:
        link.hardlink_to(path)
    except OSError:  # a file system without hard links
        shutil.copy2(path, link)
    return True


def _is_same(path: Path, link: Path) -> bool:
    if not link.is_file():
        return False
    here, there = path.stat(), link.stat()
    return (here.st_mtime_ns, here.st_size) == (there.st_mtime_ns, there.st_size)


def _drop(folder: Path, keep: set[str]) -> None:
    """Take away what an earlier snapshot had and the folder has no longer."""
    for entry in os.scandir(folder):
        if entry.name in keep:
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            Path(entry.path).unlink()
