"""What DVC runs is an experiment: none of its places is production's, and DVC itself says that it is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.core.config import find_places

REPOSITORY = find_places({}).repository
DVC = Path(sys.executable).parent / "dvc"
# A stage that tells what a command that DVC starts is told, and where it would work.
TELL = """
import json, os
from pathlib import Path
from pipelines.core.config import is_experiment
Path("told.json").write_text(json.dumps({
    "experiment": is_experiment(os.environ),
    "environ": {name: value for name, value in os.environ.items() if name.startswith("DVC_")},
}))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "tell.py").write_text(TELL)
    (folder / "params.yaml").write_text("rate: 1\n")
    (folder / ".gitignore").write_text("/told.json\n")
    (folder / "dvc.yaml").write_text(
        f"stages: {{tell: {{cmd: {sys.executable} tell.py, params: [rate],"
        f" outs: [told.json: {{cache: false}}]}}}}\n"
    )
    for words in (
        ("git", "init", "--quiet"),
        (str(DVC), "init", "--quiet"),
        ("git", "add", "--all"),
        ("git", "commit", "--quiet", "--message", "A project"),
    ):
        run(folder, *words)
    return folder


def run(folder: Path, *words: str) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("REDEYE_")}
    people = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    own |= dict.fromkeys(people, "nobody") | {"DVC_NO_ANALYTICS": "true"}
    own["PYTHONPATH"] = str(REPOSITORY)
    done = subprocess.run(words, cwd=folder, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [("repro",), ("exp", "run", "-S", "rate=2")])
def test_a_command_that_dvc_starts_is_an_experiment(words: tuple[str, ...], project: Path) -> None:
    run(project, str(DVC), *words)

    told = json.loads((project / "told.json").read_text())
    assert told["experiment"]
    # The real environment, with the folder that DVC names replaced by this repository.
    places = find_places(told["environ"] | {"DVC_ROOT": str(REPOSITORY)})
    assert places.root == REPOSITORY / "experiments"
    assert places.production == REPOSITORY


def test_a_copy_in_which_dvc_works_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"DVC_STAGE": "ingest", "DVC_ROOT": str(project), "REDEYE_ROOT": str(project)}

    assert main(["ingest", "--day", "2013-03-20"], environ) == 78
    assert "without --temp and --queue" in capsys.readouterr().err


def test_every_place_of_an_experiment_is_its_own(tmp_path: Path) -> None:
    production = find_places({"REDEYE_ROOT": str(tmp_path), "REDEYE_DVC_REMOTE": "s3://kept/raw"})
    places = find_places(
        {
            "REDEYE_EXPERIMENT": "yes",
            "REDEYE_ROOT": str(tmp_path),
            "REDEYE_DVC_REMOTE": "s3://kept/raw",
        }
    )

    own = REPOSITORY / "experiments"
    assert (places.root, places.production) == (own, production.root)
    assert places.database_url == f"sqlite:///{own}/var/redeye.db"
    assert places.tracking_uri == f"sqlite:///{own}/var/mlflow.db"
    assert places.dvc_remote == f"{own}/var/dvc-remote"


@pytest.mark.parametrize("query", ["", "?sslmode=require"])
def test_on_a_server_an_experiment_has_a_schema_of_its_own(query: str) -> None:
    url = f"postgresql://redeye@db/redeye{query}"
    places = find_places({"REDEYE_EXPERIMENT": "yes", "REDEYE_DATABASE_URL": url})

    assert places.database_url.startswith(url)
    assert "search_path%3Dredeye_experiments" in places.database_url
    assert find_places({"REDEYE_DATABASE_URL": url}).database_url == url


def test_a_word_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--day", "2013-03-20"], {"REDEYE_EXPERIMENT": "no"}) == 78
    assert "REDEYE_EXPERIMENT: 'no' is not known; write yes, or unset it" in capsys.readouterr().err
