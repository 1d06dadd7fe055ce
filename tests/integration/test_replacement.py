"""Another model in the champion's place: its own line trained anew, or one that settled days have proven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.records import DayLoss, LedgerEntry, ModelVersion, Verdict
from pipelines.define.problem import ModelSpec
from pipelines.promotion.eligibility import read_blessed
from tests.integration.learning import DAY, FIRST, PROBLEM, World, linear

Begun = tuple[World, Verdict]


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Begun:
    world = World(tmp_path_factory.mktemp("first"))
    return world, world.night()


@pytest.fixture
def begun(first_night: Begun, tmp_path: Path) -> Begun:
    """A world of its own after the first night, and its verdict."""
    world, verdict = first_night
    return world.copy(tmp_path), verdict


@pytest.fixture(scope="module")
def weak_night(tmp_path_factory: pytest.TempPathFactory) -> Begun:
    world = World(tmp_path_factory.mktemp("weak"), problem=DIM)
    return world, world.night()


@pytest.fixture
def strong(weak_night: Begun, tmp_path: Path) -> Begun:
    """A world after the first night of a weak model; from then on its problem has another spec."""
    weak, first = weak_night
    assert first.outcome == "champion", first.reason
    weak.copy(tmp_path)
    return World(tmp_path, problem=BRIGHT), first


def dim(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """A model that sees only whether the wind is strong."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Binarizer

    strong = ColumnTransformer([("wind", Binarizer(threshold=1.0), ["wind"])])
    return make_pipeline(strong, LogisticRegression())


DIM = replace(PROBLEM, recipes=(ModelSpec("dim", dim),))
BRIGHT = replace(PROBLEM, recipes=(ModelSpec("linear", linear),))


def read(world: World, version: str) -> ModelVersion:
    """A version as it was blessed."""
    found = read_blessed(version, world.registry, world.warehouse.blessing)
    assert found is not None
    return found


def prove(world: World, champion: str, line: str, days: int = 60, first: date = FIRST) -> None:
    """Settled days, on each of which a line lost less than the champion's."""
    losses = {"champion": (champion, 0.50), "shadow": (line, 0.40)}
    world.warehouse.count(
        [
            DayLoss(
                day=first + timedelta(days=n), contender=name, line=of, model_version="1",
                loss=loss + 0.01 * (n % 3), events=100, counted_on=DAY,
            )
            for n in range(days)
            for name, (of, loss) in losses.items()
        ]
    )  # fmt: skip


@pytest.mark.parametrize(("policy", "alias"), [("ask", "challenger"), ("auto", "champion")])
def test_the_second_night_refreshes_the_champion_of_its_own_line(
    begun: Begun, policy: str, alias: str
) -> None:
    world, first = begun

    second = world.night(DAY + timedelta(days=1), policy=policy)

    moved, before = world.registry.version(alias), read(world, first.version)
    assert (second.outcome, second.candidate) == (alias, first.candidate), second.reason
    assert moved is not None
    assert (moved.version, read(world, moved.version).line) == (second.version, before.line)
    assert moved.version != first.version
    assert second.champion == (moved.version if policy == "auto" else first.version)
    assert len(second.contenders) == 2  # both of tonight's candidates answer in shadow


def test_a_refresh_that_may_be_worse_keeps_the_champion(begun: Begun) -> None:
    world, first = begun

    second = world.night(DAY + timedelta(days=1), policy="auto", max_regression=0.0)

    assert (second.outcome, second.blessed) == ("kept", True)
    assert second.champion == first.version
    assert "may be worse" in second.reason


@pytest.mark.parametrize(("policy", "alias"), [("ask", "challenger"), ("auto", "champion")])
def test_a_better_model_is_put_where_the_policy_says(
    strong: Begun, policy: str, alias: str
) -> None:
    world, first = strong
    candidates = world.train(DAY + timedelta(days=1))
    evaluation = world.evaluate(candidates)
    unproven = world.promote(candidates, evaluation, policy=policy)
    assert (unproven.outcome, unproven.champion) == ("kept", first.version)
    assert "no settled day has compared them yet" in unproven.reason
    prove(world, read(world, first.version).line, candidates.candidates[0].line)

    verdict = world.promote(candidates, evaluation, policy=policy)

    moved = world.registry.version(alias)
    assert verdict.outcome == alias, verdict.reason
    assert moved is not None
    assert moved.version == verdict.version
    canary = world.registry.version("canary")
    assert canary is not None
    assert canary.version == first.version  # the ruler stays where it is
    before = world.registry.version("previous-champion")
    assert (before.version if before else None) == (first.version if policy == "auto" else None)
    assert len(world.warehouse.ledger()) == (2 if policy == "auto" else 1)


def test_the_gate_does_not_put_back_what_a_person_took_down(strong: Begun) -> None:
    world, first = strong
    candidates = world.train(DAY + timedelta(days=1))
    prove(world, read(world, first.version).line, candidates.candidates[0].line)
    promoted = world.promote(candidates, world.evaluate(candidates), policy="auto")
    assert promoted.outcome == "champion"
    world.registry.point("champion", first.version)
    world.warehouse.append(
        LedgerEntry(
            version=first.version, before=promoted.version, actor="ada", reason="complaints"
        )
    )

    verdict = world.promote(candidates, world.evaluate(candidates), policy="auto")

    assert (verdict.outcome, verdict.champion) == ("kept", first.version)


@pytest.mark.parametrize("on_harm", ["alert", "rollback"])
def test_a_line_that_is_proven_worse_than_the_one_before_it_is_told_or_taken_down(
    strong: Begun, on_harm: str
) -> None:
    world, first = strong
    before = read(world, first.version).line
    candidates = world.train(DAY + timedelta(days=1))
    prove(world, before, candidates.candidates[0].line)
    second = world.promote(candidates, world.evaluate(candidates), policy="auto")
    prove(world, candidates.candidates[0].line, before, first=FIRST + timedelta(days=60))

    tonight = world.train(DAY + timedelta(days=2))
    evaluation = world.evaluate(tonight)
    verdict = world.promote(tonight, evaluation, policy="auto", on_harm=on_harm)
    again = world.promote(tonight, evaluation, policy="auto", on_harm=on_harm)

    assert second.outcome == "champion"
    assert [one.of for one in verdict.harm] == [before]
    champion = world.registry.version("champion")
    assert champion is not None
    assert champion.version == again.champion == verdict.champion
    kinds = [(one.kind, one.actor) for one in world.warehouse.ledger()]
    if on_harm == "alert":
        assert (verdict.outcome, verdict.withdrawn) == ("champion", None)  # its refresh
        assert kinds == [("promoted", "gate")] * 3
    else:
        assert (verdict.outcome, verdict.withdrawn) == ("kept", before)
        assert champion.version == first.version
        assert kinds == [("promoted", "gate")] * 2 + [("rolled back", "gate")]


def test_what_the_gate_has_to_say_stands_on_each_version(begun: Begun) -> None:
    world, _ = begun

    second = world.night(DAY + timedelta(days=1))

    versions = world.registry._client.search_model_versions("name = 'rides-late'")
    newest = sorted(versions, key=lambda one: int(one.version))[-2:]
    told = {one.tags["candidate"]: one.tags["redeye.evidence"] for one in newest}
    assert "a refresh" in told.pop(second.candidate)
    (other,) = told.values()
    assert other == "a replacement: no settled day has compared it with the champion yet"
