"""What made this: the git commit of the code and the hash of its lock."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path


def code_version(repository: Path) -> Mapping[str, str]:
    """git_commit (with `+changes` when files differ from it, `unknown` outside git) and lock_sha256."""
    lock = repository / "requirements.lock"
    return {
        "git_commit": _commit(repository),
        "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest()
        if lock.exists()
        else "unknown",
    }


def _commit(repository: Path) -> str:
    commit = _git(repository, "rev-parse", "HEAD")
    if commit is None:
        return "unknown"
    return (
        f"{commit}+changes"
        if _git(repository, "status", "--porcelain", "--untracked-files=no")
        else commit
    )


def _git(repository: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
