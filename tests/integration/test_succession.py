"""Every move of the champion is seen, checked and written down; nobody unproven ever serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import GateRefused, UsageError
from pipelines.core.records import LedgerEntry
from pipelines.promotion.champion import current_champion, promote_by_hand, roll_back, sync_champion
from tests.integration.serving import DAY, Serving


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """Version 2 is champion, version 1 was; 3 is proven too, 4 is not."""
    serving = Serving(tmp_path)
    for version in ("1", "2", "3"):
        serving.registry.add(version)
    serving.registry.add("4", blessed=False)
    serving.serve("1")
    serving.serve("2")
    return serving


def last(serving: Serving) -> LedgerEntry:
    return serving.warehouse.ledger()[-1]


# Moved in MLflow


def test_a_move_in_mlflow_is_written_down_with_the_champion_before_it(serving: Serving) -> None:
    serving.registry.aliases["champion"] = "3"

    throne = sync_champion(serving.registry, serving.warehouse)

    assert throne.champion is not None
    assert (throne.champion.version, throne.refusal) == ("3", None)
    moved = LedgerEntry(version="3", before="2", actor="mlflow", reason="alias moved in MLflow")
    assert last(serving) == throne.entry == moved
    assert serving.registry.aliases["previous-champion"] == "2"


def test_looking_again_changes_nothing(serving: Serving) -> None:
    for alias in ("3", "4"):
        serving.registry.aliases["champion"] = alias
        sync_champion(serving.registry, serving.warehouse)
        before = serving.warehouse.ledger()

        again = sync_champion(serving.registry, serving.warehouse)

        assert again.entry is None
        assert serving.warehouse.ledger() == before


def test_an_unproven_version_is_refused_where_a_person_sees_it(serving: Serving) -> None:
    serving.registry.aliases["champion"] = "4"

    throne = sync_champion(serving.registry, serving.warehouse)

    assert throne.refusal == "it is not blessed for quality"
    assert throne.stand_in is not None
    assert throne.stand_in.version == "2"
    assert (last(serving).kind, last(serving).version) == ("refused", "4")
    assert serving.registry.told["4"] == "refused as champion: it is not blessed for quality"
    assert current_champion(serving.warehouse.ledger()) == "2"


def test_a_version_whose_file_is_not_the_registered_one_is_refused(serving: Serving) -> None:
    del serving.registry.models["3"]
    serving.registry.aliases["champion"] = "3"

    assert "damaged" in (sync_champion(serving.registry, serving.warehouse).refusal or "")
    assert serving.score().model_version == "2"


def test_a_version_with_other_features_is_refused(serving: Serving) -> None:
    other = serving.registry.versions["3"].model_copy(update={"features": ("heard",)})
    serving.registry.versions["3"] = other
    serving.registry.aliases["champion"] = "3"

    publication = serving.score()

    assert (publication.answered_by, publication.model_version) == ("previous-champion", "2")
    assert "heard" in last(serving).reason


def test_who_comes_back_from_a_refused_one_is_champion_without_a_new_entry(
    serving: Serving,
) -> None:
    serving.registry.aliases["champion"] = "4"
    sync_champion(serving.registry, serving.warehouse)
    serving.registry.aliases["champion"] = "2"

    throne = sync_champion(serving.registry, serving.warehouse)

    assert throne.stand_in is None
    assert throne.entry is None
    assert serving.score().answered_by == "champion"


def test_an_alias_that_was_taken_away_is_written_down_and_the_last_one_serves(
    serving: Serving,
) -> None:
    del serving.registry.aliases["champion"]

    publication = serving.score()

    assert (publication.answered_by, publication.model_version) == ("previous-champion", "2")
    assert (last(serving).kind, last(serving).reason) == ("gone", "the alias `champion` is gone")


def test_a_version_that_was_deleted_is_written_down_and_the_one_before_serves(
    serving: Serving,
) -> None:
    del serving.registry.aliases["champion"]
    del serving.registry.versions["2"]

    publication = serving.score()

    assert (publication.answered_by, publication.model_version) == ("previous-champion", "1")
    assert last(serving).reason == "version 2 is gone from the registry"


def test_a_look_alike_alias_is_nobody(serving: Serving) -> None:
    serving.registry.aliases |= {"Champion": "3", "сhampion": "3"}

    assert serving.score().model_version == "2"
    assert last(serving).version == "2"


def test_a_promotion_while_a_day_is_scored_waits_for_the_next(serving: Serving) -> None:
    class Moving(type(serving.workers)):  # type: ignore[misc]
        def ask(self, questions):  # type: ignore[no-untyped-def]
            serving.registry.aliases["champion"] = "3"
            return super().ask(questions)

    serving.workers = Moving(serving.registry)

    during = serving.score()

    assert during.model_version == "2"
    assert set(serving.warehouse.predictions(DAY, DAY)["model_version"]) == {"2"}
    assert serving.score().model_version == "3"


# By hand


def test_a_person_promotes_a_proven_version_with_a_reason(serving: Serving) -> None:
    promote_by_hand("3", "winter is coming", serving.registry, serving.warehouse)

    assert serving.registry.aliases["champion"] == "3"
    assert serving.registry.aliases["previous-champion"] == "2"
    assert (last(serving).actor, last(serving).before) == ("command line", "2")


def test_a_person_cannot_promote_what_is_not_proven(serving: Serving) -> None:
    with pytest.raises(GateRefused, match="version 4 may not serve: it is not blessed"):
        promote_by_hand("4", "please", serving.registry, serving.warehouse)
    with pytest.raises(UsageError, match="no version '9'"):
        promote_by_hand("9", "please", serving.registry, serving.warehouse)

    assert serving.registry.aliases["champion"] == "2"


def test_rolling_back_gives_the_place_to_the_champion_before(serving: Serving) -> None:
    entry = roll_back("late in the rain", serving.registry, serving.warehouse)

    assert (entry.version, entry.before, entry.kind) == ("1", "2", "rolled back")
    assert serving.registry.aliases["champion"] == "1"
    assert serving.score().model_version == "1"
    assert last(serving) == entry


def test_rolling_back_passes_over_those_that_may_not_serve(serving: Serving) -> None:
    serving.serve("3")
    del serving.registry.models["2"]

    assert roll_back("", serving.registry, serving.warehouse).version == "1"


def test_without_a_proven_champion_before_there_is_no_way_back(serving: Serving) -> None:
    del serving.registry.versions["1"]

    with pytest.raises(GateRefused, match="version 1: it is gone from the registry"):
        roll_back("", serving.registry, serving.warehouse)

    assert serving.registry.aliases["champion"] == "2"


# A day


def test_a_day_goes_back_to_what_was_published_before_without_scoring(serving: Serving) -> None:
    first = serving.score()
    serving.registry.add("3", times=0.5)
    serving.serve("3")
    serving.score()

    run = serving.warehouse.roll_back(DAY)

    assert run.run_id == first.run_id
    assert set(serving.warehouse.predictions(DAY, DAY)["model_version"]) == {"2"}
    moves = serving.ask("SELECT run_id, before FROM publication ORDER BY token")
    assert [run for run, _ in moves] == [first.run_id, moves[1][0], first.run_id]


def test_a_day_without_an_earlier_publication_stays(serving: Serving) -> None:
    first = serving.score()

    with pytest.raises(GateRefused, match="nothing was published before"):
        serving.warehouse.roll_back(DAY)

    published = serving.warehouse.published(DAY)
    assert published is not None
    assert published.run_id == first.run_id
