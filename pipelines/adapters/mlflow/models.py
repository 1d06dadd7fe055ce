"""A model as MLflow keeps it: a folder with one model file, described so that the UI shows it."""

from __future__ import annotations

import errno
import hashlib
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines.core.atomic_files import read_regular, refuse_large
from pipelines.core.config import Paths
from pipelines.core.errors import GateRefused
from pipelines.core.text import mask
from pipelines.training.estimators.trusted_types import TRUSTED
from pipelines.training.model import Model, ModelFormat

SERVED, HELD_OUT = "model", "held_out"  # the model that serves, and the fit that was judged
FORMS: dict[str, ModelFormat] = {"model.ubj": "ubj", "model.skops": "skops"}
LOADER = "pipelines.adapters.mlflow.pyfunc"
BELOW = re.compile(r"\A(/[0-9A-Za-z_-][0-9A-Za-z_.-]*)+\Z")  # a path without `..`
LOGGED = re.compile(r"\Am-[0-9a-f]{32}\Z")  # MLflow's name of a logged model


def write_folder(folder: Path, model: Model, content: bytes, identity: str, run_id: str) -> None:
    """Put the model file, its description (flavour, signature) and its requirements in the folder."""
    from mlflow.models import Model as Description

    (folder / f"model.{model.form}").write_bytes(content)
    description = Description(
        run_id=run_id,
        model_id=identity,
        model_uuid=identity,
        flavors=_flavour(model.form) | _pyfunc(model.form),
        signature=_signature(model),
        model_size_bytes=len(content),
    )
    description.save(str(folder / "MLmodel"))
    libraries = (
        ("numpy", "pandas", "xgboost")
        if model.form == "ubj"
        else ("numpy", "pandas", "scikit-learn", "skops")
    )
    lines = [f"{library}=={version(library)}\n" for library in libraries]
    (folder / "requirements.txt").write_text("".join(lines))


def _flavour(form: ModelFormat) -> dict[str, dict[str, Any]]:
    """MLflow's own flavour of the form, which knows neither the vocabulary nor the rounding."""
    if form == "ubj":
        return {
            "xgboost": {
                "xgb_version": version("xgboost"),
                "data": "model.ubj",
                "model_class": "xgboost.core.Booster",
                "model_format": "ubj",
                "code": None,
            }
        }
    return {
        "sklearn": {
            "sklearn_version": version("scikit-learn"),
            "pickled_model": "model.skops",  # MLflow's name for the key; the file is no pickle
            "serialization_format": "skops",
            "skops_trusted_types": sorted(TRUSTED),
            "code": None,
        }
    }


def _pyfunc(form: ModelFormat) -> dict[str, dict[str, Any]]:
    """What `mlflow.pyfunc.load_model` reads: the loader is Redeye's, where it is installed, and no code
    stands beside the model.
    """
    return {
        "python_function": {
            "loader_module": LOADER,
            "data": f"model.{form}",
            "python_version": platform.python_version(),
        }
    }


def _signature(model: Model) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    # MLflow would refuse an int64 where it reads "double"; Redeye takes any number.
    kinds = {"number": AnyType(), "category": "string"}
    columns = [ColSpec(kinds[kind], name, required=False) for name, kind in model.schema.items()]
    return ModelSignature(inputs=Schema(columns), outputs=Schema([ColSpec("double", "score")]))


def fetch_file(
    client: Any, places: Paths, version: Any, sha256: str, scratch: Path
) -> tuple[ModelFormat, bytes]:
    """The model file of a version that has this SHA-256; not yet understood. Of several, none of which
    has it, the first. The name of the scratch folder is the file's, without its form: SERVED or HELD_OUT.

    Nothing else of the folder is fetched: MLflow itself puts files there when it loads a model, and what
    else somebody put there is never read. Raises GateRefused when the version is not made from a logged
    model, or when that one's folder has no file of a known form.
    """
    identity = version.tags.get("model_id", "")
    if not LOGGED.match(identity):
        raise GateRefused(
            f"model version {version.version}: it was not registered by Redeye; promote another version"
        )
    logged = client.get_logged_model(identity)
    location = locate(client, logged, version.version)
    there = {file.path: file for file in client.list_logged_model_artifacts(identity)}
    names = set(there)
    forms = {f"{scratch.name}.{form}": form for form in FORMS.values()}
    found = {
        name: _download(f"{location}/{name}", there[name].file_size or 0, places, scratch)
        for name in sorted(names & forms.keys())
    }
    if not found:
        raise GateRefused(
            f"model version {version.version}: its folder holds {sorted(names)} and none of "
            f"{sorted(forms)}; promote another version"
        )
    right = [n for n, content in found.items() if hashlib.sha256(content).hexdigest() == sha256]
    name = (right or list(found))[0]
    return forms[name], found[name]


def locate(client: Any, logged: Any, number: object) -> str:
    """Where a logged model's files are: in the folder of its experiment, as MLflow itself puts them.

    Raises GateRefused for any other address: whoever reaches MLflow can write one, of this machine or
    of a server behind it.
    """
    folder = str(client.get_experiment(logged.experiment_id).artifact_location).rstrip("/")
    location = str(logged.artifact_location).rstrip("/")
    if not location.startswith(f"{folder}/") or not BELOW.match(location[len(folder) :]):
        raise GateRefused(
            f"model version {number}: its files are said to be outside the folder of its experiment "
            f"({mask(ascii(location)[1:61])}); promote another version"
        )
    return location


def _download(address: str, size: int, places: Paths, scratch: Path) -> bytes:
    """A file's content. Of this machine's it is read here: to copy a device would fill the disk."""
    from mlflow.artifacts import download_artifacts
    from mlflow.utils.file_utils import local_file_uri_to_path

    try:
        if address.startswith("file:"):
            return read_regular(local_file_uri_to_path(address))
        refuse_large(size, address)
        path = download_artifacts(
            artifact_uri=address, dst_path=str(scratch), tracking_uri=places.tracking_uri
        )
        return read_regular(path)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EFBIG):
            raise GateRefused(
                f"model file {address.rpartition('/')[2]}: {error.strerror}; promote another version"
            ) from error
        raise
