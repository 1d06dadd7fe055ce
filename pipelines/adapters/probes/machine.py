"""The machine: its packages against the lock, room on the disk, and who listens on the ports."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import httpx
from packaging.requirements import Requirement

LOCKED = re.compile(r"(?m)^([A-Za-z0-9][\w.-]*==[^\s\\]+(?: ; [^\\\n]+)?)")
LOOPBACK = "127.0.0.1"
ANSWER_SECONDS = 5.0


def differing_packages(lock: Path) -> tuple[int, list[str]]:
    """How many packages a lock names for this Python, and those that are not here as it says."""
    wanted = [Requirement(line) for line in LOCKED.findall(lock.read_text())]
    here = [one for one in wanted if one.marker is None or one.marker.evaluate()]
    found = ((one, _installed(one.name)) for one in here)
    return len(here), [
        f"{one.name} is {version or 'missing'}, locked {str(one.specifier).removeprefix('==')}"
        for one, version in found
        if version is None or not one.specifier.contains(version, prereleases=True)
    ]


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def free_bytes(folder: Path) -> int:
    """The bytes that are free where a folder is, or will be."""
    return shutil.disk_usage(nearest_folder(folder)).free


def nearest_folder(path: Path) -> Path:
    """The path itself if it exists, or else the nearest folder above it that does."""
    return path if path.exists() else nearest_folder(path.parent)


def used_bytes(folder: Path) -> int:
    """The bytes of all files below a folder; of several names of one file, once."""
    seen = {(stat.st_dev, stat.st_ino): stat.st_blocks * 512 for stat in _stats(folder)}
    return sum(seen.values())


def _stats(folder: Path) -> Iterator[os.stat_result]:
    for path in folder.rglob("*"):
        try:
            yield path.lstat()
        except FileNotFoundError:  # a night goes on meanwhile
            continue


def listener(port: int, path: str, says: str) -> str | None:
    """Who listens on a port of this machine: None for nobody, "" for what answers `path` as it should,
    else what it said.
    """
    with socket.socket() as probe:
        probe.settimeout(ANSWER_SECONDS)
        if probe.connect_ex((LOOPBACK, port)):
            return None
    try:
        answer = httpx.get(f"http://{LOOPBACK}:{port}{path}", timeout=ANSWER_SECONDS)
    except httpx.HTTPError as error:
        return f"it does not speak HTTP ({type(error).__name__})"
    return "" if says in answer.text else f"it answers {path} with {answer.status_code}"
