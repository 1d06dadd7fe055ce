"""A registered version, trained again: the same bytes, or what it is that differs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clone import PROBLEMS, Clone, git

pytestmark = pytest.mark.slow

STAGES = "ingest,validate,features,train"
FIRST, SECOND, THIRD = "2013-03-15", "2013-03-16", "2013-03-17"
SETTINGS = {"history_days: 120": "history_days: 70", "training_days: 120": "training_days: 70"}
SETTINGS |= {"test_days: 28 ": "test_days: 14 "}
OWN = {"redeye.db-wal", "redeye.db-shm", "site"}


def edit(path: Path, changes: dict[str, str]) -> str:
    """Replace texts in a file that has each of them; what the file was."""
    before = text = path.read_text()
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
    return before


@contextmanager
def edited(path: Path, changes: dict[str, str]) -> Iterator[None]:
    """A file edited, and not committed, for a while."""
    before = edit(path, changes)
    yield
    path.write_text(before)


def learn(clone: Clone, day: str) -> dict[str, str]:
    """A night as far as its models; their versions by name."""
    done = clone.redeye("backfill", "--from", day, "--to", day, "--stages", STAGES)
    assert done.returncode == 0, done.stderr
    record = json.loads((clone.root / "runs" / day / "candidates.json").read_text())
    return {one["name"]: one["version"] for one in record["candidates"]}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = Clone.of_the_project(tmp_path_factory.mktemp("rain"))
    clone.convert(PROBLEMS / "rain")
    edit(clone.folder / "params.yaml", SETTINGS)
    model = clone.folder / "pipelines" / "problem" / "model.py"
    edit(model, {"n_estimators=40": "n_estimators=40, subsample=0.5"})  # its seed decides
    git(clone.folder, "add", "--all")
    git(clone.folder, "commit", "--quiet", "--message", "Rain")
    return clone


@pytest.fixture(scope="module")
def versions(clone: Clone) -> dict[str, dict[str, str]]:
    """Versions by night and name: of two nights of the commit, and one of other settings, uncommitted."""
    made = {day: learn(clone, day) for day in (FIRST, SECOND)}
    with edited(clone.folder / "params.yaml", {"training_days: 70": "training_days: 60"}):
        return made | {THIRD: learn(clone, THIRD)}


def state(clone: Clone) -> dict[str, bytes]:
    """All that production keeps, but for a database's own files, and DVC's index of its cache."""
    kept = [p for name in ("data", "runs", "var") for p in (clone.root / name).rglob("*")]
    return {
        str(p): p.read_bytes()
        for p in kept
        if p.is_file() and not OWN.intersection((p.name, *p.parts))
    }


def test_a_version_is_made_again_byte_for_byte_and_nothing_else_is(
    clone: Clone, versions: dict[str, dict[str, str]]
) -> None:
    before, number = state(clone), versions[SECOND]["gradient-boosting"]
    with edited(clone.folder / "params.yaml", {"seed: 2013": "seed: 2014"}):  # its commit counts
        done = clone.redeye("reproduce", number, "--json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["equal"], told["differs"]) == ("bytes", {})
    assert told["made_sha256"] == told["sha256"]
    assert state(clone) == before


def test_a_version_whose_settings_are_lost_is_another_and_the_difference_is_named(
    clone: Clone, versions: dict[str, dict[str, str]]
) -> None:
    done = clone.redeye("reproduce", versions[THIRD]["logistic-regression"], "--json")

    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert told["equal"] == "nothing"
    assert {"events", "first_day", "input features"} <= set(told["differs"])
    assert "source_sha256" not in told["differs"]


def test_a_seed_that_is_not_the_recorded_one_is_found(
    clone: Clone, versions: dict[str, dict[str, str]]
) -> None:
    """What trains with another seed than it says cannot be made again."""
    refit = clone.folder / "pipelines" / "training" / "refit.py"
    with edited(refit, {"params.seed, params.threads, params.device)\n    return": (
        "params.seed + __import__('os').getpid(), params.threads, params.device)\n    return"
    )}):  # fmt: skip
        git(clone.folder, "commit", "--quiet", "--all", "--message", "Jitter the seed")
        version = learn(clone, SECOND)["gradient-boosting"]
        assert version != versions[SECOND]["gradient-boosting"]

        done = clone.redeye("reproduce", version, "--json")
    git(clone.folder, "commit", "--quiet", "--all", "--message", "Mend the seed")

    assert done.returncode == 3
    assert (json.loads(done.stdout)["equal"], json.loads(done.stdout)["differs"]) == ("nothing", {})


def test_what_cannot_be_made_again_is_a_sentence_with_the_way(
    clone: Clone, versions: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    number = versions[FIRST]["gradient-boosting"]

    with edited(clone.folder / "requirements.lock", {"xgboost==": "xgboost=="}):
        (clone.folder / "requirements.lock").open("a").write("# another\n")
        other_lock = clone.redeye("reproduce", number)
    absent, wrong, python = (
        clone.redeye("reproduce", *words)
        for words in (["999"], ["current"], [number, "--python", str(tmp_path / "none")])
    )
    with sqlite3.connect(clone.root / "var" / "mlflow.db") as store:
        store.execute("UPDATE params SET value = '--output=x' WHERE key = 'git_commit'")
        store.execute("UPDATE params SET value = '[[[' WHERE key = 'seed'")
    forged = clone.redeye("reproduce", number)

    assert (other_lock.returncode, "worktree add" in other_lock.stderr) == (78, True)
    assert [one.returncode for one in (absent, wrong, python)] == [2, 2, 2]
    assert forged.returncode == 3
    for one in (other_lock, absent, wrong, python, forged):
        assert "Traceback" not in one.stderr
