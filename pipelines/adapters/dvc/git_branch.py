"""git's plumbing: a branch is read and grown without index, HEAD or working tree taking notice."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.core.atomic_files import scratch_folder
from pipelines.core.errors import BusyError, ConfigError, TemporaryError

NOBODY = "0" * 40
TRIES = 20  # how often somebody else may be faster in moving the branch
ACTOR = {
    "GIT_AUTHOR_NAME": "Redeye",
    "GIT_AUTHOR_EMAIL": "redeye@localhost",
    "GIT_COMMITTER_NAME": "Redeye",
    "GIT_COMMITTER_EMAIL": "redeye@localhost",
}


class Branch:
    """One branch of the repository whose top is `root`."""

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self.name = name

    def absence(self) -> str | None:
        """Why there is no git to keep anything in, or None."""
        try:
            answer = self._call(["rev-parse", "--show-toplevel"])
        except FileNotFoundError:
            return "git is not installed"
        if answer.returncode != 0:
            told = answer.stderr.decode(errors="replace").lower()
            if "dubious ownership" in told:
                return "git refuses the folder, which belongs to somebody else"
            return "the folder is not a git repository"
        top = Path(answer.stdout.decode().rstrip("\n"))
        return None if top.resolve() == self._root.resolve() else "the folder is not the top of one"

    def tip(self) -> str | None:
        """The newest commit here; in a fresh clone, the one that came from origin."""
        for ref in (f"refs/heads/{self.name}", f"refs/remotes/origin/{self.name}"):
            found = self._call(["rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"])
            if found.returncode == 0:
                return found.stdout.decode().strip()
        return None

    def read(self, commit: str, path: str) -> str | None:
        """A file's text at a commit, or None."""
        found = self._call(["cat-file", "blob", f"{commit}:{path}"])
        return found.stdout.decode() if found.returncode == 0 else None

    def read_all(self, commits: Sequence[str], path: str) -> list[str | None]:
        """A file's text at each of many commits, by one call."""
        asked = "".join(f"{commit}:{path}\n" for commit in commits).encode()
        answer = self._run(["cat-file", "--batch"], given=asked)
        texts: list[str | None] = []
        for _ in commits:
            header, _, answer = answer.partition(b"\n")
            if header.endswith(b"missing"):
                texts.append(None)
                continue
            size = int(header.rsplit(b" ", 1)[1])
            texts.append(answer[:size].decode())
            answer = answer[size + 1 :]
        return texts

    def history(self, path: str) -> list[tuple[str, str]]:
        """Commits that changed a path, newest first, each with its time."""
        tip = self.tip()
        if tip is None:
            return []
        told = self._run(["log", "--first-parent", "--format=%H %cI", tip, "--", path]).decode()
        return [(commit, when) for commit, when in (line.split() for line in told.splitlines())]

    def commit(self, before: str | None, files: Mapping[str, str], message: str) -> str | None:
        """Commit files on top of `before`; the new commit, or None if the branch moved meanwhile."""
        if self._call(["symbolic-ref", "-q", "HEAD"]).stdout.decode().strip() == self._ref:
            raise ConfigError(
                f"{self._root}: the branch {self.name!r} is checked out, and a night would change "
                f"it behind your back; switch to another branch"
            )
        tree = self._tree(before, files)
        parent = ["-p", before] if before else []
        commit = self._run(["commit-tree", tree, *parent, "-m", message]).decode().strip()
        here = self._call(["rev-parse", "--verify", "--quiet", self._ref]).stdout.decode().strip()
        if here not in ("", before):
            return None
        moved = self._call(["update-ref", "-m", message, self._ref, commit, here or NOBODY])
        if moved.returncode == 0:
            return commit
        if b"lock" not in moved.stderr and b"expected" not in moved.stderr:
            raise self._refused(moved)
        return None

    def busy(self) -> BusyError:
        """What to raise when `grow` gave None too often."""
        return BusyError(
            f"{self._root}: the branch {self.name!r} does not stand still, or has a stale lock "
            f"({self._ref}.lock below .git); run the same command again"
        )

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self.name}"

    def _tree(self, before: str | None, files: Mapping[str, str]) -> str:
        """The tree of `before` with these files, made in an index of its own."""
        with scratch_folder() as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            if before:
                self._run(["read-tree", before], extra=index)
            for path, text in files.items():
                blob = self._run(["hash-object", "-w", "--stdin"], given=text.encode()).decode()
                entry = f"100644,{blob.strip()},{path}"
                self._run(["update-index", "--add", "--cacheinfo", entry], extra=index)
            return self._run(["write-tree"], extra=index).decode().strip()

    def _run(
        self, command: list[str], given: bytes | None = None, extra: Mapping[str, str] | None = None
    ) -> bytes:
        answer = self._call(command, given, extra)
        if answer.returncode != 0:
            raise self._refused(answer)
        return answer.stdout

    def _call(
        self, command: list[str], given: bytes | None = None, extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        # A hook or another git that started us says where its own repository is; ours is `root`.
        around = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        return subprocess.run(
            ["git", "-c", "core.hooksPath=/dev/null", "-C", str(self._root), *command],
            input=given,
            capture_output=True,
            check=False,
            env={**around, **ACTOR, "LC_ALL": "C", **(extra or {})},
        )

    def _refused(self, answer: subprocess.CompletedProcess[bytes]) -> TemporaryError:
        told = answer.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        return TemporaryError(
            f"{self._root}: git cannot keep the version on branch {self.name!r} ({told[-1]}); "
            f"mend the repository, and run the same command again"
        )
