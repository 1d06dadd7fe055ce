"""Through a real Airflow: a night and a backfill, promotion by its two doors, and people who are told
what is wrong.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from hook import Hook, listening
from world import FIRST, SECOND, World, copy_version, published, registry_of, stack

from infra.airflow_api import ENDED, Api
from infra.airflow_config import open_home
from infra.machine import Machine
from pipelines.core.command_text import as_sent
from pipelines.core.config import find_places

pytestmark = pytest.mark.slow

MODEL = "flights-late"
QUESTION = "/taskInstances/approve/-1/hitlDetails"
MISSED = "2013-03-23"  # people are told of the newest night; of those before it the report tells


@pytest.fixture(scope="module")
def chat() -> Iterator[str]:
    with listening() as address:
        yield address


@pytest.fixture(scope="module")
def api(world: World, chat: str) -> Iterator[Api]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            patch.delenv(name, raising=False)  # of a test before this one
        patch.setenv("REDEYE_ROOT", str(world.root))
        patch.setenv("REDEYE_ALERT_WEBHOOK", chat)
        patch.setenv("REDEYE_ALERT_HOSTS", "127.0.0.1")
        home = open_home(find_places(world.environ))
        with Machine(home, print).airflow() as running:
            yield running.api(home, print)


@pytest.fixture
def aliases(world: World) -> Any:
    return registry_of(world.root)


def patient(api: Api, ready: Callable[[], bool], what: str) -> None:
    """Wait for as long as Airflow lives."""
    assert api.patience is not None
    api.patience.until(ready, what)


def ended(api: Api, run: str) -> str:
    """The state in which a run ends; of a red one, what its red tasks said is printed."""
    patient(api, lambda: api.call("GET", run)["state"] in ENDED, "the end of the run")
    for task in api.tasks(run):
        if task["state"] == "failed":
            print(task["task_id"], api.failure(run, task))
    return str(api.call("GET", run)["state"])


def ledger(world: World) -> list[tuple[Any, ...]]:
    return world.rows("SELECT kind, version, before, actor FROM ledger ORDER BY entry")


def champion_of(aliases: Any) -> str:
    return str(aliases.get_model_version_by_alias(MODEL, "champion").version)


@pytest.fixture(scope="module")
def night(world: World, api: Api) -> subprocess.CompletedProcess[str]:
    """A night through the Airflow that runs."""
    return stack(world, "nightly", "--day", SECOND)


@pytest.fixture(scope="module")
def blessed(world: World, night: subprocess.CompletedProcess[str]) -> str:
    """A version that may serve beside the champion."""
    assert night.returncode == 0, night.stderr
    verdict = json.loads((world.root / "runs" / SECOND / "verdict.json").read_text())
    assert verdict["blessed"]
    assert verdict["champion"] != verdict["version"]
    return str(verdict["version"])


def test_a_night_and_a_backfill_through_airflow(
    world: World, night: subprocess.CompletedProcess[str]
) -> None:
    assert night.returncode == 0, night.stderr
    scored = published(world, SECOND)

    backfill = stack(world, "backfill", "--from", FIRST, "--to", SECOND)

    assert backfill.returncode == 0, backfill.stderr
    assert scored
    assert len({key for key, *_ in scored}) == len(scored)
    assert published(world, SECOND) == scored  # what is published stays
    assert f"{FIRST} score" in backfill.stderr


def test_an_alias_moved_in_mlflow_is_seen_and_an_approval_moves_it_back(
    world: World, blessed: str, api: Api, aliases: Any
) -> None:
    champion = champion_of(aliases)
    api.unpause("redeye_approval")
    aliases.set_registered_model_alias(MODEL, "champion", blessed)

    looked = ended(api, api.trigger("redeye_promotion", {}))
    aliases.set_registered_model_alias(MODEL, "challenger", champion)
    run = api.trigger("redeye_approval", {})
    patient(api, lambda: _asks(api, run) or api.call("GET", run)["state"] in ENDED, "the question")
    asked = api.call("GET", run + QUESTION)
    patient(api, lambda: _approved(api, run), "the answer")

    assert looked == "success"
    assert asked["subject"] == f"Shall version {champion} become champion?"
    assert "over the baseline" in asked["body"]
    assert ended(api, run) == "success"
    assert ledger(world)[1:] == [
        ("promoted", blessed, champion, "mlflow"),
        ("promoted", champion, blessed, "command line"),
    ]
    reasons = world.rows("SELECT reason FROM ledger ORDER BY entry DESC LIMIT 1")
    assert reasons == [("approved in Airflow by admin",)]
    assert world.redeye("score", "--day", FIRST).returncode == 0


def _asks(api: Api, run: str) -> bool:
    states = {task["task_id"]: task["state"] for task in api.tasks(run)}
    return states.get("approve") in ("awaiting_input", "deferred")


def _approved(api: Api, run: str) -> bool:
    """Approve whenever Airflow asks, until the run ends. An answer in the second in which the task begins
    to wait can be lost: the scheduler takes the end of the process that asked for that of the resumed one.
    """
    if _asks(api, run):
        api.call("PATCH", run + QUESTION, {"chosen_options": ["Approve"], "params_input": {}})
    return api.call("GET", run)["state"] in ENDED


def mark_schema(world: World, step: str) -> str:
    """Put another step on the database; the one it had."""
    with closing(sqlite3.connect(world.root / "var" / "redeye.db")) as connection, connection:
        (before,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.execute("UPDATE alembic_version SET version_num = ?", (step,))
    return str(before)


def test_people_are_told_of_a_night_that_never_ran_and_of_a_stage_that_was_given_up(
    world: World, api: Api
) -> None:
    missed = ended(api, api.trigger("redeye_monitor", {"day": MISSED}))
    before = mark_schema(world, "9999")
    broken = ended(api, api.trigger("redeye_monitor", {"day": FIRST}))
    mark_schema(world, before)

    assert (missed, broken) == ("success", "failed")
    first, *others = Hook.heard[-3:]
    scores = as_sent(f"redeye score --day {MISSED}")
    assert f"No predictions were published for {MISSED}" in first
    assert f"\n  $ {scores}" in first
    assert sorted(text.splitlines()[-1] for text in others) == [
        as_sent(f"  $ redeye {stage} --day {FIRST}") for stage in ("monitor", "settle")
    ]
    assert all("failed: exit 78: redeye" in text for text in others)


def test_people_are_told_once_of_a_promotion_that_was_refused(
    world: World, blessed: str, api: Api, aliases: Any
) -> None:
    champion = champion_of(aliases)
    other = copy_version(aliases, MODEL, blessed)  # its tags say `passed`, and nobody judged it
    aliases.set_registered_model_alias(MODEL, "champion", other)
    told = len(Hook.heard)

    states = [ended(api, api.trigger("redeye_promotion", {})) for _ in range(2)]
    aliases.set_registered_model_alias(MODEL, "champion", champion)

    assert states == ["failed", "failed"]  # red for as long as the alias stands there
    assert len(Hook.heard) == told + 1
    assert f"on version {other}, which may not serve: it is not blessed: nobody" in Hook.heard[-1]
    again = as_sent(f"redeye promote --version {champion} --reason 'the alias was refused'")
    assert Hook.heard[-1].splitlines()[-1] == f"  $ {again}"
    assert ledger(world)[-1] == ("refused", other, champion, "mlflow")


def test_a_stage_that_fails_gives_the_target_its_exit_code_and_its_sentence(world: World) -> None:
    never_landed = "2013-06-01"

    backfill = stack(
        world, "backfill", "--from", never_landed, "--to", never_landed, "--stages", "validate"
    )

    assert backfill.returncode == 3, backfill.stderr
    assert f"backfill: redeye validate: validate {never_landed}: needs" in backfill.stderr


def test_a_backfill_that_cannot_be_planned_does_nothing_and_is_red(world: World) -> None:
    before = published(world, FIRST)

    refused = stack(world, "backfill", "--from", FIRST, "--to", FIRST, "--model", "99")

    assert refused.returncode == 2, refused.stdout
    assert "there is no version '99'" in refused.stderr
    assert "done" not in refused.stdout
    assert published(world, FIRST) == before
