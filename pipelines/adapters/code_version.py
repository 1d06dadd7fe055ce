"""What made this: the git commit of the code, and the hashes of its lock and of the source that decides."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pipelines.training.fingerprint import DECIDING

PIPELINES = Path(__file__).parents[1]
# What decides a feature's values beside its declaration: from which day ends where to what runs the query.
COMPUTING = ("core/dates.py", "data/partitions.py", "define", "features", "adapters/engines")


def code_version(repository: Path, problem: str) -> Mapping[str, str]:
    """git_commit (with `+changes` when files differ from it, `unknown` outside git), lock_sha256, and
    source_sha256: of everything in DECIDING, and of the package of the problem.
    """
    lock, own = repository / "requirements.lock", find_spec(problem)
    return {
        "git_commit": _commit(repository),
        "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest()
        if lock.exists()
        else "unknown",
        "source_sha256": source_sha256(
            repository / "pipelines",
            *(map(Path, own.submodule_search_locations or ()) if own else ()),
        ),
    }


def source_sha256(pipelines: Path, *problem: Path) -> str:
    """SHA-256 over the names and contents of the Python files that decide a model."""
    return _sha256(*(pipelines / name for name in DECIDING), *problem)


@cache
def features_sha256(pipelines: Path = PIPELINES) -> str:
    """SHA-256 over the names and contents of the Python files that decide a feature's values."""
    return _sha256(*(pipelines / name for name in COMPUTING))


def _sha256(*places: Path) -> str:
    digest = hashlib.sha256()
    for place in places:
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(place.parent)} {content}\n".encode())
    return digest.hexdigest()


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
