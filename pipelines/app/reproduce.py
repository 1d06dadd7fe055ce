"""A registered version trained again, from what its run says it was made of, and compared with what it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError

from pipelines.adapters.code_version import extract_commit, lock_sha256
from pipelines.adapters.lake.lake import LocalLake
from pipelines.adapters.mlflow.registry import MlflowRegistry
from pipelines.app.services import Redeye
from pipelines.core.atomic_files import read_yaml, scratch_folder
from pipelines.core.config import EXPERIMENT, Paths, TrainParams
from pipelines.core.dates import parse_day
from pipelines.core.errors import ConfigError, DataError, UsageError
from pipelines.core.records import FeatureTable, IngestResult, ModelVersion
from pipelines.training.model_file import TOLERANCE, furthest, golden_day
from pipelines.training.ports import ScoringRequest
from pipelines.training.scoring import ask_one

DAY = timedelta(days=1)
STAGES = "validate,features,train"
STATE = ("data", "runs", "var", "experiments", ".git", ".venv")  # in a repository, what is no code
PLACES = ("REDEYE_", "MLFLOW_", "AIRFLOW_", "DVC_")  # variables that lead to production
# What a run tells that decides nothing: where and when it was made, and limits.
ASIDE = (
    "git_commit",
    "data_recorded",
    "threads",
    "max_categories",
    "complete",
    "redeye.",
    "mlflow.",
)


@dataclass(frozen=True)
class Inputs:
    """What a version was made of, as its run tells."""

    day: date
    commit: str  # with `+changes` when files differed from it
    source_sha256: str
    lock_sha256: str
    data_version: str
    settings: TrainParams


@dataclass(frozen=True)
class Reproduction:
    """What came of training a version again."""

    version: str
    candidate: str
    day: str
    sha256: str
    made_sha256: str
    equal: Literal["bytes", "scores", "nothing"]
    differs: dict[str, tuple[str, str]]  # what runs tell of what decides a model → then, and now
    apart: float = 0.0  # the largest relative difference between scores of the golden day

    def as_record(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)

    def in_words(self) -> str:
        """What came of it, in a sentence."""
        who = f"version {self.version} ({self.candidate}, of the night {self.day}), trained again,"
        told = [f"{name} was {then}, and is {now}" for name, (then, now) in self.differs.items()]
        why = "; ".join(told) or "of what its run tells nothing differs"
        if self.equal == "bytes":
            return f"{who} is the same file, SHA-256 {self.sha256[:16]}"
        if self.equal == "scores":
            return (
                f"{who} gives the same scores to within {self.apart:.1g}, from another file: {why}"
            )
        return f"{who} is another model, whose scores are up to {self.apart:.1g} away: {why}"


def reproduce(
    number: str, redeye: Redeye, environ: Mapping[str, str], python: str = sys.executable
) -> Reproduction:
    """Train a version again in a scratch folder, from its commit, data version, settings and seed.

    `python` is the interpreter that does it. Nothing of production is written. Raises UsageError for a
    version or an interpreter that does not exist, DataError when what it was made of is not to be had
    or its night fails, and ConfigError when its requirements.lock is not this environment's.
    """
    registry = redeye.services["registry"]()
    version = registry.version(number)
    if version is None or version.unreadable:
        raise UsageError(
            f"reproduce {number}: there is no such version, or its tags cannot be read"
        )
    facts = registry.run_params(version.run_id)
    if facts is None:
        raise DataError(f"reproduce {number}: its run is gone from MLflow; restore MLflow's backup")
    attempt = Attempt(number, _inputs_of(number, facts), redeye)
    with scratch_folder() as scratch:
        places = attempt.lay_out(scratch, own_lock=python != sys.executable)
        attempt.train(places, environ, python)
        return attempt.compare(version, facts, places)


def _inputs_of(number: str, facts: Mapping[str, str]) -> Inputs:
    """What a run tells; anybody can write in MLflow, so that everything is parsed."""
    names = TrainParams.model_fields
    try:
        settings = {name: yaml.safe_load(facts[name]) for name in names if name in facts}
        if "tuned" in facts:
            settings["tuned"] = json.loads(facts["tuned"])  # to YAML, 1e-05 is a text
        return Inputs(
            parse_day(facts["redeye.day"]),
            facts["git_commit"],
            facts["source_sha256"],
            facts["lock_sha256"],
            facts["data_version"],
            TrainParams.model_validate(settings),
        )
    except (KeyError, ValidationError, yaml.YAMLError, UsageError) as error:
        told = " ".join(str(error).split())
        raise DataError(
            f"reproduce {number}: its run does not tell what it is made of: {told}"
        ) from error


@dataclass(frozen=True)
class Attempt:
    """A version that is to be trained again."""

    number: str
    inputs: Inputs
    redeye: Redeye

    def lay_out(self, scratch: Path, *, own_lock: bool) -> Paths:
        """The version's code, settings and raw data below a folder, as its night had landed them."""
        code, root = scratch / "code", scratch / "root"
        self._copy_code(code)
        if not own_lock:
            self._refuse_other_lock()
        settings = read_yaml(code / "params.yaml")
        told = self.inputs.settings.model_dump(mode="json", exclude_unset=True)
        settings["train"] = {**settings["train"], **told}
        if "tune" in settings:  # what was found then is told; nothing is searched again
            settings["tune"]["every_days"] = 0
        (code / "params.yaml").write_text(yaml.safe_dump(settings))
        url = f"sqlite:///{root}/var"
        places = Paths(code, root, f"{url}/redeye.db", f"{url}/mlflow.db", "")
        versions = self.redeye.services["versions"]()
        versions.checkout(self.inputs.data_version, places.data / "raw")
        landed = self._landed(LocalLake(places.data))
        places.run(self.inputs.day).mkdir(parents=True)
        (places.run(self.inputs.day) / "landed.json").write_text(landed.to_json())
        return places

    def train(self, places: Paths, environ: Mapping[str, str], python: str) -> None:
        """Run the stages up to training, of the version's code, in a root of its own."""
        own = {name: value for name, value in environ.items() if not name.startswith(PLACES)}
        own |= {
            "REDEYE_ROOT": str(places.root),
            "PYTHONPATH": str(places.repository),
            EXPERIMENT: "",
        }
        day = self.inputs.day.isoformat()
        words = ["backfill", "--from", day, "--to", day, "--stages", STAGES, "--force"]
        try:
            done = subprocess.run(
                [python, "-m", "pipelines", *words],
                cwd=places.repository,
                env=own,
                stdout=subprocess.DEVNULL,
                check=False,
            )
        except OSError as error:
            raise UsageError(f"--python {python[:200]}: {error.strerror}; name a Python") from error
        if done.returncode:
            raise DataError(
                f"reproduce {self.number}: a stage of its night failed with exit code "
                f"{done.returncode}, for the reason printed above"
            )

    def compare(
        self, version: ModelVersion, facts: Mapping[str, str], places: Paths
    ) -> Reproduction:
        """What was made against what is registered: the bytes, what their runs tell, and the scores."""
        problem = self.redeye.services["problem"]()
        made = MlflowRegistry(replace(places, repository=self.redeye.places.repository), problem)
        record = json.loads((places.run(self.inputs.day) / "candidates.json").read_text())
        numbers = {one["name"]: one["version"] for one in record["candidates"]}
        again = made.version(numbers.get(version.candidate, "0"))
        if again is None:
            why = record["failed"].get(version.candidate, "its code has no such spec")
            raise DataError(f"reproduce {self.number}: {version.candidate} was not made: {why}")
        mine, other = ((one.sha256, one.held_out_sha256) for one in (version, again))
        found = Reproduction(
            version=version.version,
            candidate=version.candidate,
            day=self.inputs.day.isoformat(),
            sha256=version.sha256,
            made_sha256=again.sha256,
            equal="bytes",
            differs=_differences(facts, made.run_params(again.run_id) or {}),
        )
        if mine == other:
            return found
        apart = self._apart(version, again, made, places)
        return replace(found, equal="scores" if apart <= TOLERANCE else "nothing", apart=apart)

    def _apart(
        self, version: ModelVersion, again: ModelVersion, made: MlflowRegistry, places: Paths
    ) -> float:
        """The largest relative difference between the scores of both, of the golden day's rows."""
        path = places.run(self.inputs.day) / "feature_table.json"
        table = FeatureTable.from_json(path.read_bytes(), str(path))
        rows = LocalLake(places.data).path(golden_day(table.history))
        files = (self.redeye.services["registry"]().fetch(version), made.fetch(again))
        workers = self.redeye.services["workers"]()
        replies = [ask_one(ScoringRequest(self.number, file, rows), workers) for file in files]
        for reply in replies:
            if reply.scores is None:
                raise DataError(f"reproduce {self.number}: it cannot be asked: {reply.reason}")
        mine, other = (reply.scores for reply in replies)
        return furthest(mine, other) if mine is not None and other is not None else float("inf")

    def _copy_code(self, to: Path) -> None:
        """The files of the version's commit; those that are here, if it was made of the same source."""
        repository, commit = self.redeye.places.repository, self.inputs.commit
        if not commit.endswith("+changes") and extract_commit(repository, commit, to):
            return
        if self.redeye.services["code"]()["source_sha256"] != self.inputs.source_sha256:
            raise DataError(
                f"reproduce {self.number}: its source is not here (commit {commit[:60]}); fetch that "
                f"commit with git; what was made of uncommitted changes cannot be made again"
            )

        def aside(folder: str, names: list[str]) -> list[str]:
            here = STATE if Path(folder) == repository else ()
            return [name for name in names if name in (*here, "__pycache__")]

        shutil.copytree(repository, to, ignore=aside)

    def _refuse_other_lock(self) -> None:
        if self.inputs.lock_sha256 == lock_sha256(self.redeye.places.repository):
            return
        commit = self.inputs.commit.removesuffix("+changes")
        raise ConfigError(
            f"reproduce {self.number}: it was made with another requirements.lock than this environment; "
            f"make its own with `git worktree add FOLDER {commit}` and `make -C FOLDER install`, then run "
            f"`redeye reproduce {self.number} --python FOLDER/.venv/bin/python`"
        )

    def _landed(self, lake: LocalLake) -> IngestResult:
        """The record of ingest, naming all that is in data/raw.

        Earlier nights reached further back than this one, and histories of its first days read that, too.
        """
        problem, day = self.redeye.services["problem"](), self.inputs.day
        found = [
            lake.find(
                f"raw/{table.name}", problem.first_day, day - (table.kind == "facts") * DAY, day
            )
            for table in problem.tables
        ]
        return IngestResult(
            day=day,
            version=self.inputs.data_version,
            recorded="restored to train a version again",
            partitions=tuple(partition for of_table in found for partition in of_table),
            new=0,
            rows={},
        )


def _differences(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What two runs tell of what decides a model, where they do not tell the same."""
    names = sorted(name for name in {*then, *now} if not name.startswith(ASIDE))
    told = {name: (then.get(name, "not told"), now.get(name, "not told")) for name in names}
    return {name: pair for name, pair in told.items() if pair[0] != pair[1]}
