from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

import pyarrow as pa
import pytest

from pipelines.core.records import Partition
from pipelines.data.ports import RuleResult
from pipelines.data.quarantine import critical, decide
from pipelines.data.validation import (
    PartitionDecision,
    close_night,
    conclude,
    findings_table,
    recall,
)
from pipelines.define.problem import Table
from pipelines.problem import PROBLEM

DAY = date(2013, 10, 1)
BEFORE = DAY - timedelta(days=1)


def a_partition(day: date, rows: int = 100) -> Partition:
    return Partition(dataset="raw/x", day=day, revision=0, rows=rows, sha256="s", file="f")


def judged(table: str, day: date, *, good: bool = True) -> PartitionDecision:
    results = [] if good else [critical("count", "0 rows", "at least 400 rows")]
    return conclude(table, a_partition(day), decide(results, 100, budget=0.1))


def a_night(**bad: date | None) -> list[PartitionDecision]:
    """Ten days of facts and eleven of events; `bad` names a table's blocked day."""
    days = [DAY - timedelta(days=n) for n in range(10, -1, -1)]
    return [
        judged(table, day, good=bad.get(table) != day)
        for table, these in {
            "schedule": days,
            "flights": days[:-1],
            "weather": days[:-1],
            "planes": [days[0], BEFORE],
        }.items()
        for day in these
    ]


def test_a_night_whose_every_partition_is_good_goes_on() -> None:
    validation = close_night(DAY, PROBLEM, a_night(), 0.1)

    assert validation.passed
    assert validation.reason == "33 of 33 partitions may be used"


@pytest.mark.parametrize(
    ("table", "day"),
    [("schedule", DAY), ("flights", BEFORE), ("weather", BEFORE), ("planes", BEFORE)],
)
def test_what_the_night_needs_for_itself_blocks_it(table: str, day: date) -> None:
    validation = close_night(DAY, PROBLEM, a_night(**{table: day}), 0.5)

    assert not validation.passed
    assert validation.reason.startswith(f"{table} of {day} is blocked (count: 0 rows, expected at")
    assert "redeye ingest --day 2013-10-01" in validation.reason


@pytest.mark.parametrize(
    ("table", "day"),
    [("schedule", BEFORE), ("flights", BEFORE - timedelta(days=4)), ("planes", date(2013, 9, 21))],
)
def test_an_older_day_is_left_out_and_told(table: str, day: date) -> None:
    validation = close_night(DAY, PROBLEM, a_night(**{table: day}), 0.5)

    assert validation.passed
    assert validation.reason == "32 of 33 partitions may be used, 1 older is left out"
    assert [(f.table, f.day) for f in validation.findings] == [(table, day)]


def test_a_history_of_which_too_many_days_are_blocked_blocks_the_night() -> None:
    bad = [
        judged("weather", j.check.day, good=False)
        if j.check.table == "weather" and j.check.day < BEFORE - timedelta(days=5)
        else j
        for j in a_night()
    ]

    validation = close_night(DAY, PROBLEM, bad, 0.1)

    assert not validation.passed
    assert "weather: 4 of 10 days are blocked" in validation.reason


@pytest.mark.parametrize(("table", "day"), [("schedule", DAY), ("flights", BEFORE)])
def test_a_table_that_has_not_landed_blocks_the_night(table: str, day: date) -> None:
    there = [j for j in a_night() if (j.check.table, j.check.day) != (table, day)]

    validation = close_night(DAY, PROBLEM, there, 0.1)

    assert not validation.passed
    assert f"{table} of {day} has not landed" in validation.reason


def test_the_first_day_of_the_source_has_no_facts_before_it() -> None:
    first = PROBLEM.first_day

    assert close_night(first, PROBLEM, [judged("schedule", first)], 0.1).passed


def test_slow_tables_are_optional() -> None:
    tables = (Table("schedule", "events"), Table("planes", "dimension"))
    problem = replace(PROBLEM, tables=tables)

    assert close_night(DAY, problem, [judged("schedule", DAY)], 0.1).passed


def a_result(severity: Literal["warning", "info"], *bad: int) -> RuleResult:
    return RuleResult("rule", severity, False, bad, "seen", "expected")


def test_a_judgement_is_recalled_as_it_was_made() -> None:
    raw = a_partition(DAY)
    decision = decide([a_result("warning", 1, 2), a_result("info", 5)], 100, budget=0.1)
    made = conclude("flights", raw, decision)
    accepted = raw.model_copy(update={"rows": 98})

    again = recall("flights", raw, accepted, findings_table(made.findings))

    assert again == made
    assert (again.check.accepted, again.check.quarantined) == (98, 2)


def test_a_judgement_without_findings_is_recalled_from_counts_alone() -> None:
    raw = a_partition(DAY)

    assert recall("flights", raw, raw, None) == judged("flights", DAY)
    assert findings_table([]).num_rows == 0
    assert isinstance(findings_table([]), pa.Table)
