"""Promotion by its two doors, through a real Airflow: the alias in MLflow, and an approval."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from world import FIRST, World

from infra.api import ENDED, Api, wait_until
from infra.machine import Machine
from infra.settings import open_home
from pipelines.core.config import find_places

pytestmark = pytest.mark.slow

MODEL = "flights-late"


@pytest.fixture(scope="module")
def world(first_night: Path) -> Iterator[World]:
    # Not below pytest's own folder: only its owner may enter, and root's PostgreSQL is another user.
    with tempfile.TemporaryDirectory(prefix="redeye-", ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "root"
        shutil.copytree(first_night, root, symlinks=True)
        yield World(root)


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[Api]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDEYE_ROOT", str(world.root))
        home = open_home(find_places(world.environ))
        with Machine(home, print).airflow() as stack:
            yield stack.api(home)


@pytest.fixture
def aliases(world: World) -> Any:
    """What a person has in the MLflow UI."""
    import mlflow

    return mlflow.MlflowClient(tracking_uri=find_places(world.environ).tracking_uri)


def ended(api: Api, run: str) -> str:
    """The state in which a run ends."""
    wait_until(lambda: api.call("GET", run)["state"] in ENDED, 120, "the end of the run")
    return str(api.call("GET", run)["state"])


def ledger(world: World) -> list[tuple[Any, ...]]:
    return world.rows("SELECT kind, version, before, actor FROM ledger ORDER BY entry")


def other_version(aliases: Any) -> tuple[str, str]:
    """The champion, and the other version of the night."""
    champion = aliases.get_model_version_by_alias(MODEL, "champion").version
    found = aliases.search_model_versions(f"name = '{MODEL}'")
    return champion, next(v.version for v in found if v.version != champion)


def test_an_alias_moved_in_mlflow_is_seen_and_an_approval_moves_it_back(
    world: World, api: Api, aliases: Any
) -> None:
    champion, other = other_version(aliases)
    api.unpause("redeye_approval")
    aliases.set_registered_model_alias(MODEL, "champion", other)

    looked = ended(api, api.trigger("redeye_promotion", {}))
    aliases.set_registered_model_alias(MODEL, "challenger", champion)
    run = api.trigger("redeye_approval", {})
    question = f"{run}/taskInstances/approve/-1/hitlDetails"
    wait_until(lambda: _asks(api, run), 120, "the question")
    asked = api.call("GET", question)
    api.call("PATCH", question, {"chosen_options": ["Approve"], "params_input": {}})

    assert looked == "success"
    assert asked["subject"] == f"Shall version {champion} become champion?"
    assert "over the baseline" in asked["body"]
    assert ended(api, run) == "success"
    assert ledger(world)[1:] == [
        ("promoted", other, champion, "mlflow"),
        ("promoted", champion, other, "command line"),
    ]
    reasons = world.rows("SELECT reason FROM ledger ORDER BY entry DESC LIMIT 1")
    assert reasons == [("approved in Airflow by admin",)]
    assert world.redeye("score", "--day", FIRST).returncode == 0


def _asks(api: Api, run: str) -> bool:
    states = {task["task_id"]: task["state"] for task in api.tasks(run)}
    return states.get("approve") in ("awaiting_input", "deferred", "failed")
