from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.adapters.great_expectations import GxValidator
from pipelines.adapters.lake.lake import LocalLake
from pipelines.core.config import ValidateParams
from pipelines.core.errors import ConfigError, DataError
from pipelines.core.records import IngestResult, Partition, TableCheck, Validation
from pipelines.data.ports import RuleResult
from pipelines.problem.source import ReplaySource
from pipelines.stages.validate import validate
from tests.integration.flights import PROBLEM

EXPECTATIONS = Path(__file__).parents[2] / "expectations"
DAY = date(2013, 10, 1)
BEFORE, NEXT = DAY - timedelta(days=1), DAY + timedelta(days=1)
TEMP = "expect_column_values_to_be_between(temp)"
DISTANCE = "expect_column_values_to_be_between(distance)"


class CountingValidator(GxValidator):
    """The real one, which remembers how many frames it was shown."""

    shown = 0

    def judge_each(self, suite: str, frames: Any) -> list[list[RuleResult]]:
        self.shown += len(frames)
        return super().judge_each(suite, frames)


@dataclass
class ScoringContext:
    """A warehouse and a night's folder, as far as validate knows them."""

    counts: dict[tuple[date, str], Mapping[str, int]] = field(default_factory=dict)
    page: str = ""

    def quarantine(self, day: date, table: str, counts: Mapping[str, int]) -> None:
        self.counts[day, table] = counts

    def write(self, name: str, content: str | bytes) -> None:
        assert name == "validation.html"
        self.page = str(content)


@dataclass
class Night:
    """A few days of the feed in a lake, to be spoilt and judged."""

    root: Path
    day: date = DAY
    back: int = 2
    suites: Path = EXPECTATIONS
    budget: float = 0.1

    def __post_init__(self) -> None:
        self.lake = LocalLake(self.root / "data")
        self.validator = CountingValidator(self.suites)
        self.desk = ScoringContext()
        self.raw: dict[tuple[str, date], Partition] = {}
        for n in range(self.back, -1, -1):
            day = self.day - timedelta(days=n)
            self.land("schedule", day)
            if n:
                self.land("flights", day)
                self.land("weather", day)

    def rows(self, table: str, day: date) -> pa.Table:
        return ReplaySource().read(table, day)

    def land(self, table: str, day: date, rows: pa.Table | None = None) -> Partition:
        kept = self.rows(table, day) if rows is None else rows
        self.raw[table, day] = self.lake.write(f"raw/{table}", day, kept, night=self.day)
        return self.raw[table, day]

    def land_night(self) -> None:
        """What a night that follows the one before has to land."""
        self.land("schedule", self.day)
        for table in ("flights", "weather"):
            self.land(table, self.day - timedelta(days=1))

    def run(self) -> Validation:
        partitions = tuple(self.raw.values())
        landed = IngestResult(
            day=self.day, version="", recorded="", partitions=partitions, new=0, rows={}
        )
        params = ValidateParams(max_quarantined_share=self.budget)
        desk: Any = self.desk
        return validate(self.day, params, PROBLEM, landed, self.lake, self.validator, desk, desk)

    def refused(self) -> tuple[str, Validation]:
        with pytest.raises(DataError) as refusal:
            self.run()
        evidence = refusal.value.evidence
        assert isinstance(evidence, Validation)
        return str(refusal.value), evidence

    def get(self, dataset: str, day: date, known: date | None = None) -> pa.Table | None:
        found = self.lake.find(dataset, day, day, known)
        return self.lake.read(found) if found else None


def spoil(rows: pa.Table, column: str, value: object, *, every: int) -> pa.Table:
    """The rows with the value in every so-manieth of them."""
    values = [value if n % every == 0 else v for n, v in enumerate(rows.column(column).to_pylist())]
    at = rows.column_names.index(column)
    return rows.set_column(at, column, pa.array(values, rows.schema.field(column).type))


def check_of(validation: Validation, table: str, day: date) -> TableCheck:
    return next(c for c in validation.checks if (c.table, c.day) == (table, day))


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def test_good_partitions_are_adopted_and_not_copied(night: Night) -> None:
    validation = night.run()

    assert validation.passed
    assert not validation.findings
    (accepted,) = night.lake.find("accepted/flights", BEFORE, BEFORE)
    assert accepted.file == night.raw["flights", BEFORE].file
    assert not list((night.root / "data" / "accepted").rglob("*.parquet"))
    assert "passed" in night.desk.page


def test_judging_again_does_nothing_and_says_the_same(night: Night) -> None:
    bad = spoil(night.rows("flights", BEFORE), "distance", 99_999, every=50)
    night.land("flights", BEFORE, bad)
    first = night.run()
    page, shown = night.desk.page, night.validator.shown
    night.desk = ScoringContext()
    files = {p: p.stat().st_mtime_ns for p in (night.root / "data").rglob("*") if p.is_file()}

    again = night.run()

    assert again.to_json() == first.to_json()
    assert night.desk.page == page
    assert night.validator.shown == shown
    assert not night.desk.counts
    assert files == {p: p.stat().st_mtime_ns for p in files}
    assert len(files) == sum(p.is_file() for p in (night.root / "data").rglob("*"))


def test_a_next_night_judges_only_what_is_new(night: Night) -> None:
    night.run()
    shown = night.validator.shown
    night.day = DAY + timedelta(days=1)
    for table, day in (("flights", DAY), ("weather", DAY), ("schedule", night.day)):
        night.land(table, day)

    night.run()

    assert night.validator.shown == shown + 3


def test_bad_rows_within_the_budget_are_put_aside_with_rule_and_reason(night: Night) -> None:
    good = night.rows("flights", BEFORE)
    night.land("flights", BEFORE, spoil(good, "distance", 99_999, every=20))
    n_bad = math.ceil(good.num_rows / 20)

    validation = night.run()

    check = check_of(validation, "flights", BEFORE)
    assert (check.passed, check.quarantined) == (True, n_bad)
    assert check.landed == check.accepted + check.quarantined == good.num_rows
    accepted, aside = night.get("accepted/flights", BEFORE), night.get("quarantine/flights", BEFORE)
    assert accepted is not None
    assert aside is not None
    assert accepted.schema == good.schema
    assert pc.max(accepted.column("distance")).as_py() < 6000
    assert aside.column_names == [*good.column_names, "rule", "reason"]
    assert set(aside.column("rule").to_pylist()) == {DISTANCE}
    assert aside.column("reason")[0].as_py() == f"{DISTANCE}: expected 10 to 6000"
    assert night.desk.counts == {(BEFORE, "flights"): {DISTANCE: n_bad}}
    assert [(f.rule, f.rows) for f in validation.findings] == [(DISTANCE, n_bad)]


def test_bad_rows_beyond_the_budget_block_and_leave_what_was_accepted(night: Night) -> None:
    night.run()
    before = night.get("accepted/flights", BEFORE)
    bad = spoil(night.rows("flights", BEFORE), "distance", 99_999, every=3)
    night.land("flights", BEFORE, bad)

    message, evidence = night.refused()

    assert (
        "flights of 2013-09-30 is blocked (max_quarantined_share: 331 of 993 rows are bad"
        in message
    )
    assert DISTANCE in message
    check = check_of(evidence, "flights", BEFORE)
    assert (check.passed, check.accepted, check.quarantined) == (False, 0, bad.num_rows)
    assert night.get("accepted/flights", BEFORE) == before
    aside = night.get("quarantine/flights", BEFORE)
    assert aside is not None
    assert aside.num_rows == bad.num_rows
    assert aside.column("rule").to_pylist().count(DISTANCE) == 331
    assert "blocked" in night.desk.page


def test_a_correction_ends_the_block_and_empties_the_quarantine(night: Night) -> None:
    night.land("flights", BEFORE, spoil(night.rows("flights", BEFORE), "distance", 0, every=3))
    night.refused()
    night.land("flights", BEFORE)

    assert night.run().passed

    aside = night.get("quarantine/flights", BEFORE)
    assert aside is not None
    assert aside.num_rows == 0
    assert night.desk.counts[BEFORE, "flights"] == {}


@pytest.mark.parametrize("keep", [0, 90])
def test_a_partition_with_too_few_rows_is_blocked(night: Night, keep: int) -> None:
    night.land("schedule", DAY, night.rows("schedule", DAY).slice(0, keep))

    message, _ = night.refused()

    assert (
        f"schedule of 2013-10-01 is blocked (expect_table_row_count_to_be_between: {keep} rows"
        in message
    )
    assert not night.lake.find("accepted/schedule", DAY, DAY)


def test_a_day_that_has_not_landed_blocks(night: Night) -> None:
    del night.raw["schedule", DAY]

    message, _ = night.refused()

    assert "schedule of 2013-10-01 has not landed" in message


def renamed(rows: pa.Table) -> pa.Table:
    return rows.rename_columns([{"distance": "distance_km"}.get(n, n) for n in rows.column_names])


def as_text(rows: pa.Table) -> pa.Table:
    values = [f"about {value}" for value in rows.column("distance").to_pylist()]
    return rows.set_column(rows.column_names.index("distance"), "distance", pa.array(values))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (renamed, "missing; is it 'distance_km' now?"),
        (as_text, "string that cannot be cast without loss, expected int32"),
        (lambda rows: rows.drop_columns(["distance"]), "column(distance): missing"),
    ],
)
def test_a_column_that_is_not_what_it_was_blocks(night: Night, change: Any, said: str) -> None:
    night.land("flights", BEFORE, change(night.rows("flights", BEFORE)))

    message, evidence = night.refused()

    assert said in message
    aside = night.get("quarantine/flights", BEFORE)
    assert aside is not None
    assert aside.num_rows == check_of(evidence, "flights", BEFORE).landed


def test_a_type_that_changed_between_days_is_told_where_rows_of_both_days_are_shown(
    night: Night,
) -> None:
    old, good = DAY - timedelta(days=2), night.rows("flights", BEFORE)
    night.land("flights", old, spoil(night.rows("flights", old), "distance", 99_999, every=50))
    night.land("flights", BEFORE, as_text(good))

    message, evidence = night.refused()

    assert "string that cannot be cast without loss, expected int32" in message
    assert check_of(evidence, "flights", old).quarantined
    assert "about " in night.desk.page
    assert "99999" in night.desk.page


def test_a_wider_type_and_an_extra_column_are_accepted_as_the_contract_has_them(
    night: Night,
) -> None:
    good = night.rows("flights", BEFORE)
    at = good.column_names.index("distance")
    wide = good.set_column(at, "distance", good.column("distance").cast(pa.int64()))
    extra = pa.array(["x"] * good.num_rows)
    night.land(
        "flights",
        BEFORE,
        wide.append_column("gate", extra).select([*good.column_names[::-1], "gate"]),
    )

    validation = night.run()

    assert night.get("accepted/flights", BEFORE) == good
    assert [(f.rule, f.severity) for f in validation.findings] == [("column(gate)", "info")]
    assert night.run() == validation


def test_nan_and_infinities_are_put_aside_and_never_accepted(night: Night) -> None:
    good = night.rows("weather", BEFORE)
    spoilt = spoil(spoil(good, "visib", math.nan, every=50), "temp", math.inf, every=70)
    night.land("weather", BEFORE, spoilt)

    validation = night.run()

    assert check_of(validation, "weather", BEFORE).quarantined == 3
    assert night.desk.counts[BEFORE, "weather"] == {
        f"finite(temp) + {TEMP}": 1,
        f"finite(temp) + finite(visib) + {TEMP}": 1,
        "finite(visib)": 1,
    }


def test_cells_of_ten_megabytes_are_put_aside_and_seen_cut(night: Night) -> None:
    good, huge = night.rows("schedule", DAY), "x" * 10_000_000
    for column, place in (("tailnum", 0), ("carrier", 1), ("dest", 2)):
        values = good.column(column).to_pylist()
        values[place] = huge if column != "carrier" else "c" * 1201
        good = good.set_column(good.column_names.index(column), column, pa.array(values))
    night.land("schedule", DAY, good)

    validation = night.run()

    assert check_of(validation, "schedule", DAY).quarantined == 3
    assert {
        rule for rules in night.desk.counts[DAY, "schedule"] for rule in rules.split(" + ")
    } >= {
        "length(carrier)",
        "length(dest)",
        "length(tailnum)",
    }
    accepted = night.get("accepted/schedule", DAY)
    assert accepted is not None
    assert pc.max(pc.binary_length(accepted.column("tailnum"))).as_py() < 10
    assert len(night.desk.page) < 100_000
    assert len(validation.to_json()) < 1_000_000


def test_a_table_delivered_twice_over_keeps_each_event_once(night: Night) -> None:
    good = night.rows("schedule", DAY)
    night.land("schedule", DAY, pa.concat_tables([good, good.slice(0, 30)]))

    validation = night.run()

    assert check_of(validation, "schedule", DAY).quarantined == 30
    accepted = night.get("accepted/schedule", DAY)
    assert accepted is not None
    assert accepted.equals(good)


def test_rows_of_another_day_and_from_the_future_are_put_aside(night: Night) -> None:
    good = night.rows("flights", BEFORE)
    late = pd.Timestamp("2013-10-09").to_pydatetime()
    night.land(
        "flights", BEFORE, spoil(spoil(good, "day", DAY, every=40), "known_at", late, every=60)
    )

    night.run()

    aside = night.desk.counts[BEFORE, "flights"]
    assert {part for rule in aside for part in rule.split(" + ")} == {
        "calendar(day)",
        "calendar(known_at)",
    }


def test_yesterdays_file_under_todays_name_is_blocked(night: Night) -> None:
    night.land("schedule", DAY, night.rows("schedule", BEFORE))

    message, _ = night.refused()

    assert "of them by calendar(day)" in message


def test_a_truncated_file_of_the_night_blocks_it_and_says_what_to_do(night: Night) -> None:
    path = night.root / "data" / night.raw["flights", BEFORE].file
    path.write_bytes(path.read_bytes()[:2000])

    message, evidence = night.refused()

    assert "readable" in message
    assert "`redeye verify` names" in message
    check = check_of(evidence, "flights", BEFORE)
    assert check.landed == check.accepted + check.quarantined


def test_an_older_day_that_is_blocked_is_left_out_and_told(tmp_path: Path) -> None:
    night = Night(tmp_path, back=12)
    old = DAY - timedelta(days=5)
    night.land("weather", old, night.rows("weather", old).slice(0, 3))

    validation = night.run()

    assert validation.passed
    assert "1 older is left out" in validation.reason
    assert not check_of(validation, "weather", old).passed
    assert not night.lake.find("accepted/weather", old, old)


def test_a_correction_that_another_night_landed_is_not_undone(night: Night) -> None:
    good = night.rows("flights", BEFORE)
    night.land("flights", BEFORE, spoil(good, "distance", 99_999, every=50))
    then, written_down = night.run(), dict(night.raw)
    night.day = NEXT
    night.land("flights", BEFORE)
    night.land_night()
    night.run()
    night.day, night.raw = DAY, written_down

    again = night.run()

    assert again == then
    assert night.get("accepted/flights", BEFORE) == good


def test_a_correction_that_nobody_has_judged_is_judged_for_the_older_one(night: Night) -> None:
    good = night.rows("flights", BEFORE)
    written_down = night.land("flights", BEFORE, spoil(good, "distance", 99_999, every=50))
    night.land("flights", BEFORE)
    night.raw["flights", BEFORE] = written_down

    validation = night.run()

    assert check_of(validation, "flights", BEFORE).quarantined == 0
    assert night.get("accepted/flights", BEFORE) == good


def test_rows_that_were_corrected_and_came_back_are_accepted_again(night: Night) -> None:
    rows = night.rows("flights", BEFORE)
    night.run()
    night.day = NEXT
    night.land_night()
    night.land("flights", BEFORE, rows.slice(0, 900))
    night.run()
    night.land("flights", BEFORE, rows)

    night.run()

    assert night.get("accepted/flights", BEFORE) == rows


def test_what_is_accepted_counts_from_the_night_on_that_accepted_it(night: Night) -> None:
    rows = night.rows("flights", BEFORE)
    night.run()
    night.day = NEXT
    night.land_night()
    night.land("flights", BEFORE, rows.slice(0, 900))
    night.run()

    assert night.get("accepted/flights", BEFORE, known=DAY) == rows
    assert night.get("accepted/flights", BEFORE, known=NEXT) == rows.slice(0, 900)


def test_what_another_suite_accepts_was_known_when_it_landed(night: Night, tmp_path: Path) -> None:
    def stricter(suite: Any) -> None:
        of_distance = [r for r in suite["expectations"] if r["kwargs"].get("column") == "distance"]
        rule = next(r for r in of_distance if "max_value" in r["kwargs"])
        rule["kwargs"]["max_value"] = 2000

    rows = night.rows("flights", BEFORE)
    night.run()
    night.day = NEXT
    night.land_night()
    night.validator = CountingValidator(a_changed_suite(tmp_path, "flights", stricter))
    night.budget = 1.0
    night.run()

    newest = night.get("accepted/flights", BEFORE)
    assert newest is not None
    assert newest.num_rows < rows.num_rows
    assert [night.get("accepted/flights", BEFORE, known) for known in (BEFORE, DAY, NEXT)] == [
        newest
    ] * 3


def expecting(n_rows: int) -> Any:
    """A suite whose number of rows is out by far, or not."""

    def change(suite: Any) -> None:
        rule = next(
            r for r in suite["expectations"] if r["type"].endswith("row_count_to_be_between")
        )
        rule["kwargs"] = {"min_value": n_rows}

    return change


@pytest.mark.parametrize("later", [0, 1], ids=["the same night", "a later night"])
def test_what_a_corrected_suite_lets_in_was_known_when_it_landed(
    night: Night, tmp_path: Path, later: int
) -> None:
    night.validator = CountingValidator(a_changed_suite(tmp_path, "flights", expecting(10**6)))
    night.refused()
    night.validator = CountingValidator(EXPECTATIONS)
    if later:
        night.day = NEXT
        night.land_night()

    night.run()

    old = DAY - timedelta(days=2)
    for known in (BEFORE, DAY, NEXT):
        assert night.get("accepted/flights", old, known) == night.rows("flights", old)


def test_of_a_corrected_suite_each_night_gets_what_the_source_had_brought_by_then(
    night: Night, tmp_path: Path
) -> None:
    rows, old = night.rows("flights", BEFORE), DAY - timedelta(days=2)
    night.validator = CountingValidator(a_changed_suite(tmp_path, "flights", expecting(10**6)))
    night.refused()
    night.day = NEXT
    night.land_night()
    night.land("flights", BEFORE, rows.slice(0, 900))
    night.refused()
    night.validator = CountingValidator(EXPECTATIONS)

    night.run()

    assert night.get("accepted/flights", old, BEFORE) == night.rows("flights", old)
    assert night.get("accepted/flights", BEFORE, DAY) == rows
    assert night.get("accepted/flights", BEFORE, NEXT) == rows.slice(0, 900)


def test_what_was_blocked_and_is_mended_does_not_creep_into_the_past(tmp_path: Path) -> None:
    night = Night(tmp_path, back=12)
    old = DAY - timedelta(days=5)
    night.land("weather", old, night.rows("weather", old).slice(0, 3))
    night.run()
    night.day = NEXT
    night.land_night()
    night.land("weather", old)
    night.run()

    assert night.get("accepted/weather", old, known=DAY) is None
    assert night.get("accepted/weather", old, known=NEXT) == night.rows("weather", old)


def test_what_came_late_does_not_creep_into_the_past(night: Night) -> None:
    old = DAY - timedelta(days=4)
    night.lake.write("raw/weather", old, None, night=DAY)
    night.run()
    night.day = NEXT
    night.land_night()
    night.land("weather", old)
    night.run()

    assert night.get("accepted/weather", old, known=DAY) is None
    assert night.get("accepted/weather", old, known=NEXT) == night.rows("weather", old)


def a_changed_suite(folder: Path, table: str, change: Any) -> Path:
    suites = folder / "expectations"
    shutil.copytree(EXPECTATIONS, suites)
    suite = json.loads((suites / f"{table}.json").read_text())
    change(suite)
    (suites / f"{table}.json").write_text(json.dumps(suite))
    return suites


def test_a_suite_that_changed_judges_its_table_again(night: Night, tmp_path: Path) -> None:
    night.run()
    shown = night.validator.shown

    def shorter(suite: dict[str, Any]) -> None:
        rule = next(r for r in suite["expectations"] if r["kwargs"].get("column") == "visib")
        rule["kwargs"]["max_value"] = 9.9

    night.validator = CountingValidator(a_changed_suite(tmp_path / "new", "weather", shorter))
    night.budget = 1.0

    validation = night.run()

    assert shown == 7
    assert night.validator.shown == 2
    assert check_of(validation, "weather", BEFORE).quarantined > 0


def test_a_critical_rule_about_rows_blocks_for_one_row(night: Night, tmp_path: Path) -> None:
    def harder(suite: dict[str, Any]) -> None:
        rule = next(r for r in suite["expectations"] if r["kwargs"].get("column") == "distance")
        rule["severity"] = "critical"

    night.validator = CountingValidator(a_changed_suite(tmp_path / "new", "flights", harder))
    rows = spoil(night.rows("flights", BEFORE), "distance", None, every=2000)
    night.land("flights", BEFORE, rows)

    message, _ = night.refused()

    assert "expect_column_values_to_not_be_null(distance): 1 of 993 rows break it" in message


def test_a_rule_that_crashes_is_a_broken_suite_and_accepts_nothing(
    night: Night, tmp_path: Path
) -> None:
    def typo(suite: dict[str, Any]) -> None:
        of_distance = [r for r in suite["expectations"] if r["kwargs"].get("column") == "distance"]
        rule = next(r for r in of_distance if "max_value" in r["kwargs"])
        rule["kwargs"]["column"] = "distanze"

    night.validator = CountingValidator(a_changed_suite(tmp_path / "new", "flights", typo))

    with pytest.raises(ConfigError, match=r"expectations/flights\.json: .*distanze"):
        night.run()

    assert not night.lake.find("accepted/flights", BEFORE, BEFORE)


def test_a_table_without_a_suite_is_taken_as_it_is(night: Night, tmp_path: Path) -> None:
    night.validator = CountingValidator(tmp_path)

    assert night.run().passed
    assert night.validator.shown == 0
    assert "Nobody wrote a suite" in night.desk.page


def test_facts_that_do_not_say_when_they_were_known_are_blocked(
    night: Night, tmp_path: Path
) -> None:
    def forgetful(suite: dict[str, Any]) -> None:
        del suite["meta"]["columns"]["known_at"], suite["meta"]["instants"]["known_at"]

    night.validator = CountingValidator(a_changed_suite(tmp_path / "new", "flights", forgetful))
    of_the_suite, _ = night.refused()
    night.validator = CountingValidator(tmp_path / "none")
    night.land("flights", BEFORE, night.rows("flights", BEFORE).drop_columns(["known_at"]))
    of_the_data, _ = night.refused()

    for message in (of_the_suite, of_the_data):
        assert "column(known_at): missing, or left out by meta.columns" in message
        assert "expected when each fact became known" in message
    assert not night.lake.find("accepted/flights", BEFORE, BEFORE)


@pytest.mark.parametrize("step", ["quarantine/flights", "findings/flights", "accepted/flights"])
def test_a_run_that_died_half_way_accepted_nothing_and_the_next_one_judges_anew(
    night: Night, step: str
) -> None:
    night.land("flights", BEFORE, spoil(night.rows("flights", BEFORE), "distance", 0, every=50))
    write = night.lake.write

    def die(dataset: str, *rest: Any, **how: Any) -> Partition:
        if dataset == step:
            raise KeyboardInterrupt
        return write(dataset, *rest, **how)

    night.lake.write = die  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        night.run()
    night.lake = LocalLake(night.root / "data")
    assert not night.lake.find("accepted/flights", BEFORE, BEFORE)

    validation = night.run()

    assert validation.passed
    assert check_of(validation, "flights", BEFORE).quarantined == 20
    assert [finding.rows for finding in validation.findings] == [20]


def test_nothing_that_came_with_the_data_is_html(night: Night) -> None:
    evil = "<script>alert(1)</script>"
    rows = spoil(night.rows("flights", BEFORE), "tailnum", evil, every=100)
    night.land("flights", BEFORE, rows.append_column(evil, pa.array([evil] * rows.num_rows)))

    night.run()

    assert "<script" not in night.desk.page
    assert night.desk.page.count("&lt;script&gt;alert") >= 3


@pytest.mark.parametrize(
    "day",
    [
        date(2013, 1, 2),  # the first night with facts
        date(2013, 3, 11),  # facts of the day that has 23 hours
        date(2013, 11, 4),  # facts of the day that has 25
        date(2013, 10, 26),  # the sparsest weather of autumn
        date(2013, 11, 29),  # after Thanksgiving, the quietest day
        date(2014, 3, 10),  # the clock changes on other days than in the year that is replayed
        date(2026, 11, 2),
    ],
)
def test_real_days_are_accepted_whole(tmp_path: Path, day: date) -> None:
    night = Night(tmp_path, day=day, back=1)

    validation = night.run()

    assert validation.passed
    assert sum(check.quarantined for check in validation.checks) == 0


def test_the_one_impossible_observation_of_the_year_is_put_aside(tmp_path: Path) -> None:
    night = Night(tmp_path, day=date(2013, 2, 13), back=1)

    night.run()

    assert night.desk.counts == {
        (date(2013, 2, 12), "weather"): {"expect_column_values_to_be_between(wind_speed)": 1}
    }


def test_slow_tables_of_the_feed_are_accepted(night: Night) -> None:
    for table in ("planes", "airports", "airlines"):
        night.land(table, BEFORE)

    validation = night.run()

    assert len([c for c in validation.checks if c.passed and not c.quarantined]) == 10


def with_gate(suite: Any) -> None:
    suite["meta"]["columns"]["gate"] = "string"
    suite["meta"]["columns"]["flight"] = "int64"
    suite["meta"]["columns"]["distance"] = "float64"


def gated(rows: pa.Table) -> pa.Table:
    return rows.append_column("gate", pa.array(["A1"] * rows.num_rows))


def test_a_column_added_to_a_table_and_a_wider_type_leave_its_history_as_it_is(
    night: Night, tmp_path: Path
) -> None:
    night.run()
    night.day = NEXT
    night.land_night()
    night.land("flights", DAY, gated(night.rows("flights", DAY)))
    night.validator = CountingValidator(a_changed_suite(tmp_path, "flights", with_gate))

    validation = night.run()

    assert all(check.passed for check in validation.checks)
    old, new = (night.get("accepted/flights", day) for day in (BEFORE, DAY))
    assert old is not None
    assert new is not None
    assert old.schema == new.schema
    assert old["gate"].null_count == old.num_rows
    assert new["gate"].null_count == 0
    told = {(f.day, f.severity) for f in validation.findings if f.rule == "column(gate)"}
    assert told == {(DAY - timedelta(days=n), "info") for n in (1, 2)}


@pytest.mark.parametrize("lost", [BEFORE, DAY], ids=["a day among others", "the newest day"])
def test_a_column_that_a_day_has_lost_still_blocks_it(
    night: Night, tmp_path: Path, lost: date
) -> None:
    night.day = NEXT
    night.land_night()
    for n in range(1, 4):
        day = NEXT - timedelta(days=n)
        night.land("flights", day, gated(night.rows("flights", day)))
    night.land("flights", lost)
    night.budget = 0.5
    night.validator = CountingValidator(a_changed_suite(tmp_path, "flights", with_gate))

    if lost == DAY:
        _, validation = night.refused()
    else:
        validation = night.run()

    assert not check_of(validation, "flights", lost).passed
    assert any(f.rule == "column(gate)" and f.severity == "critical" for f in validation.findings)
