"""MLflow: the night's run, and the registered versions with their aliases and blessings."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pipelines.adapters.copies import Copies
from pipelines.adapters.mlmodel import HELD_OUT, SERVED, fetch_file
from pipelines.adapters.mlrun import COMPLETE, create_night, describe, find_night, measure, reap
from pipelines.adapters.mlstore import ABSENT, answering, one_at_a_time, open_store
from pipelines.adapters.mlversion import keep_version, read_version
from pipelines.core.config import Places
from pipelines.core.contracts import Fitted, ModelFile, Problem
from pipelines.core.errors import ConfigError, DataError, GateRefused, TemporaryError
from pipelines.core.faults import reach
from pipelines.core.files import write_whole
from pipelines.core.records import ModelVersion
from pipelines.methods.model import Form, Model
from pipelines.methods.modelfile import check_sha256, unpack

ALIASES = ("champion", "challenger", "canary", "previous-champion")
TAG_LENGTH = 4000
CHAMPION = "champion.json"


class MlflowRegistry:
    """A registry in MLflow, behind a server or straight on its SQLite store; opened at first use."""

    def __init__(self, places: Places, problem: Problem) -> None:
        self._places = places
        self._name = problem.model
        self._problem = problem.name

    @cached_property
    def _store(self) -> tuple[Any, str]:
        return open_store(self._places, f"{self._problem}-training", self._name)

    @property
    def _client(self) -> Any:
        return self._store[0]

    def night(
        self, day: date, fingerprint: str, facts: Mapping[str, str], inputs: Mapping[str, str]
    ) -> str:
        """The one run of this night and fingerprint, made or found again: its id."""
        client, experiment = self._store
        with one_at_a_time(self._places), answering(self._places):
            reap(client, experiment)
            run = find_night(client, experiment, fingerprint)
            run = run or create_night(client, experiment, day, fingerprint)
            if COMPLETE not in run.data.tags:
                describe(client, run, facts, inputs)
        return str(run.info.run_id)

    def log(
        self,
        run_id: str,
        metrics: Mapping[str, float],
        files: Mapping[str, bytes],
        *,
        complete: bool = False,
    ) -> None:
        """Add metrics, and files such as plots by their name, to a run; `complete` ends it."""
        with answering(self._places), tempfile.TemporaryDirectory() as scratch:
            measure(self._client, run_id, metrics)
            for name, content in files.items():
                path = Path(scratch) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            if files:
                self._client.log_artifacts(run_id, scratch)
            if complete:
                self._client.set_terminated(run_id, "FINISHED")
                self._client.set_tag(run_id, COMPLETE, "yes")

    def register(self, run_id: str, fitted: Fitted) -> ModelVersion:
        """Keep a fitted model as a version; the same run and model name again give the same version."""
        client = self._client
        with one_at_a_time(self._places), answering(self._places):
            versions = client.search_model_versions(
                f"name = '{self._name}' and run_id = '{run_id}'"
            )
            found = [v for v in versions if v.tags.get("candidate") == fitted.model.name]
            return read_version(
                found[0] if found else keep_version(client, self._name, run_id, fitted)
            )

    def facts(self, run_id: str) -> Mapping[str, str] | None:
        """What a run tells of itself: its parameters and tags; None when there is no such run."""
        from mlflow.exceptions import MlflowException

        with answering(self._places):
            try:
                run = self._client.get_run(run_id)
            except MlflowException as error:
                if error.error_code in ABSENT:
                    return None
                raise
        return None if run.info.lifecycle_stage == "deleted" else run.data.params | run.data.tags

    def version(self, name: str) -> ModelVersion | None:
        """A version by its number, or by one of the aliases; None when there is none."""
        from mlflow.exceptions import MlflowException

        with answering(self._places):
            try:
                if name in ALIASES:
                    return read_version(self._client.get_model_version_by_alias(self._name, name))
                return read_version(self._client.get_model_version(self._name, name))
            except MlflowException as error:
                if error.error_code in ABSENT:
                    return None
                raise

    def point(self, alias: str, version: str) -> None:
        """Move an alias."""
        if alias not in ALIASES:
            raise ConfigError(f"registry: no alias {alias!r}; known are {', '.join(ALIASES)}")
        with answering(self._places):
            self._client.set_registered_model_alias(self._name, alias, version)

    def bless(
        self,
        version: str,
        blessing: Literal["quality", "infra"],
        passed: bool,  # noqa: FBT001  the protocol's
        reason: str,
    ) -> None:
        """Write a blessing on a version, where a person sees it in the MLflow UI."""
        tag = f"redeye.{blessing}"
        with answering(self._places):
            # The reason first: a version that says `passed` always says why.
            self._client.set_model_version_tag(
                self._name, version, f"{tag}.reason", reason[:TAG_LENGTH]
            )
            reach("registry.before_blessing")
            self._client.set_model_version_tag(
                self._name, version, tag, "passed" if passed else "refused"
            )

    def tell(self, version: str, what: str) -> None:
        """Write what became of a version as champion on it, where a person sees it in the MLflow UI."""
        with answering(self._places):
            self._client.set_model_version_tag(
                self._name, version, "redeye.champion", what[:TAG_LENGTH]
            )

    def remember(self, champion: ModelVersion) -> None:
        """Keep, beside the registry, who is champion: for when it does not answer."""
        write_whole(self._last, champion.to_json().encode())

    def remembered(self) -> ModelVersion | None:
        """Who was champion when the registry answered last. Raises DataError for a damaged record."""
        path = self._last
        try:
            return ModelVersion.from_json(path.read_bytes(), str(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); remove it") from error

    def fetch(self, version: ModelVersion) -> ModelFile:
        """The model's file, proven to be the one that was registered before any of it is understood.

        When the registry does not answer, a copy that was proven before serves.
        """
        try:
            with answering(self._places), tempfile.TemporaryDirectory() as scratch:
                form, content = self._fetch(version, Path(scratch))
        except TemporaryError:
            copy = self._copies.find(version)
            if copy is None:
                raise
            return copy
        check_sha256(content, version.sha256)
        return self._copies.keep(version, form, content)

    def load_held_out(self, version: ModelVersion) -> Model:
        """The held-out fit of a version."""
        with answering(self._places), tempfile.TemporaryDirectory() as scratch:
            form, content = self._fetch(version, Path(scratch), HELD_OUT)
        check_sha256(content, version.held_out_sha256)
        return unpack(form, content)

    def load(self, version: ModelVersion) -> Model:
        """The fitted model."""
        file = self.fetch(version)
        return unpack(file.form, file.path.read_bytes())

    @property
    def _copies(self) -> Copies:
        return Copies(self._places)

    @property
    def _last(self) -> Path:
        return self._places.var / "models" / CHAMPION

    def _fetch(
        self, version: ModelVersion, scratch: Path, stem: str = SERVED
    ) -> tuple[Form, bytes]:
        from mlflow.exceptions import MlflowException

        sha256 = version.sha256 if stem == SERVED else version.held_out_sha256
        gone = f"model version {version.version}: it or its file is gone; promote another version"
        try:
            registered = self._client.get_model_version(self._name, version.version)
            return fetch_file(self._client, self._places, registered, sha256, scratch / stem)
        except FileNotFoundError as error:
            raise GateRefused(gone) from error
        except MlflowException as error:
            if error.error_code in ABSENT:
                raise GateRefused(gone) from error
            raise
