"""MLflow: the night's run, and the registered versions with their aliases and blessings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines.adapters.mlflow.client import ABSENT, answering, identify, one_at_a_time, open_store
from pipelines.adapters.mlflow.copies import Copies
from pipelines.adapters.mlflow.models import HELD_OUT, SERVED, fetch_file
from pipelines.adapters.mlflow.runs import (
    COMPLETE,
    create_night,
    describe,
    find_night,
    inputs_of,
    measure,
    reap,
)
from pipelines.adapters.mlflow.trials import keep_trial
from pipelines.adapters.mlflow.versions import facts_of, keep_version, read_facts, read_version
from pipelines.audit.tags import TAG_LENGTH
from pipelines.core.atomic_files import read_regular, scratch_folder, write_whole
from pipelines.core.config import Paths
from pipelines.core.errors import ConfigError, DataError, GateRefused, TemporaryError
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import ModelVersion
from pipelines.define.problem import Problem
from pipelines.promotion.eligibility import ALIASES
from pipelines.training.model import ModelFormat
from pipelines.training.model_file import check_sha256
from pipelines.training.ports import Fitted, ModelFile, Trial

PAGE = 1000  # versions in one answer
CHAMPION = "champion.json"


class MlflowRegistry:
    """A registry in MLflow, behind a server or straight on its SQLite store; opened at first use."""

    def __init__(self, places: Paths, problem: Problem) -> None:
        self._places = places
        self._name = problem.model
        self._problem = problem.name

    @cached_property
    def _store(self) -> tuple[Any, str]:
        return open_store(self._places, f"{self._problem}-training", self._name)

    @cached_property
    def _identity(self) -> str:
        with answering(self._places):
            return identify(self._client, self._name)

    @property
    def _client(self) -> Any:
        return self._store[0]

    def _read(self, version: Any) -> ModelVersion:
        return read_version(version, self._identity, self._name)

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
        with scratch_folder() as scratch, answering(self._places):
            measure(self._client, run_id, metrics)
            for name, content in files.items():
                path = scratch / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            if files:
                self._client.log_artifacts(run_id, str(scratch))
            if complete:
                self._client.set_terminated(run_id, "FINISHED")
                self._client.set_tag(run_id, COMPLETE, "yes")

    def log_trial(self, day: date, search: str, trial: Trial) -> None:
        """Keep a trial as a run below that of its search; one that is kept already is left as it is."""
        client, experiment = self._store
        with answering(self._places):
            keep_trial(client, experiment, day, search, trial)

    def register(self, run_id: str, fitted: Fitted) -> ModelVersion:
        """Keep a fitted model as a version; the same run and model name again give the same version."""
        client = self._client
        with one_at_a_time(self._places), answering(self._places):
            versions = client.search_model_versions(
                f"name = '{self._name}' and run_id = '{run_id}'"
            )
            # By its facts, not by its name: whoever reaches MLflow may have written another's on it.
            wanted = facts_of(fitted)
            found = [v for v in versions if wanted.items() <= dict(v.tags).items()]
            return self._read(
                found[0] if found else keep_version(client, self._name, run_id, fitted)
            )

    def run_params(self, run_id: str) -> Mapping[str, str] | None:
        """What a run tells of itself: its parameters, tags and inputs; None when there is no such run."""
        from mlflow.exceptions import MlflowException

        with answering(self._places):
            try:
                run = self._client.get_run(run_id)
            except MlflowException as error:
                if error.error_code in ABSENT:
                    return None
                raise
        gone = run.info.lifecycle_stage == "deleted"
        return None if gone else read_facts(run.data.params | run.data.tags | inputs_of(run))

    def version(self, name: str) -> ModelVersion | None:
        """A version by its number, or by one of the aliases; None when there is none."""
        from mlflow.exceptions import MlflowException

        with answering(self._places):
            try:
                if name in ALIASES:
                    return self._read(self._client.get_model_version_by_alias(self._name, name))
                return self._read(self._client.get_model_version(self._name, name))
            except MlflowException as error:
                if error.error_code in ABSENT:
                    return None
                raise

    def registered(self) -> list[ModelVersion]:
        """Every version there is, by its number."""
        found: list[ModelVersion] = []
        token: str | None = None
        with answering(self._places):
            while token != "":
                page = self._client.search_model_versions(
                    f"name = '{self._name}'", max_results=PAGE, page_token=token
                )
                found += [self._read(version) for version in page]
                token = page.token or ""
        return sorted(found, key=lambda one: (len(one.version), one.version))

    def point(self, alias: str, version: str) -> None:
        """Move an alias."""
        if alias not in ALIASES:
            raise ConfigError(f"registry: no alias {alias!r}; known are {', '.join(ALIASES)}")
        with answering(self._places):
            self._client.set_registered_model_alias(self._name, alias, version)

    def show(self, version: str, tags: Mapping[str, str]) -> None:
        """Write what is known of a version's blessings on it, where a person sees it in the MLflow UI."""
        with answering(self._places):
            for name, value in tags.items():
                fault_point("registry.before_blessing")
                self._client.set_model_version_tag(self._name, version, name, value)

    def describe(self, version: str, text: str) -> None:
        """Write the description of a version, which the MLflow UI shows as Markdown."""
        with answering(self._places):
            self._client.update_model_version(self._name, version, text)

    def annotate(self, version: str, what: str) -> None:
        """Write what became of a version as champion on it, where a person sees it in the MLflow UI."""
        with answering(self._places):
            self._client.set_model_version_tag(
                self._name, version, "redeye.champion", what[:TAG_LENGTH]
            )

    def cache_champion(self, champion: ModelVersion) -> None:
        """Keep, beside the registry, who is champion: for when it does not answer."""
        write_whole(self._last, champion.to_json().encode())

    def cached_champion(self) -> ModelVersion | None:
        """Who was champion when the registry answered last. Raises DataError for a damaged record."""
        path = self._last
        try:
            return ModelVersion.from_json(read_regular(path), str(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); remove it") from error

    def fetch(self, version: ModelVersion) -> ModelFile:
        """The model's file, proven to be the one that was registered before any of it is understood.

        When the registry does not answer, a copy that was proven before serves.
        """
        try:
            with scratch_folder() as scratch, answering(self._places):
                form, content = self._fetch(version, scratch)
        except TemporaryError:
            copy = self._copies.find(version)
            if copy is None:
                raise
            return copy
        return self._keep(form, content, version.sha256)

    def fetch_held_out(self, version: ModelVersion) -> ModelFile:
        """The file of a version's held-out fit, proven likewise."""
        with scratch_folder() as scratch, answering(self._places):
            form, content = self._fetch(version, scratch, HELD_OUT)
        return self._keep(form, content, version.held_out_sha256)

    def _keep(self, form: ModelFormat, content: bytes, sha256: str) -> ModelFile:
        check_sha256(content, sha256)
        return self._copies.keep(sha256, form, content)

    @property
    def _copies(self) -> Copies:
        return Copies(self._places)

    @property
    def _last(self) -> Path:
        return self._places.var / "models" / CHAMPION

    def _fetch(
        self, version: ModelVersion, scratch: Path, stem: str = SERVED
    ) -> tuple[ModelFormat, bytes]:
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
