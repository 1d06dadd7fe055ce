"""What made this: the git commit, the hashes of the lock and of the source that decides, and the processor."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pipelines.training.fingerprint import DECIDING

PIPELINES = Path(__file__).parents[1]
# What decides a feature's values beside its declaration: from which day ends where to what runs the query.
COMPUTING = ("core/dates.py", "data/partitions.py", "define", "features", "adapters/engines")


def code_version(repository: Path, problem: str) -> Mapping[str, str]:
    """git_commit (with `+changes` when files differ from it, `unknown` outside git), lock_sha256,
    source_sha256: of everything in DECIDING, and of the package of the problem; and `kernel`, by which
    the linear algebra of this processor is computed: another one rounds otherwise.
    """
    own = find_spec(problem)
    return {
        "git_commit": commit_of(repository),
        "lock_sha256": lock_sha256(repository),
        "source_sha256": source_sha256(
            repository / "pipelines",
            *(map(Path, own.submodule_search_locations or ()) if own else ()),
        ),
        "kernel": _kernel(),
    }


def lock_sha256(repository: Path) -> str:
    """SHA-256 of the lock of a repository; `unknown` when there is none."""
    lock = repository / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else "unknown"


def extract_commit(repository: Path, commit: str, to: Path) -> bool:
    """Write the files of a commit into a folder; False when the repository does not have the commit."""
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), "archive", "--format=tar", commit],
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as files:
        files.extractall(to, filter="data")
    return True


def _kernel() -> str:
    import numpy as np  # noqa: F401  its linear algebra is what is asked
    from threadpoolctl import threadpool_info

    found = {one.get("architecture") for one in threadpool_info()} - {None}
    return ", ".join(sorted(found)) or "unknown"


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


def commit_of(repository: Path) -> str:
    """The commit of a repository, with `+changes` when files differ from it; `unknown` outside git."""
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
