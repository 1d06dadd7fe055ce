"""The MLflow store: opened once for good, and errors in Redeye's words."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipelines.core.config import Paths
from pipelines.core.errors import ConfigError, RegistryAway, TemporaryError
from pipelines.core.fault_injection import fault_point
from pipelines.core.text import mask

DATABASES = ("postgresql", "mysql", "mssql", "oracle")  # with their driver installed
CONNECT_SECONDS = 10
ABSENT = (
    "RESOURCE_DOES_NOT_EXIST",
    "INVALID_PARAMETER_VALUE",
)  # MLflow says either of a missing alias


@contextmanager
def answering(places: Paths) -> Iterator[None]:
    """Translate what MLflow, its database and its network raise into RegistryAway."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        fault_point("registry.before_call")
        yield
    except (MlflowException, SQLAlchemyError, OSError, TemporaryError) as error:
        # Masked before it is cut: half a URL is not known as one any more.
        what = mask(str(error).strip().partition("\n")[0])[:300]
        raise RegistryAway(
            f"registry {places.tracking_uri}: does not answer as it should ({what}); "
            f"see that MLflow is up and its store is whole, and run the same command again"
        ) from error


@contextmanager
def one_at_a_time(places: Paths) -> Iterator[None]:
    """Hold this machine's lock of the registry: for what MLflow does not do atomically."""
    places.var.mkdir(parents=True, exist_ok=True)
    with (places.var / "registry.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def open_store(places: Paths, experiment: str, model: str) -> tuple[Any, str]:
    """A client, and the id of the experiment; both the experiment and the registered model exist then."""
    import mlflow
    from mlflow import MlflowClient

    # A version's source is a `models:/…` address, which MLflow resolves by its global settings.
    mlflow.set_tracking_uri(places.tracking_uri)
    mlflow.set_registry_uri(places.tracking_uri)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    # Several processes that open a new SQLite store at once fail in its migrations.
    with one_at_a_time(places), answering(places):
        refuse_absent_database(places.tracking_uri)
        client = MlflowClient(tracking_uri=places.tracking_uri, registry_uri=places.tracking_uri)
        found = client.get_experiment_by_name(experiment)
        if found is not None:
            return client, str(found.experiment_id)
        identity = _create(client, experiment, _artefacts(places))
        _introduce(client, model, experiment)
        return client, identity


def identify(client: Any, model: str) -> str:
    """What tells this store's registered model from every other, whatever its address: when it was made.

    MLflow gives that by its own clock, and nobody can write it; a model that was deleted and made again
    begins its numbers anew, and is another.
    """
    made = client.get_registered_model(model).creation_timestamp
    if not isinstance(made, int) or made <= 0:
        raise TemporaryError(f"it does not say when the registered model {model} was made")
    return str(made)


def refuse_absent_database(uri: str) -> None:
    """Connect once to a store that is a database: MLflow itself tries for over 100 seconds.

    Raises ConfigError when the URL is none that can be used, TemporaryError when nobody answers.
    """
    import sqlalchemy as sa

    scheme = uri.partition("://")[0].partition("+")[0] if "://" in uri else "file"
    if scheme in {"http", "https", "file", "sqlite", "databricks"}:
        return
    if scheme not in DATABASES:
        raise ConfigError(
            f"MLFLOW_TRACKING_URI: {mask(uri)[:200]} is none that Redeye knows; write http://…, "
            f"sqlite:///… or postgresql+psycopg://…"
        )
    try:
        limits = {"connect_timeout": CONNECT_SECONDS} if scheme == "postgresql" else {}
        engine = sa.create_engine(uri, connect_args=limits, poolclass=sa.NullPool)
        with engine.connect():
            pass
    except (sa.exc.ArgumentError, ImportError, ValueError) as error:
        raise ConfigError(
            f"MLFLOW_TRACKING_URI: {mask(uri)[:200]} cannot be used ({error}); correct it, or install "
            f"the driver"
        ) from error


def _artefacts(places: Paths) -> str | None:
    """Where artefacts go: below the root for a store without a server; a server knows its own place."""
    served = places.tracking_uri.startswith(("http:", "https:"))
    return None if served else (places.var / "artifacts").resolve().as_uri()


def _create(client: Any, experiment: str, location: str | None) -> str:
    from mlflow.exceptions import MlflowException

    try:
        return str(client.create_experiment(experiment, artifact_location=location))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another machine was faster
            raise
        return str(client.get_experiment_by_name(experiment).experiment_id)


def _introduce(client: Any, model: str, experiment: str) -> None:
    from mlflow.exceptions import MlflowException

    words = (
        f"Every candidate of every night of {experiment.removesuffix('-training')}. "
        f"Move the alias `champion` to a version whose tags redeye.quality and redeye.infra say "
        f"`passed`: the next `redeye score` uses it, if that is what Redeye's database says of it."
    )
    try:
        client.create_registered_model(model, description=words)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
