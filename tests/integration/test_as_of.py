"""A past day scored as its night would: by who answered then, or who would have."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import DataError, GateRefused
from tests.integration.serving import DAY, Serving


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """Version 1 was champion, and learned from days before; version 2 is."""
    serving = Serving(tmp_path)
    serving.registry.add("1", level=0.1, until=DAY - timedelta(days=9))
    serving.registry.add("2", until=DAY - timedelta(days=2))
    serving.serve("1")
    serving.serve("2")
    return serving


def published(serving: Serving) -> list[tuple[object, ...]]:
    """All that consumers read of the day."""
    return serving.ask("SELECT * FROM prediction_current ORDER BY event_key")


def later_champion(serving: Serving) -> None:
    """A version that has learned from the day, and more, becomes champion, and its answers replace."""
    serving.registry.add("3", level=0.3, until=DAY + timedelta(days=30))
    serving.serve("3")
    assert serving.score().model_version == "3"


def test_what_was_published_is_published_again_to_the_byte(serving: Serving) -> None:
    serving.score()
    before = published(serving)
    later_champion(serving)
    assert published(serving) != before

    again = serving.score(model="as-of")

    assert (again.answered_by, again.model_version) == ("champion", "2")
    assert published(serving) == before


@pytest.mark.parametrize("who", ["baseline", "canary", "version"])
def test_whoever_answered_answers_again(serving: Serving, who: str) -> None:
    serving.registry.add("4", level=0.4, until=DAY - timedelta(days=2))
    serving.registry.aliases["canary"] = "4"
    asked = {"model": "4"} if who == "version" else {"schedule": [who]}
    serving.score(**asked)  # type: ignore[arg-type]
    before = published(serving)
    later_champion(serving)

    again = serving.score(model="as-of")

    assert again.answered_by == who
    assert published(serving) == before


def test_the_challenger_has_the_keys_that_it_had(serving: Serving) -> None:
    serving.registry.add("4", times=0.5, until=DAY - timedelta(days=2))
    serving.registry.aliases["challenger"] = "4"
    table = serving.features(said=np.linspace(0.4, 0.9, 60))
    serving.score(table=table, rollout=0.4)
    before = published(serving)
    assert {row[before_column(serving, "answered_by")] for row in before} == {
        "champion",
        "challenger",
    }
    serving.registry.aliases["challenger"] = "1"
    serving.score(table=table, rollout=0.1)
    assert published(serving) != before

    serving.score(table=table, model="as-of", rollout=0.9)

    assert published(serving) == before


def before_column(serving: Serving, name: str) -> int:
    columns = serving.ask("SELECT name FROM pragma_table_info('prediction_current')")
    return [column for (column,) in columns].index(name)


def test_a_day_that_was_never_published_has_the_last_champion_that_did_not_learn_from_it(
    serving: Serving,
) -> None:
    serving.registry.add("3", level=0.3, until=DAY + timedelta(days=30))
    serving.serve("3")

    found = serving.score(model="as-of")

    assert (found.answered_by, found.model_version) == ("champion", "2")
    assert found.trained_until is not None
    assert found.trained_until < DAY
    assert "the last champion that had not learned from the day" in found.reason


def test_before_the_first_champion_the_baseline_answers(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    serving.registry.add("1", level=0.1, until=DAY)
    serving.registry.versions["1"] = serving.registry.versions["1"].model_copy(
        update={"trained_until": DAY}
    )
    serving.serve("1")

    assert serving.score(model="as-of").answered_by == "baseline"


def test_a_version_that_answered_and_is_gone_or_may_not_serve_is_told(serving: Serving) -> None:
    serving.score()
    before = published(serving)
    gone = serving.registry.versions.pop("2")

    with pytest.raises(DataError, match=r"version 2, which answered when .* is gone"):
        serving.score(model="as-of")
    serving.registry.versions["2"] = gone
    serving.registry.judge(gone, passed=False)
    with pytest.raises(GateRefused, match=r"version 2.* is not blessed"):
        serving.score(model="as-of")

    assert published(serving) == before
