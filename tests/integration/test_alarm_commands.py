"""Every kind of alarm names a command that is spelled as the command line has it, and one that is not refused."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from typer.main import get_command

import pipelines.cli  # noqa: F401  the commands add themselves
from pipelines.audit.models import check_champion
from pipelines.commands.app import app
from pipelines.core.errors import GateRefused
from pipelines.core.graph import read_graph
from pipelines.core.records import ARTEFACTS, Claim, Interval, LeakCheck
from pipelines.evaluation.test_set_size import Judged
from pipelines.metrics.task import BINARY
from pipelines.monitoring import alerts as alarms
from pipelines.monitoring.alerts import Alarm, AlertKind
from pipelines.monitoring.degradation import Diagnosis
from pipelines.monitoring.drift import Drift
from pipelines.monitoring.maturity import Missing
from pipelines.monitoring.promoted_quality import NOTHING, Discrimination
from pipelines.monitoring.published_quality import Live
from pipelines.promotion.champion import (
    Ways,
    current_champion,
    find_ways,
    promote_by_hand,
    roll_back,
)
from tests.integration.serving import DAY, MemoryWorkers, Serving
from tests.integration.whole_night import Whole

STAGES = read_graph(Path(__file__).parents[2] / "dvc.yaml").names

YESTERDAY = DAY - timedelta(days=1)
SILENT = DAY - timedelta(days=3)  # of which the source gave one outcome, and has the others now
SPAN = Interval(low=-3.0, mid=-2.0, high=-1.0)


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """Version 2 is champion, version 1 was; both may serve, and so may 3."""
    serving = Serving(tmp_path)
    for version in ("1", "2", "3"):
        serving.registry.add(version)
    serving.serve("1")
    serving.serve("2")
    serving.score(DAY - timedelta(days=1))
    return serving


def night(**records: object) -> Any:
    known = dict.fromkeys(
        (
            "evaluation",
            "verdict",
            "publication",
            "settlement",
            "validation",
            "running",
            "candidates",
        )
    )
    return SimpleNamespace(day=DAY, **{**known, **records})


def watched(**found: object) -> Any:
    calm = {
        "task": BINARY,
        "standings": (),
        "drifted": (),
        "limits": SimpleNamespace(days=7, psi=0.25, age=60),
        "live": Live(7, None, 0.0, None, 0.0),
        "discrimination": NOTHING,
        "gaps": (),
        "newest": None,
        "unfitted": {},
        "judged": None,
        "missing": None,
        "diagnosis": Diagnosis("as ever", ""),
        "pooled": {"rate_predicted": 0.269, "rate_observed": 0.102},
    }
    return SimpleNamespace(**{**calm, **found})


def answered(by: str, age: int = 1) -> Any:
    until = DAY - timedelta(days=age)
    return SimpleNamespace(answered_by=by, reason="it was late", trained_until=until)


def withheld(outcome: str) -> Any:
    return SimpleNamespace(
        withheld="it is worse",
        outcome=outcome,
        version="3",
        reason="it ties",
        day=DAY,
        harm=(),
    )


def caused(cause: str) -> Any:
    return watched(diagnosis=Diagnosis(cause, "so it is", 2.0))  # type: ignore[arg-type]


def harmed() -> Any:
    claim = Claim(
        of="previous-champion", evidence=21, needed=20, days=9, gain=0.1, version="1", curve=()
    )
    return SimpleNamespace(
        withheld=None, harm=(claim,), withdrawn=None, may_serve={}, outcome="kept", day=DAY
    )


LEAK = LeakCheck(net="feature", subject="f", found=0.9, limit=0.8, passed=False, reason="f tells")
GOOD = {"publication": answered("champion"), "settlement": object()}
FEATURE = Drift("temp", 2.0, 0.1, 0.0, 0.0)
CASES: dict[AlertKind, tuple[Any, Any]] = {
    "validate failed": (night(validation=SimpleNamespace(passed=False, reason="empty")), watched()),
    "score failed": (night(), watched()),
    "still running": (night(running="train was done at 03:10 UTC"), watched()),
    "another answered": (night(**GOOD | {"publication": answered("baseline")}), watched()),
    "champion withheld": (
        night(**GOOD | {"publication": answered("baseline"), "verdict": withheld("challenger")}),
        watched(),
    ),
    "settle failed": (night(publication=answered("champion")), watched()),
    "nights missing": (night(**GOOD), watched(gaps=[(YESTERDAY, YESTERDAY)])),
    "recipe failed": (
        night(**GOOD, candidates=SimpleNamespace(failed={"trees": "trees: it is misspelled"})),
        watched(unfitted={"trees": YESTERDAY}),
    ),
    "test set shrunk": (
        night(**GOOD),
        watched(judged=Judged("rides", SILENT, YESTERDAY, 700, 1000.0, before=0.97)),
    ),
    "outcomes missing": (night(**GOOD), watched(missing=Missing(DAY, DAY, 10, 9))),
    "leak": (night(**GOOD, evaluation=SimpleNamespace(leaks=(LEAK,))), watched()),
    "broken model": (night(**GOOD), caused("broken model")),
    "changed world": (night(**GOOD), caused("changed world")),
    "moved inputs": (night(**GOOD), caused("moved inputs")),
    "unclear": (night(**GOOD), caused("unclear")),
    "old champion": (night(publication=answered("champion", 61), settlement=object()), watched()),
    "harm": (night(**GOOD, verdict=harmed()), watched()),
    "off": (night(**GOOD), watched(live=Live(7, SPAN, 3.0, None, 0.0))),
    "worth less than nothing": (night(**GOOD), watched(live=Live(7, None, 0.0, SPAN, 3.0))),
    "lost discrimination": (
        night(**GOOD),
        watched(discrimination=Discrimination(9, 0.7, 0.6, Interval(low=0.3, mid=0.5, high=0.7))),
    ),
    "drift": (night(**GOOD), watched(drifted=(FEATURE,))),
}
ELSEWHERE: dict[AlertKind, Alarm] = {
    "stage failed": alarms.stage_failed("score", DAY, "it fell"),
    "promotion refused": Alarm(
        "promotion refused",
        "refused",
        "redeye promote --version 2 --reason 'the alias was refused'",
        kind="promotion refused",
    ),
}


def told(kind: AlertKind, ways: Ways) -> Alarm:
    if kind in ELSEWHERE:
        return ELSEWHERE[kind]
    return next(one for one in alarms.find_alarms(*CASES[kind], ways) if one.kind == kind)


def parsed(command: str) -> tuple[str, dict[str, Any]]:
    """The command's name and options, as the command line itself takes them; refused if it does not."""
    program, name, *words = shlex.split(command)
    assert program == "redeye"
    known = get_command(app).commands[name]  # type: ignore[attr-defined]
    return name, known.make_context(name, words).params


def run(command: str, serving: Serving) -> object:
    """What it does to the stores of a world that serves."""
    name, options = parsed(command)
    if name == "rollback":
        return roll_back(options["reason"], serving.registry, serving.warehouse)
    if name == "promote":
        registry, warehouse = serving.registry, serving.warehouse
        promote_by_hand(options["version"], options["reason"], registry, warehouse)
        return current_champion(warehouse.ledger())
    assert name == "backfill" or options["day"] == str(DAY)
    return name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Two nights, with one between them that never ran."""
    whole = Whole(tmp_path_factory.mktemp("whole"))
    whole.source.silent.add(SILENT)
    for day in (DAY - timedelta(days=2), DAY):
        with pytest.MonkeyPatch.context() as patch:
            assert whole.type(f"redeye night --day {day}", patch) == 0
    whole.source.silent.clear()
    return whole


Effect = Callable[[], object]


def expected(command: str, whole: Whole, said: pytest.CaptureFixture[str]) -> Effect:
    """Something that is not there before the command runs, and is when it has."""
    name, options = parsed(command)
    lake, warehouse = whole.services["lake"](), whole.services["warehouse"]()
    if name in ("explain", "status"):
        return lambda: f"{DAY:%d %B %Y}" in said.readouterr().out
    if name == "backfill":
        return lambda: warehouse.published(YESTERDAY)
    if options.get("version"):
        return lambda: "version 1 is the champion" in said.readouterr().out
    if options.get("table"):
        before = lake.find("raw/rides", SILENT, SILENT)
        return lambda: lake.find("raw/rides", SILENT, SILENT) != before
    if options.get("known") == "now":
        return lambda: lake.find("features-known-now", DAY, DAY)
    last = "monitor" if name == "night" else name
    made = next(out for out in whole.graph[last].outs if Path(out).stem in ARTEFACTS)
    record = whole.record(DAY, Path(made).stem)
    record.unlink()
    return record.exists


def type_and_see(
    command: str, whole: Whole, patch: pytest.MonkeyPatch, said: pytest.CaptureFixture[str]
) -> None:
    """Type a command as the alarm has it: it ends with 0, and something has happened."""
    said.readouterr()
    effect = expected(command, whole, said)
    assert not effect()

    assert whole.type(command, patch) == 0

    assert effect()


@pytest.mark.parametrize("kind", get_args(AlertKind))
@pytest.mark.parametrize("alone", [False, True], ids=["with a way back", "with none"])
def test_the_command_of_every_kind_of_alarm_is_one_that_works(
    serving: Serving, kind: AlertKind, alone: bool
) -> None:
    """A kind without a case here fails."""
    ways = find_ways(serving.registry, serving.warehouse)
    alarm = told(kind, Ways() if alone else ways)

    assert run(alarm.command, serving)
    assert "rollback" not in alarm.command or not alone
    # Elsewhere that is the table in which the alarm stands.
    assert "redeye status" not in alarm.command or kind == "still running"


@pytest.mark.parametrize("kind", get_args(AlertKind))
def test_the_command_of_every_kind_of_alarm_is_typed_and_has_an_effect(
    kind: AlertKind,
    whole: Whole,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As there is no other version to go to; with one, the test above moves it."""
    command = told(kind, Ways()).command
    if parsed(command)[0] == "promote":
        command = "redeye promote --version 1 --reason 'another is not there'"

    type_and_see(command, whole, monkeypatch, capsys)


def test_a_night_keeps_what_the_next_ones_are_held_against(whole: Whole) -> None:
    """The promise of each candidate, the test set, and which recipe failed."""
    kept = (
        whole.services["warehouse"]()
        .read_metrics(DAY, DAY)
        .set_index(["subject", "metric"])["value"]
    )

    assert kept["test", "events"] == 14 * 60
    assert kept["test", "judged"] in (14 * 60 - 59, 14 * 60)  # before, and after they were fetched
    assert kept["recipe linear", "failed"] == 0
    assert kept["promised 2", "auc"] > 0.6


@pytest.mark.parametrize("stage", STAGES)
def test_the_command_of_a_stage_that_failed_runs_it(
    stage: str, whole: Whole, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_and_see(alarms.stage_failed(stage, DAY, "").command, whole, monkeypatch, capsys)


def test_nobody_is_sent_to_a_roll_back_when_there_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    serving.registry.add("1")
    serving.serve("1")
    assert find_ways(serving.registry, serving.warehouse) == Ways()
    serving.registry.add("2")
    serving.serve("2")
    assert find_ways(serving.registry, serving.warehouse).back == "1"
    serving.registry.add("1", blessed=False)

    assert find_ways(serving.registry, serving.warehouse) == Ways()


@pytest.mark.parametrize("lost", ["alias gone", "alias on an unproven version"])
def test_verify_advises_no_command_that_repeats_the_refusal(serving: Serving, lost: str) -> None:
    serving.registry.add("4", blessed=False)
    if lost == "alias gone":
        del serving.registry.aliases["champion"]
    else:
        serving.registry.aliases["champion"] = "4"
    registry, warehouse = serving.registry, serving.warehouse
    workers = MemoryWorkers(registry)
    (breach,) = check_champion(registry, warehouse, None, DAY, workers)

    run(breach.next, serving)

    assert registry.aliases["champion"] == "2"
    assert list(check_champion(registry, warehouse, None, DAY, workers)) == []


def test_when_no_version_may_serve_verify_names_a_night_with_its_day(serving: Serving) -> None:
    for version in ("1", "2", "3"):
        serving.registry.add(version, blessed=False)
    workers = MemoryWorkers(serving.registry)
    (breach,) = check_champion(serving.registry, serving.warehouse, None, DAY, workers)

    assert run(breach.next, serving) == "night"


def test_a_roll_back_that_is_refused_names_what_may_serve_or_nothing(serving: Serving) -> None:
    registry, warehouse = serving.registry, serving.warehouse
    registry.add("1", blessed=False)
    with pytest.raises(GateRefused, match="the gate of the next night may find another"):
        roll_back("it is broken", registry, warehouse)
    registry.aliases["canary"] = "3"

    with pytest.raises(GateRefused, match="run `redeye promote --version 3") as refused:
        roll_back("it is broken", registry, warehouse)

    assert run(str(refused.value).split("`")[1], serving) == "3"
