"""Pointers to versions of data/raw, and where they are kept: on a git branch, or in a folder.

Both hold the same files: `data/raw.dvc`, the newest pointer; `versions/<version>/raw.dvc`, one for
each version there ever was, so that a garbage collection that asks the newest commit of every
branch keeps them all; and `.dvc/config`, so that DVC finds the remote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import yaml

from pipelines.adapters.dvc.git_branch import TRIES, Branch
from pipelines.core.atomic_files import write_whole
from pipelines.core.errors import ConfigError, DataError

FOLDER = re.compile(r"([0-9a-f]{32})\.dir")
NEWEST = "data/raw.dvc"
IGNORED = {
    ".gitignore": "/data/raw\n/versions/*/raw\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",  # as `dvc init` writes it
}


@dataclass(frozen=True)
class Pointer:
    """What it takes to find a version again."""

    version: str  # MD5 of the list of all files and their MD5s
    files: int
    size: int  # bytes
    day: str = ""  # of the first night that saw it
    commit: str = ""
    when: str = ""

    @property
    def text(self) -> str:
        """The pointer as DVC reads it."""
        out = {
            "md5": f"{self.version}.dir",
            "size": self.size,
            "nfiles": self.files,
            "hash": "md5",
            "path": "raw",
        }
        return yaml.safe_dump({"meta": {"day": self.day}, "outs": [out]}, sort_keys=False)

    @property
    def path(self) -> str:
        return f"versions/{self.version}/raw.dvc"


def read_pointer(text: str, where: str) -> Pointer:
    """The pointer that DVC or Redeye wrote; of its path nothing is believed."""
    try:
        content = yaml.safe_load(text)
        (out,) = content["outs"]
        version = FOLDER.fullmatch(str(out["md5"]))[1]  # type: ignore[index]  # caught below
        day = str(content.get("meta", {}).get("day", ""))
        return Pointer(version, int(out["nfiles"]), int(out["size"]), day)
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{where}: is no pointer to data/raw; restore it from git") from error


class Pointers(Protocol):
    """Where pointers are kept."""

    def keep(self, pointer: Pointer, message: str) -> str:
        """Keep a pointer as the newest: where it is, in words. The newest one again changes nothing."""
        ...

    def known(self) -> list[Pointer]:
        """Every version, newest first."""
        ...


def open_pointers(root: Path, config: str) -> Pointers:
    """The branch `data` if `root` is a git repository, else a folder below it."""
    branch = Branch(root, "data")
    absence = branch.absence()
    if absence is None:
        return GitPointers(branch, config)
    return FolderPointers(root / "var" / "versions", config, absence)


class GitPointers:
    """Pointers on a branch of their own."""

    def __init__(self, branch: Branch, config: str) -> None:
        self._branch = branch
        self._config = config

    def keep(self, pointer: Pointer, message: str) -> str:
        """Keep a pointer as the newest, by a commit: branch and commit."""
        for _ in range(TRIES):
            tip = self._branch.tip()
            kept = self._branch.read(tip, pointer.path) if tip else None
            newest = self._branch.read(tip, NEWEST) if tip else None
            if tip and newest is None:
                raise ConfigError(
                    f"the branch {self._branch.name!r} holds no {NEWEST}, so it is not Redeye's; "
                    f"rename yours"
                )
            if kept is not None and newest == kept:
                return self._where(self._branch.history(NEWEST)[0][0])
            files = _files(pointer, kept, self._config)
            commit = self._branch.commit(tip, files, message)
            if commit is not None:
                return self._where(commit)
        raise self._branch.busy()

    def known(self) -> list[Pointer]:
        """Every version, newest first."""
        history = self._branch.history(NEWEST)
        texts = self._branch.read_all([commit for commit, _ in history], NEWEST)
        found: dict[str, Pointer] = {}
        for (commit, when), text in zip(history, texts, strict=True):
            if text is not None:
                pointer = read_pointer(text, f"{commit}:{NEWEST}")
                found.setdefault(pointer.version, replace(pointer, commit=commit, when=when))
        return list(found.values())

    def _where(self, commit: str) -> str:
        return f"commit {commit[:12]} of branch {self._branch.name}"


class FolderPointers:
    """Pointers in a folder, where there is no git."""

    def __init__(self, folder: Path, config: str, absence: str) -> None:
        self._folder = folder
        self._config = config
        self._absence = absence

    def keep(self, pointer: Pointer, message: str) -> str:  # noqa: ARG002  a folder has no messages
        """Keep a pointer as the newest, in files: the folder, and what is missing."""
        path = self._folder / pointer.path
        kept = path.read_text() if path.exists() else None
        for name, text in _files(pointer, kept, self._config).items():
            if not (self._folder / name).exists() or (self._folder / name).read_text() != text:
                write_whole(self._folder / name, text.encode())
        return f"var/versions only, on no branch: {self._absence}"

    def known(self) -> list[Pointer]:
        """Every version, newest first."""
        paths = self._folder.glob("versions/*/raw.dvc")
        found = sorted(((path.stat().st_mtime, path) for path in paths), reverse=True)
        return [
            replace(
                read_pointer(path.read_text(), str(path)),
                when=datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds"),
            )
            for seconds, path in found
        ]


def _files(pointer: Pointer, kept: str | None, config: str) -> Mapping[str, str]:
    """What the branch or folder has to hold; a version seen before keeps the pointer it had."""
    text = kept or pointer.text
    return {**IGNORED, ".dvc/config": config, NEWEST: text, pointer.path: text}
