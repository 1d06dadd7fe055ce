"""The ML Test Score: nothing in it is typed in by hand."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines.adapters.database.warehouse import SqlWarehouse
from pipelines.audit.runs import RunFolder, StageLog
from pipelines.audit.score_card import evidence
from pipelines.audit.score_card.items import ITEMS
from pipelines.audit.score_card.scoring import (
    SECTIONS,
    Evidence,
    Facts,
    Item,
    is_test,
    score,
)
from pipelines.cli import main
from pipelines.core.config import find_places, read_params
from pipelines.core.records import (
    BlessingEntry,
    Candidates,
    ContenderSummary,
    DayLoss,
    Evaluated,
    Evaluation,
    Interval,
    LedgerEntry,
    Publication,
    SliceGain,
)
from pipelines.problem import PROBLEM
from tests.integration.serving import MemoryRegistry, judged

REPOSITORY = find_places({}).repository
PARAMS = read_params(REPOSITORY / "params.yaml")
DAY = date(2013, 10, 1)
TEST = "tests/unit/test_score_card.py::test_there_are_28_items_of_four_sections"


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    """An installation that no night has run in yet."""
    return Facts(
        problem=PROBLEM,
        params=PARAMS,
        repository=REPOSITORY,
        nights=(),
        registry=MemoryRegistry(),
        warehouse=SqlWarehouse(f"sqlite:///{tmp_path}/redeye.db"),
        reached=(),
    )


def found(there: bool) -> Any:
    return lambda _: Evidence(there=there, words="looked up")


def points(facts: Facts, *tests: str, **changes: Any) -> float:
    item = Item("data", "a question", tests, **changes)
    return score([item], facts).items[0].points


def test_there_are_28_items_of_four_sections() -> None:
    of = [item.section for item in ITEMS]

    assert [of.count(name) for name in SECTIONS] == [7, 7, 7, 7]
    assert len({item.asks for item in ITEMS}) == 28


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.asks)
def test_every_test_that_is_named_exists(item: Item) -> None:
    assert [name for name in item.tests if not is_test(name, REPOSITORY)] == []
    assert item.tests or item.lacks


def test_a_test_that_is_gone_costs_its_item_everything(facts: Facts) -> None:
    assert not is_test("tests/unit/test_score_card.py::test_there_are_28_items", REPOSITORY)
    assert points(facts, TEST, look=found(True)) == 1
    assert points(facts, TEST, TEST + "_more", look=found(True)) == 0


def test_half_a_point_is_for_what_is_not_all_there(facts: Facts) -> None:
    assert points(facts, TEST, look=found(False)) == 0.5
    assert points(facts, look=found(True)) == 0.5
    assert points(facts, TEST, look=found(True), lacks="something") == 0.5
    assert points(facts, lacks="everything") == 0
    assert points(facts, look=found(False)) == 0


def test_the_score_is_the_least_of_the_sums(facts: Facts) -> None:
    items = [Item(section, "q", (TEST,), found(True)) for section in (*SECTIONS, "data")]

    card = score(items, facts)

    assert card.sums == {"data": 2, "model": 1, "infrastructure": 1, "monitoring": 1}
    assert card.score == 1


LOOK_UPS = {item.look for item in ITEMS if item.look}
OF_THE_REPOSITORY = {evidence.schema, evidence.roles, evidence.specs}


@pytest.mark.parametrize("look", sorted(LOOK_UPS, key=lambda one: one.__name__))
def test_without_a_night_nothing_of_nights_is_found(look: Any, facts: Facts) -> None:
    assert look(facts).there == (look in OF_THE_REPOSITORY)


def test_every_look_up_reads_what_it_tells_of() -> None:
    names = [name for name, one in inspect.getmembers(evidence, inspect.isfunction)
             if one.__module__ == evidence.__name__ and not name.startswith("_")]  # fmt: skip

    assert {getattr(evidence, name) for name in names} == LOOK_UPS
    assert all("facts." in inspect.getsource(getattr(evidence, name)) for name in names)


def test_what_a_problem_lacks_lowers_its_own_score(facts: Facts, tmp_path: Path) -> None:
    facts = with_night(facts, evaluation=evaluation())
    bare = replace(facts, problem=replace(PROBLEM, slices=()), repository=tmp_path)

    assert evidence.slices(facts).words == "declared: origin, carrier; 1 compared"
    assert evidence.slices(facts).there
    assert not evidence.slices(bare).there
    assert not evidence.slices(with_night(facts, evaluation=evaluation(slices={}))).there
    assert "schedule" in evidence.schema(bare).words
    assert not evidence.schema(bare).there
    assert not evidence.roles(bare).there
    assert score(ITEMS, bare).score == 0


def evaluation(**changes: Any) -> Evaluation:
    one = SliceGain(name="origin=EWR", events=900, days=28, gain=0.01, error=0.002, loss=0.4)
    model = Evaluated(
        name="a", version="2", trained_until=DAY, metrics={}, overfit=0.01,
        slices={"champion": (one,)},
    )  # fmt: skip
    return Evaluation(
        day=DAY, run_id="r", first_test_day=DAY, last_test_day=DAY, rows=9, chosen="a",
        models=(model.model_copy(update=changes),), champion="1", comparable=True, reason="",
    )  # fmt: skip


def with_night(facts: Facts, **records: Any) -> Facts:
    notes = tuple(StageLog(name, name, 0, None) for name in ("ingest", "score"))
    night = RunFolder(DAY, notes, records, frozenset({"plots"}))
    return replace(facts, nights=(night,))


def publication(**changes: Any) -> Publication:
    asked = (
        ContenderSummary(contender="champion", model_version="2", outcome="answered", reason=""),
        ContenderSummary(contender="canary", model_version="1", outcome="answered", reason=""),
    )
    return Publication(
        day=DAY, run_id="r", events=9, scored=9, answered_by="champion", model_version="2",
        model_sha256="0" * 64, trained_until=date(2013, 9, 29), reason="", checksum="c",
        republished=True, contenders=asked,
    ).model_copy(update=changes)  # fmt: skip


def test_a_published_day_is_looked_at(facts: Facts) -> None:
    good = with_night(facts, publication=publication())
    old = with_night(facts, publication=publication(trained_until=date(2013, 5, 1)))
    few = with_night(facts, publication=publication(scored=8))
    alone = with_night(facts, publication=publication(contenders=publication().contenders[:1]))

    assert evidence.age(good).words == "2 days on 2013-10-01, 60 are allowed"
    assert evidence.age(good).there
    assert not evidence.age(old).there
    assert evidence.numbers(good).there
    assert not evidence.numbers(few).there
    assert evidence.shadow(good).words == "beside champion answered canary"
    assert not evidence.shadow(alone).there
    assert evidence.one_example(good).there
    assert evidence.importance(good).there
    assert evidence.whole_night(good).there


def test_a_stage_that_failed_is_seen(facts: Facts) -> None:
    night = RunFolder(DAY, (StageLog("train", "candidates", 75, "away"),), {}, frozenset())

    assert evidence.whole_night(replace(facts, nights=(night,))) == Evidence(
        there=False, words="2013-10-01: failed: train"
    )


def trained(facts: Facts, told: dict[str, str], seconds: tuple[float, ...] = ()) -> Facts:
    record = Candidates(
        day=DAY, run_id="r", fingerprint="f", chosen="a", reason="why", first_test_day=DAY,
        baseline=0.2, candidates=(),
    )  # fmt: skip
    facts = with_night(facts, candidates=record)
    facts.registry.run_params = lambda run_id: told if run_id == "r" else None  # type: ignore[method-assign]
    return facts


@pytest.mark.parametrize(
    ("commit", "there"), [("abc", True), ("abc+changes", False), ("unknown", False)]
)
def test_the_commit_of_the_newest_run_is_looked_at(facts: Facts, commit: str, there: bool) -> None:
    assert evidence.committed(trained(facts, {"git_commit": commit})).there == there


def test_what_a_run_does_not_tell_cannot_be_made_again(facts: Facts) -> None:
    told = {"git_commit": "a", "data_version": "b", "lock_sha256": "c", "seed": "1"}

    assert evidence.reproducible(trained(facts, told)).there
    for name in told:
        less = {key: value for key, value in told.items() if key != name}
        assert not evidence.reproducible(trained(facts, less)).there


def test_people_are_reached_only_where_a_way_is_set(facts: Facts) -> None:
    assert evidence.told(replace(facts, reached=("REDEYE_SMTP_URL",))).there


def test_somebody_to_go_back_to_is_in_the_ledger(facts: Facts) -> None:
    for version, before in (("1", None), ("2", "1")):
        assert not evidence.rollback(facts).there
        entry = LedgerEntry(version=version, before=before, actor="gate", reason="better")
        facts.warehouse.append(entry)

    assert evidence.rollback(facts).there


def settle(facts: Facts, contender: str, version: str, loss: float) -> None:
    facts.warehouse.count([
        DayLoss(day=DAY, contender=contender, line="a@1", model_version=version, loss=loss,
                events=9, counted_on=DAY)
    ])  # fmt: skip


def test_the_canary_beside_the_champion_is_counted(facts: Facts) -> None:
    settle(facts, "champion", "2", 0.4)
    settle(facts, "canary", "1", 0.5)

    assert evidence.canary(facts).words == "the canary's loss is +25.00% on 1 days"


@pytest.mark.parametrize(("live", "there"), [((0.3, 0.4, 0.5), True), ((0.5, 0.4, 0.3), False)])
def test_offline_and_online_losses_are_correlated(
    facts: Facts,
    live: tuple[float, ...],
    there: bool,
) -> None:
    for number, loss in enumerate(live):
        version = str(number + 1)
        facts.registry.add(version, times=1.0)  # type: ignore[attr-defined]
        model = facts.registry.version(version)
        assert model is not None
        facts.warehouse.bless(_measured(judged(model), 0.3 + number / 10))
        settle(facts, f"c{number}", version, loss)

    assert evidence.online(facts).there == there
    assert "3 versions" in evidence.online(facts).words


def _measured(entry: BlessingEntry, loss: float) -> BlessingEntry:
    figures = Evaluated(
        name="a", version=entry.version, trained_until=DAY,
        metrics={"log_loss": Interval(low=loss, mid=loss, high=loss)},
    )  # fmt: skip
    told = {
        "day": f"{DAY}", "first_test_day": f"{DAY}", "last_test_day": f"{DAY}", "rows": 9,
        "figures": figures.model_dump(mode="json"),
    }  # fmt: skip
    return entry.model_copy(update={"evidence": told})


def test_the_command_prints_28_scores_four_sums_and_the_least(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"REDEYE_ROOT": str(tmp_path)}

    assert main(["score-card", "--json"], environ) == 0
    record = json.loads(capsys.readouterr().out)
    assert main(["score-card"], environ) == 0
    table = capsys.readouterr().out

    assert len(record["items"]) == 28
    assert {one["score"] for one in record["items"]} <= {0, 0.5, 1}
    sums = {name: sum(one["score"] for one in record["items"] if one["section"] == name) for name in SECTIONS}  # fmt: skip
    assert record["sums"] == sums
    assert record["score"] == min(sums.values())
    assert f"ML Test Score: {record['score']:g}" in table
