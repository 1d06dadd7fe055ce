"""What `make up` serves: a home page on which everything is healthy, and a schedule that works."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from world import environ_of

from infra.airflow_api import ENDED, Api
from infra.airflow_config import any_port, open_home
from infra.machine import Machine
from infra.running import Stack
from pipelines.core.config import find_places

pytestmark = pytest.mark.slow

PARTS = {"metadatabase", "scheduler", "triggerer", "dag_processor"}


@pytest.fixture(scope="module")
def up() -> Iterator[tuple[Stack, Api]]:
    """A fresh root, on which nothing ever ran."""
    # Not pytest's folder: only its owner may enter, and root's PostgreSQL is another user.
    with (
        tempfile.TemporaryDirectory(prefix="redeye-", ignore_cleanup_errors=True) as root,
        pytest.MonkeyPatch.context() as patch,
    ):
        environ = environ_of(Path(root))
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            patch.delenv(name, raising=False)  # of a test before this one
        patch.setenv("REDEYE_ROOT", root)
        home = open_home(find_places(environ))
        with Machine(home, print).airflow(any_port()) as stack:
            yield stack, stack.api(home, lambda said: print(said, file=sys.stderr))


def test_every_part_that_the_home_page_shows_is_healthy(up: tuple[Stack, Api]) -> None:
    _, api = up

    assert {part for part, state in api.health().items() if state == "healthy"} == PARTS


def test_the_first_scheduled_look_at_the_alias_does_not_fail(up: tuple[Stack, Api]) -> None:
    _, api = up
    runs: list[dict[str, Any]] = []

    def looked() -> bool:
        path = "/dags/redeye_promotion/dagRuns?order_by=run_after&limit=1"
        runs[:] = api.call("GET", path)["dag_runs"]
        return bool(runs) and runs[0]["state"] in ENDED

    assert api.patience is not None
    api.patience.until(looked, "the first look")

    assert (runs[0]["run_type"], runs[0]["state"]) == ("scheduled", "success")
