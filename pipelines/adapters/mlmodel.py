"""A model as MLflow keeps it: a folder with one model file, described so that the UI shows it."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines.core.config import Places
from pipelines.core.errors import GateRefused
from pipelines.methods.model import Form, Model
from pipelines.methods.modelfile import TRUSTED

FORMS: dict[str, Form] = {"model.ubj": "ubj", "model.skops": "skops"}
BESIDE = frozenset({"MLmodel", "requirements.txt"})  # what else the folder may hold
LOGGED = re.compile(r"\Am-[0-9a-f]{32}\Z")  # MLflow's name of a logged model


def write_folder(folder: Path, model: Model, content: bytes, identity: str, run_id: str) -> None:
    """Put the model file, its description (flavour, signature) and its requirements in the folder."""
    from mlflow.models import Model as Description

    (folder / f"model.{model.form}").write_bytes(content)
    description = Description(
        run_id=run_id,
        model_id=identity,
        model_uuid=identity,
        flavors=_flavour(model.form),
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


def _flavour(form: Form) -> dict[str, dict[str, Any]]:
    """MLflow's own flavour of the form; pyfunc is left out, for it would not know the vocabulary."""
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


def _signature(model: Model) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    kinds = {"number": "double", "category": "string"}
    columns = [ColSpec(kinds[kind], name, required=False) for name, kind in model.schema.items()]
    return ModelSignature(inputs=Schema(columns), outputs=Schema([ColSpec("double", "score")]))


def fetch_file(client: Any, places: Places, version: Any, scratch: Path) -> tuple[Form, bytes]:
    """The model file of a version, as MLflow tells it; not yet understood.

    Raises GateRefused when the version is not made from a logged model, or when that one's folder
    holds anything but one file of a known form and its description: a pickle or a code folder is
    never even fetched.
    """
    from mlflow.artifacts import download_artifacts

    identity = version.tags.get("model_id", "")
    if not LOGGED.match(identity):
        raise GateRefused(
            f"model version {version.version}: it was not registered by Redeye; promote another version"
        )
    location = client.get_logged_model(identity).artifact_location
    names = {file.path for file in client.list_logged_model_artifacts(identity)}
    forms = names & FORMS.keys()
    if len(forms) != 1 or names - BESIDE - forms:
        raise GateRefused(
            f"model version {version.version}: its folder holds {sorted(names)}, not one of "
            f"{sorted(FORMS)} and its description; promote another version"
        )
    name = forms.pop()
    path = download_artifacts(
        artifact_uri=f"{location.rstrip('/')}/{name}",
        dst_path=str(scratch),
        tracking_uri=places.tracking_uri,
    )
    return FORMS[name], Path(path).read_bytes()
