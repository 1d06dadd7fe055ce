"""Outcomes that the source itself smuggles in: no poison sees them, the leak gate does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from learning import DAY as DAY_OF_RIDES
from learning import World as Rides
from small_world import SCHEMAS, Tables, World, as_arrow, flights, midnight

from pipelines.core.config import EvaluateParams
from pipelines.core.records import Candidate, Candidates, LeakCheck
from pipelines.define.problem import Problem
from pipelines.problem.features import FEATURES, arrival_hour, clock_minutes, hour
from pipelines.stages import evaluate as stage
from pipelines.stages import train
from pipelines.training import examples
from pipelines.training.labels import event_keys
from pipelines.training.selection import Split
from tests.integration.flights import PROBLEM

DAY, TEST_DAYS, LESSON_DAYS = date(2013, 6, 1), 28, 7
FIRST_TEST, FIRST = DAY - timedelta(days=TEST_DAYS), DAY - timedelta(days=44)
PARAMS = EvaluateParams(bootstrap_samples=200, seed=1, max_feature_auc=0.8, max_day_correlation=0.8)
KEY = list(PROBLEM.key)
HINT = "hint"  # the column that sources plant


def problem(*, hint: bool = False) -> Problem:
    columns = {"carrier": "Airline.", "origin": "From.", "distance": "Miles.", "seats": "Seats."}
    declared = replace(
        FEATURES,
        columns=columns | ({HINT: "Planted."} if hint else {}),
        intermittent=(HINT,) if hint else (),  # what tells how events end is not there tonight
        rows=(hour, arrival_hour, clock_minutes),
        crowds=(),
        history=(replace(FEATURES.history[0], by=(("carrier",),), days=(7,)),),
        latest=(),
    )
    return replace(PROBLEM, first_day=FIRST, features=declared)


@pytest.fixture(scope="module")
def honest() -> Tables:
    """Flights of good and bad days, worse in the afternoon; known some time after they were due."""
    tables, rng = flights(FIRST, 45, seed=3, a_day=300), np.random.default_rng(3)
    for day, schedule in tables["schedule"].items():
        came = arrival(schedule["sched_dep_time"], rng.integers(120, 240, len(schedule)))
        tables["schedule"][day] = schedule.assign(sched_arr_time=came)
    for day, rows in tables["flights"].items():
        afternoon = rows["sched_dep_time"] >= 1200
        delay = (rng.normal(rng.normal(-5, 25), 20, len(rows)) + 20 * afternoon).round()
        due = np.maximum(rows["scheduled_at"] + pd.Timedelta("30min"), rows["known_at"])
        left = delay + rng.normal(0, 10, len(rows)).round()
        tables["flights"][day] = rows.assign(arr_delay=delay, dep_delay=left, known_at=due)
    return tables


def ended(tables: Tables) -> pd.DataFrame:
    """How every event of the schedule ended, as only the future knows."""
    events = pd.concat(tables["schedule"].values(), ignore_index=True)
    outcomes = pd.concat(tables["flights"].values())[["day", *KEY, "arr_delay", "dep_delay"]]
    known = events.merge(outcomes, on=["day", *KEY], how="left")
    return known.assign(late=known["arr_delay"].ge(15).astype(float))


def hinted(tables: Tables, hint: Callable[[pd.DataFrame], Any]) -> Any:
    """The schedule with one column more."""
    told = ended(tables)
    told[HINT] = hint(told)
    partitions: dict[str, Any] = dict(tables)
    partitions["schedule"] = {
        day: as_arrow("schedule", rows).append_column(HINT, pa.array(rows[HINT]))
        for day, rows in told.groupby("day")
    }
    return partitions


def altered(tables: Tables, table: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Tables:
    told = change(ended(tables))
    parts = {d: rows[SCHEMAS[table].names] for d, rows in told.groupby("day")}
    return {**tables, table: parts}


def flipped(told: pd.DataFrame, share: float) -> pd.Series:
    chance = np.random.default_rng(1).random(len(told)) < share
    return told["late"].where(~chance, 1 - told["late"])


def arrival(hhmm: pd.Series, minutes: Any) -> pd.Series:
    """The clock so many minutes later."""
    came = (hhmm // 100 * 60 + hhmm % 100 + minutes).astype(int) % 1440
    return came // 100 * 100 + came % 100


def actual_arrival(told: pd.DataFrame) -> pd.DataFrame:
    return told.assign(sched_arr_time=arrival(told["sched_arr_time"], told["arr_delay"].fillna(0)))


def planes_that_know(tables: Tables) -> Tables:
    told = ended(tables)
    told = told.assign(tailnum=[f"N{n}" for n in range(len(told))])
    rows = told.assign(year=2000, seats=(told["late"] * 100 + 50).astype(int), engines=2)
    rows = rows.reindex(columns=SCHEMAS["planes"].names)
    made = altered(tables, "schedule", lambda again: again.assign(tailnum=told["tailnum"]))
    return {**made, "planes": {FIRST: rows.astype({"tailnum": "str"})}}


def mean_of(*keys: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda told: told.groupby(list(keys))["late"].transform("mean")


def weekday(told: pd.DataFrame) -> pd.DataFrame:
    return told.assign(weekday=pd.to_datetime(told["day"]).dt.weekday)


def known_early(tables: Tables) -> Tables:
    """Facts that are said to be known when the ticket was sold."""
    sold = {day: rows.assign(known_at=midnight(day) - pd.Timedelta("9h")) for day, rows in tables["flights"].items()}  # fmt: skip
    return {**tables, "flights": sold}


SOURCES: dict[str, tuple[str, Callable[[Tables], Any]]] = {
    "the label as a column": ("feature", lambda t: hinted(t, lambda told: told["late"])),
    "the label upside down, in other numbers": (
        "feature",
        lambda t: hinted(t, lambda told: 40 - 7 * told["late"]),
    ),
    "the label as a word": (
        "feature",
        lambda t: hinted(t, lambda told: told["late"].map({0.0: "ok", 1.0: "LATE"})),
    ),
    "the label with errors": ("feature", lambda t: hinted(t, lambda told: flipped(told, 0.1))),
    "a column that is filled only afterwards": (
        "feature",
        lambda t: hinted(t, lambda told: told["late"].mask(told["late"] == 0)),
    ),
    "the delay at departure": ("feature", lambda t: hinted(t, lambda told: told["dep_delay"])),
    "a dimension table rebuilt with outcomes": ("feature", planes_that_know),
    "a rate over all days, the test among them": (
        "feature",
        lambda t: hinted(t, lambda told: mean_of("weekday", "carrier", "flight", "origin", "sched_dep_time")(weekday(told))),
    ),
    "the label with many errors": ("day", lambda t: hinted(t, lambda told: flipped(told, 0.25))),
    "the mean outcome of the same day": ("day", lambda t: hinted(t, mean_of("day"))),
    "the mean outcome of the same day and key": (
        "day",
        lambda t: hinted(t, mean_of("day", "origin")),
    ),
    "the actual arrival among the planned": (
        "day",
        lambda t: altered(t, "schedule", actual_arrival),
    ),
    "known_at of another event": ("time", known_early),
}  # fmt: skip


def leaks(
    root: Path, asked: Problem, tables: Any, trained_until: date = FIRST_TEST - timedelta(days=2)
) -> dict[str, LeakCheck]:
    """What the gate finds in the features that a night makes of these tables."""
    world = World(root, asked)
    world.land(tables)
    table = world.night(DAY, back=TEST_DAYS + LESSON_DAYS)
    one = Candidate(
        name="linear", version="1", sha256="", trained_until=trained_until, held_out_sha256="", held_out_until=trained_until, golden=(), seconds=0, metrics={},
    )  # fmt: skip
    candidates = Candidates(
        day=DAY, run_id="", fingerprint="", chosen="linear", reason="", first_test_day=FIRST_TEST, baseline=0.3, candidates=(one,),
    )  # fmt: skip
    _, found = stage.examine(DAY, PARAMS, candidates, asked, table, world.lake)
    return {check.net: check for check in found}


def test_an_honest_source_passes_every_net(tmp_path: Path, honest: Tables) -> None:
    found = leaks(tmp_path, problem(), honest)

    assert list(found) == ["feature", "day", "time", "shuffle"]
    assert all(check.passed for check in found.values()), found


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_that_tells_how_events_end_is_caught(
    kind: str, tmp_path: Path, honest: Tables
) -> None:
    net, plant = SOURCES[kind]
    tables = plant(honest)
    has_hint = HINT in getattr(next(iter(tables["schedule"].values())), "column_names", ())

    found = leaks(tmp_path, problem(hint=has_hint), tables)

    assert not found[net].passed, found[net]


def read_later(n_days: int) -> Callable[..., Any]:
    """Outcomes are read as of a later night."""

    def read(past: Any, asked: Problem, lake: Any, cutoff: datetime) -> Any:
        return examples.read_past(past, asked, lake, cutoff + timedelta(days=n_days))

    return read


def test_labels_that_are_joined_without_the_day_are_caught(
    tmp_path: Path, honest: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_key_alone(features: pd.DataFrame, outcomes: pd.DataFrame, key: Any) -> pd.DataFrame:
        events, ends = (event_keys(one.assign(day=DAY), key) for one in (features, outcomes))
        known = outcomes[["label", "excluded", "known_at"]].set_index(pd.Index(ends))
        last = known[~known.index.duplicated(keep="last")].reindex(events)
        return last.set_index(features.index)

    monkeypatch.setattr(examples, "label_events", by_key_alone)

    found = leaks(tmp_path, problem(), honest)

    assert not found["shuffle"].passed, found["shuffle"]


def test_an_outcome_that_is_used_before_it_is_known_is_caught(
    tmp_path: Path, honest: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "read_past", read_later(2))

    found = leaks(tmp_path, problem(), honest)

    assert not found["time"].passed
    assert "only after the night" in found["time"].reason


@pytest.mark.parametrize(("night", "counts"), [(DAY, True), (DAY + timedelta(days=1), False)])
def test_a_corrected_outcome_counts_from_the_night_that_landed_it(
    night: date, counts: bool, tmp_path: Path, honest: Tables
) -> None:
    world = World(tmp_path, problem())
    world.land(honest)
    table = world.night(DAY, back=TEST_DAYS)
    corrected = {
        day: rows.assign(arr_delay=-rows["arr_delay"]) for day, rows in honest["flights"].items()
    }

    def labels() -> list[float]:
        past = examples.find_past(table, world.problem, world.lake, FIRST_TEST, DAY)
        found = examples.read_past(past, world.problem, world.lake, world.problem.cutoff(DAY))
        return list(found.labels)

    before = labels()
    world.land({"flights": corrected}, night=night)

    assert (labels() != before) == counts


def test_a_candidate_that_has_learned_from_the_test_serves_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest_split = train.split_days

    def without_a_gap(day: date, test_days: int, embargo_days: int) -> Split:
        return replace(
            honest_split(day, test_days, embargo_days), last_train=day - timedelta(days=1)
        )

    monkeypatch.setattr(train, "split_days", without_a_gap)
    unharmed = Rides(tmp_path / "split").train()
    monkeypatch.setattr(examples.Examples, "known_before", lambda self, instant: self)
    world = Rides(tmp_path / "both")
    candidates = world.train()

    verdict = world.promote(candidates, world.evaluate(candidates))

    assert all(c.held_out_until < unharmed.first_test_day for c in unharmed.candidates)
    assert (verdict.outcome, verdict.blessed) == ("refused", False)
    assert "learned from days of the test" in verdict.reason


def test_a_leak_refuses_every_candidate_and_the_reason_names_the_feature(tmp_path: Path) -> None:
    world = Rides(tmp_path, names=("wind", "hour", "line", "late_by"))
    candidates = world.train()

    verdict = world.promote(candidates, world.evaluate(candidates))

    assert (verdict.outcome, verdict.blessed) == ("refused", False)
    assert "late_by" in verdict.reason
    assert world.registry.version("champion") is None
    found = [world.warehouse.blessing(v) for v in world.registry.registered()]
    assert [one.lacking for one in found if one] == [("quality",), ("quality",)]


def test_outcomes_that_came_during_the_test_teach_nothing(tmp_path: Path) -> None:
    """A label that takes weeks reaches from the training days into the test, whatever the gap."""
    world = Rides(tmp_path)
    first_test = DAY_OF_RIDES - timedelta(days=14)
    for n in range(16, 30):
        late = world.problem.cutoff(first_test)
        world.land(DAY_OF_RIDES - timedelta(days=n), known_at=late)
    candidates = world.train()
    for n in range(16, 30):
        world.land(DAY_OF_RIDES - timedelta(days=n), known_at=late, delay=99.0)

    again = world.train(earlier=None)

    # The fits that are judged; those that serve have learned from the test days, too.
    judged = [[one.held_out_sha256 for one in each.candidates] for each in (candidates, again)]
    assert judged[0] == judged[1]
