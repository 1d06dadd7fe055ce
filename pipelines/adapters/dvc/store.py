"""DVC in process: whole folders by the checksum of their content, in a cache and on a remote.

Each call works in a DVC repository of its own without git (`var/dvc`, or a throw-away one): DVC
then never walks the project, and never asks git whether data/ is ignored. Only the cache is shared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipelines.adapters.dvc.pointers import Pointer, read_pointer
from pipelines.adapters.dvc.snapshot import take_snapshot
from pipelines.core.errors import BusyError, ConfigError, DataError, TemporaryError
from pipelines.core.fault_injection import fault_point

PATIENCE = 200  # times 3 seconds that DVC waits for its lock


class DvcStore:
    """The cache `<root>/.dvc/cache`, and the remote behind it."""

    def __init__(self, root: Path, remote: Mapping[str, Any]) -> None:
        self._root = root
        self._cache = root / ".dvc" / "cache"
        self._shop = root / "var" / "dvc"
        self._remote = dict(remote)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the root's DVC lock, the one that `dvc` itself takes; wait for up to ten minutes."""
        from dvc.lock import LockError, make_lock

        folder = self._root / ".dvc" / "tmp"
        with translated("the lock"):
            folder.mkdir(parents=True, exist_ok=True)
            ignored = folder.parent / ".gitignore"
            if not ignored.exists():  # in a root that `dvc init` never saw: git is not to notice
                ignored.write_text("/.gitignore\n/cache\n/config.local\n/tmp\n")
            lock = make_lock(str(folder / "lock"), tmp_dir=str(folder), friendly=True)
        for _ in range(PATIENCE):
            with suppress(LockError):
                lock.lock()
                break
        else:
            raise BusyError(
                f"{self._root}: another DVC command holds the repository; wait for it to end"
            )
        try:
            yield
        finally:
            lock.unlock()

    def keep(self, folder: Path, *, anew: bool = False) -> Pointer:
        """Put a folder's content into the cache and onto the remote.

        What is kept is a snapshot, so a writer who goes on meanwhile cannot tear it. Where the list of a
        version's files is on the remote, DVC believes that they are, too; `anew` asks for each of them.
        """
        with translated(self._where), self._repo(self._shop) as repo:
            # What a killed run left there belongs to nobody: the lock is ours.
            for stale in (self._shop / "data" / "raw.dvc", self._shop / ".dvc" / "tmp" / "rwlock"):
                stale.unlink(missing_ok=True)
            take_snapshot(folder, self.snapshot)
            (stage,) = repo.add(str(self.snapshot), relink=False)
            wanted = stage.get_used_objs()[None]
            fault_point("versions.before_push")
            cache, remote = repo.cache.local, repo.cloud.get_remote_odb()
            sent = repo.cloud.transfer(cache, remote, wanted) if anew else repo.cloud.push(wanted)
            if sent.failed:
                raise TemporaryError(
                    f"{self._where}: did not take all of data/raw; run the same command again"
                )
            return read_pointer(Path(stage.path).read_text(), stage.path)

    @property
    def snapshot(self) -> Path:
        """Where `keep` made its snapshot: hard links to what it versioned."""
        return self._shop / "data" / "raw"

    def restore(self, pointer: Pointer, beside: Path) -> Path:
        """Bring a version back, below a folder made for it: where it is, every byte verified."""
        from dvc.exceptions import DvcException
        from dvc_objects.errors import ObjectFormatError

        with translated(self._where), self._repo(beside) as repo:
            (beside / "raw.dvc").write_text(pointer.text)
            try:
                repo.pull()
            except (DvcException, ObjectFormatError) as error:
                # An answer, if only that it is not there, tells damage from a remote that is down.
                repo.cloud.get_remote_odb().exists(f"{pointer.version}.dir")
                raise DataError(
                    f"{self._where}: version {pointer.version} is missing or damaged there, in part "
                    f"at least; restore the remote from its backup, or take another version"
                ) from error
            self._verify(pointer, beside / "raw")
        return beside / "raw"

    def _verify(self, pointer: Pointer, folder: Path) -> None:
        """DVC believes its cache and the list of a version's files; we do not."""
        listing = self._object(f"{pointer.version}.dir")
        wanted = [(listing, pointer.version)]
        if _md5(listing) == pointer.version:
            entries = json.loads(listing.read_bytes())
            wanted = [(folder / entry["relpath"], entry["md5"]) for entry in entries]
        for path, md5 in wanted:
            if _md5(path) != md5:
                # Out of the cache with it, or the next try would find it there again.
                self._object(md5).unlink(missing_ok=True)
                listing.unlink(missing_ok=True)
                raise DataError(
                    f"{self._where}: {path.name} of version {pointer.version} is damaged; it was "
                    f"dropped from the cache, so try again, or restore the remote from its backup"
                )

    def _object(self, md5: str) -> Path:
        return self._cache / "files" / "md5" / md5[:2] / md5[2:]

    @property
    def _where(self) -> str:
        return f"DVC remote {self._remote['url']}"

    @contextmanager
    def _repo(self, folder: Path) -> Iterator[Any]:
        from dvc.repo import Repo

        (folder / ".dvc").mkdir(parents=True, exist_ok=True)
        core = {"no_scm": True, "analytics": False, "remote": "raw", "check_update": False}
        settings = {
            "core": {**core, "site_cache_dir": str(self._shop / "site")},
            "cache": {"dir": str(self._cache)},
            # Without it a damaged object is taken from the remote as if it were whole.
            "remote": {"raw": {**self._remote, "verify": True}},
        }
        repo = Repo(str(folder), config=settings)
        try:
            yield repo
        finally:
            repo.close()


@contextmanager
def translated(where: str) -> Iterator[None]:
    """What DVC and the file systems below it raise, as an error of Redeye."""
    from botocore.exceptions import BotoCoreError, NoCredentialsError
    from dvc.config import ConfigError as DvcConfigError
    from dvc.exceptions import DvcException

    try:
        yield
    except (PermissionError, NoCredentialsError, DvcConfigError) as error:
        raise ConfigError(
            f"{where}: refuses ({error}); mend the credentials or permissions"
        ) from error
    except FileNotFoundError as error:
        raise ConfigError(
            f"{where}: is not there ({error}); create it, or correct its URL"
        ) from error
    except (DvcException, BotoCoreError, OSError) as error:
        raise TemporaryError(f"{where}: does not answer ({error}); try again later") from error


def _md5(path: Path) -> str | None:
    """The MD5 of a file, or None when there is none."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
