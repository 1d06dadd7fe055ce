"""The DVC remote: whether the newest version of the raw data is there, every object of it. Nothing is fetched
but the list of its files.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.adapters.dvc.store import translated
from pipelines.adapters.probes.machine import nearest_folder
from pipelines.core.errors import ConfigError


@dataclass(frozen=True)
class RemoteLook:
    """What was seen of the remote."""

    where: str
    files: int = 0  # of the newest version
    missing: int = 0  # of those, how many objects are not there
    damaged: str = ""  # the address of the version's list of files, if that is what is damaged


def look(settings: Mapping[str, Any], version: str | None) -> RemoteLook:
    """Look for a version on a remote; for none, whether the remote can be reached at all.

    Raises ConfigError when it refuses or is not there, TemporaryError when it does not answer.
    """
    url = str(settings["url"])
    where = f"DVC remote {url}"
    with translated(where):
        from dvc.data_cloud import Remote
        from dvc.fs import get_cloud_fs

        kind, config, path = get_cloud_fs({"remote": {"raw": dict(settings)}}, name="raw")
        filesystem = kind(**config)
        if "://" not in url:
            _refuse_unwritable(Path(url), where, begun=version is not None)
        if version is None:
            filesystem.exists(path)
            return RemoteLook(where)
        objects = Remote("raw", path, filesystem, **config).odb
        listing = objects.oid_to_path(f"{version}.dir")
        content = filesystem.cat_file(listing) if filesystem.exists(listing) else None
        if content is None:
            return RemoteLook(where, 1, 1)
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != version:
            return RemoteLook(where, 1, 0, filesystem.unstrip_protocol(listing))
        wanted = {entry["md5"] for entry in json.loads(content)}
        return RemoteLook(where, len(wanted), len(wanted - set(objects.oids_exist(list(wanted)))))


def _refuse_unwritable(folder: Path, where: str, *, begun: bool) -> None:
    if not folder.exists() and begun:
        raise ConfigError(f"{where}: is not there; create it, or correct its URL")
    if not os.access(nearest_folder(folder), os.W_OK | os.X_OK):
        raise ConfigError(f"{where}: cannot be written by this user")
