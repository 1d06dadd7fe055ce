"""The DVC remote: how it is named, and what `.dvc/config` says of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.core.errors import ConfigError
from pipelines.core.text import secrets_in_url

PUBLIC = ("endpointurl", "region")  # settings of a remote that are no secret


def find_remote(place: str, repository: Path) -> dict[str, Any]:
    """DVC's settings of a remote that is named by its URL, its folder, or as in `.dvc/config`."""
    from dvc.config import Config

    if "://" in place:
        if secrets_in_url(place):
            raise ConfigError(
                "REDEYE_DVC_REMOTE: holds a password; leave it to AWS_* or .dvc/config.local"
            )
        return {"url": place}
    folder = repository / ".dvc"
    named: Mapping[str, Any] = Config(str(folder))["remote"] if folder.is_dir() else {}
    if place in named:
        return dict(named[place])
    if os.sep not in place:
        raise ConfigError(
            f"REDEYE_DVC_REMOTE: no remote {place!r} in .dvc/config, which has "
            f"{', '.join(named) or 'none'}; name one of them, a folder or a URL"
        )
    return {"url": str(Path(place).absolute())}


def dvc_config(remote: Mapping[str, Any], root: Path) -> str:
    """`.dvc/config` for whoever checks out a pointer: where the remote is, and no secret."""
    url = str(remote["url"])
    if "://" not in url and Path(url).is_relative_to(root):
        url = os.path.relpath(url, root / ".dvc")
    known = {"url": url} | {key: remote[key] for key in PUBLIC if key in remote}
    lines = "".join(f"    {key} = {value}\n" for key, value in known.items())
    return (
        "[core]\n    analytics = false\n    remote = raw\n"
        f"['remote \"raw\"']\n{lines}    verify = true\n"
    )
