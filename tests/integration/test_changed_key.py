"""A database names its events by one key: another one is refused before anything is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from pipelines.core.errors import ConfigError
from tests.integration.audited import Audited, an_audited_world
from tests.integration.flights import PROBLEM
from tests.integration.serving import DAY, Serving

OTHER = replace(PROBLEM, key=("carrier", "flight", "origin"))


@pytest.fixture
def serving(tmp_path: Path, url: str) -> Serving:
    serving = Serving(tmp_path, url=url)
    serving.score()
    serving.flew(DAY, [20.0, 5.0, None])
    serving.settle(DAY.replace(day=2))
    return serving


def outcomes(serving: Serving) -> int:
    return int(serving.warehouse.predictions(DAY, DAY)["label"].notna().sum())


def test_a_changed_key_is_refused_and_nothing_is_written(serving: Serving) -> None:
    before = outcomes(serving)
    serving.problem = OTHER

    for stage in (serving.score, lambda: serving.settle(DAY.replace(day=2))):
        with pytest.raises(
            ConfigError, match=r"names its events by .*sched_dep_time.*restore"
        ) as no:
            stage()
        assert no.value.exit_code == 78

    assert outcomes(serving) == before == 2
    serving.problem = PROBLEM
    serving.settle(DAY.replace(day=2))  # the way back that the sentence names


def test_a_new_database_takes_the_new_key(serving: Serving, tmp_path: Path) -> None:
    serving.problem, serving.url = OTHER, f"sqlite:///{tmp_path}/new.db"

    serving.score()
    serving.settle(DAY.replace(day=2))

    assert outcomes(serving) == 2


def test_verify_finds_outcomes_that_were_named_by_another_key(tmp_path: Path) -> None:
    """As they stand in a database of before the key was kept."""
    world: Audited = an_audited_world(tmp_path)
    world.settle(DAY.replace(day=2))
    assert world.broken() == {}
    engine = create_engine(f"sqlite:///{tmp_path}/redeye.db")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO outcome (day, event_key, label, known_at) "
                "SELECT day, event_key || '|more', label, known_at FROM outcome"
            )
        )
    engine.dispose()

    assert list(world.broken()) == ["I1"]
    assert "3 of 6 are of events that no accepted row of flights names" in world.broken()["I1"]
