"""Two trainings at once end as if one had followed the other."""

from __future__ import annotations

import multiprocessing
from datetime import date, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from pipelines.core.records import Candidates
from tests.integration.learning import DAY, World


def train(root: Path, day: date, barrier: Barrier, to: Path) -> None:
    world = World(root)
    barrier.wait(300)
    to.write_text(world.train(day).to_json())


@pytest.mark.parametrize("apart", [0, 1], ids=["of the same day", "of two days"])
def test_two_trainings_at_once_are_both_right(tmp_path: Path, apart: int) -> None:
    root = tmp_path / "root"
    World(root)  # everything has landed
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    days = [DAY, DAY + timedelta(days=apart)]
    processes = [
        context.Process(target=train, args=(root, day, barrier, tmp_path / f"{n}.json"))
        for n, day in enumerate(days)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
    assert [process.exitcode for process in processes] == [0, 0]

    made = [Candidates.from_json((tmp_path / f"{n}.json").read_bytes(), f"{n}") for n in range(2)]
    world, alone = World(root), World(tmp_path / "alone")
    for day, candidates in zip(days, made, strict=True):
        told = {
            one.name: (one.sha256, one.held_out_sha256, one.golden) for one in candidates.candidates
        }
        expected = alone.train(day)
        assert candidates.fingerprint == expected.fingerprint
        assert told == {
            one.name: (one.sha256, one.held_out_sha256, one.golden) for one in expected.candidates
        }
        assert world.evaluate(candidates).unanswered == {}
    versions = [one.version for candidates in made for one in candidates.candidates]
    assert len(set(versions)) == 2 * (1 + apart)
    assert world.registry.version(str(2 * (1 + apart) + 1)) is None
