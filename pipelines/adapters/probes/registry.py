"""The registry: whether it answers who asks it, and its clock. Nothing is made in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from pipelines.adapters.database.connection import parse_url, shown
from pipelines.adapters.mlflow.client import ABSENT, answering, refuse_absent_database
from pipelines.adapters.probes.database import look_at_file
from pipelines.core.config import Paths
from pipelines.core.errors import ConfigError, TemporaryError
from pipelines.core.text import mask

ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class RegistryLook:
    """What was seen of the registry."""

    where: str
    versions: int | None = None  # None: behind a server, they are not counted
    lacking: tuple[str, ...] = ()
    now: datetime | None = None


def look(places: Paths, model: str) -> RegistryLook:
    """Look at the registry of a registered model.

    Raises ConfigError when it refuses, TemporaryError when it does not answer.
    """
    uri = places.tracking_uri
    if uri.startswith("sqlite:"):
        parsed = parse_url(uri)
        seen = look_at_file(Path(str(parsed.database)), shown(parsed), "model_versions")
        return RegistryLook(shown(parsed), seen.days, seen.lacking)
    now = None
    if uri.startswith(("http:", "https:")):
        now = _server_clock(uri)
    else:
        with answering(places):
            refuse_absent_database(uri)
    _ask(places, model)
    return RegistryLook(mask(uri), now=now)


def _server_clock(uri: str) -> datetime | None:
    try:
        answer = httpx.get(f"{uri.rstrip('/')}/health", timeout=ANSWER_SECONDS)
    except httpx.HTTPError as error:
        raise TemporaryError(f"registry {mask(uri)}: does not answer ({error})") from error
    told = answer.headers.get("date")
    return parsedate_to_datetime(told) if told else None


def _ask(places: Paths, model: str) -> None:
    """Ask for the registered model as who is configured; that there is none yet is an answer, too."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    uri = places.tracking_uri
    try:
        MlflowClient(tracking_uri=uri, registry_uri=uri).get_registered_model(model)
    except MlflowException as error:
        if error.error_code in ABSENT:
            return
        refused = error.error_code in ("PERMISSION_DENIED", "UNAUTHENTICATED") or any(
            code in str(error) for code in ("401", "403")
        )
        told = mask(str(error).strip().partition("\n")[0])[:300]
        kind = ConfigError if refused else TemporaryError
        raise kind(f"registry {mask(uri)}: {told}") from error
