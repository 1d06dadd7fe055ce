"""Nights in a storm: killed at random moments, overtaken, crashed and corrected in any order."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from pipelines.adapters.dvc.versions import DvcVersions
from pipelines.core.config import Paths
from pipelines.core.errors import TemporaryError
from pipelines.core.fault_injection import POINTS, activate
from tests.integration import learning
from tests.integration.killing import Killer
from tests.integration.small_night import DAY, STAGES, Nights

pytestmark = pytest.mark.slow

STORM = [DAY + timedelta(days=n) for n in range(1, 4)]
MOST_KILLS = 16
Made = TypeVar("Made")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    nights = Nights(tmp_path_factory.mktemp("undisturbed")).found()
    for day in (DAY, *STORM):
        nights.run(day)
    return nights


def test_a_storm_of_kills_loses_and_doubles_nothing(
    undisturbed: Nights, tmp_path: Path, url: str, killer: Killer
) -> None:
    nights = Nights(tmp_path, url).found()
    nights.run(DAY)
    chance, kills, over = random.Random(7), 0, False
    while not over:
        process = killer.start(tmp_path, url, STORM, STAGES)
        if kills < MOST_KILLS:
            time.sleep(chance.uniform(0.0, 0.8))
            process.kill()
        process.join()
        over = process.exitcode == 0
        kills += not over
        assert nights.broken() == {}

    assert kills > 3
    assert nights.state() == undisturbed.state()


def test_two_runs_of_the_same_days_at_once_count_nothing_twice(
    undisturbed: Nights, tmp_path: Path, url: str, killer: Killer
) -> None:
    nights = Nights(tmp_path, url).found()
    nights.run(DAY)

    both = [killer.start(tmp_path, url, STORM, STAGES) for _ in range(2)]
    for process in both:
        process.join()

    assert 0 in {process.exitcode for process in both}
    assert nights.broken() == {}
    assert nights.state() == undisturbed.state()


LEARNING = {
    "train": (
        "registry.before_call",
        "train.before_register",
        "registry.before_version",
        "registry.after_version",
    ),
    "evaluate": ("evaluate.before_log",),
    "promote": (
        "registry.before_blessing",
        "promote.before_previous",
        "promote.before_champion",
        "promote.before_ledger",
    ),
}


def test_every_point_of_learning_is_in_the_test() -> None:
    learning_points = ("train.", "evaluate.", "promote.", "registry.")

    wanted = {point for point in POINTS if point.startswith(learning_points)}

    assert {point for points in LEARNING.values() for point in points} == wanted


def test_a_night_of_learning_survives_a_failure_at_each_of_its_points(tmp_path: Path) -> None:
    verdict = learning.World(tmp_path / "undisturbed").night()
    world = learning.World(tmp_path / "disturbed")

    candidates = survive("train", world.train)
    evaluation = survive("evaluate", lambda: world.evaluate(candidates))
    again = survive("promote", lambda: world.promote(candidates, evaluation))

    assert again == verdict
    assert again.outcome == "champion"
    assert [entry.version for entry in world.warehouse.ledger()] == [again.version]
    assert world.registry.version(str(len(world.problem.recipes) + 1)) is None


def survive(stage: str, run: Callable[[], Made]) -> Made:
    """Fail a stage at each of its points, one after the other, then let it do its work."""
    for point in LEARNING[stage]:
        fault = activate(f"{point}:error")
        with pytest.raises(TemporaryError):
            run()
        assert fault is not None
        assert fault.fired == point
    activate(None)
    return run()


def test_a_version_of_the_data_survives_a_failure_at_each_of_its_points(tmp_path: Path) -> None:
    places = Paths(tmp_path, tmp_path, "", "", str(tmp_path / "remote"))
    raw = tmp_path / "data" / "raw" / "rides"
    raw.mkdir(parents=True)
    (tmp_path / "remote").mkdir()
    (raw / "rows.parquet").write_bytes(b"rows")
    versions = DvcVersions(places)
    for point in sorted(point for point in POINTS if point.startswith("versions.")):
        activate(f"{point}:error")
        with pytest.raises(TemporaryError):
            versions.record(DAY)
    activate(None)

    version, _ = versions.record(DAY)

    assert [entry["version"] for entry in versions.log()] == [version]
    shutil.rmtree(raw)
    assert versions.checkout(version, tmp_path / "restored") == 1
    assert (tmp_path / "restored" / "rides" / "rows.parquet").read_bytes() == b"rows"
