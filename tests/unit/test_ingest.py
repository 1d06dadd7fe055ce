"""What a night lands: all it needs, nothing twice, and no outcome of a day that is not over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.adapters.lake.lake import LocalLake
from pipelines.core.config import IngestParams
from pipelines.core.errors import DataError, MissingDay, TemporaryError, UsageError
from pipelines.core.records import IngestResult, Partition
from pipelines.data.refetch import Span, refetch
from pipelines.define.problem import Problem, Table
from pipelines.problem import PROBLEM
from pipelines.stages.ingest import ingest

FIRST = date(2020, 1, 1)
DAY = date(2020, 1, 10)
NEXT = DAY + timedelta(days=1)
PARAMS = IngestParams(history_days=5, refetch_days=2)
TABLES = (Table("schedule", "events"), Table("flights", "facts"), Table("planes", "dimension"))
TOY: Problem = replace(PROBLEM, first_day=FIRST, tables=TABLES, label_maturity_days=0)


@dataclass
class StrictSource:
    """A source that gives outcomes only of days that are over when `today`'s night is made."""

    today: date
    rows: dict[tuple[str, date], list[int]] = field(default_factory=dict)
    slow: list[int] = field(default_factory=lambda: [1, 2])
    missing: set[tuple[str, date]] = field(default_factory=set)
    asked: list[tuple[str, date]] = field(default_factory=list)

    def read(self, table: str, day: date) -> pa.Table:
        self.asked.append((table, day))
        if table == "flights" and day >= self.today:
            raise AssertionError(f"{table} of {day} are not over on {self.today}")
        if (table, day) in self.missing:
            raise MissingDay(f"{table} has no file for {day}; deliver it")
        if table == "planes":
            return pa.table({"n": self.slow})
        values = self.rows.get((table, day), [day.day])
        return pa.table({"day": pa.array([day] * len(values), pa.date32()), "n": values})


class CountingVersions:
    """Versions that are numbers."""

    def __init__(self) -> None:
        self.recorded: list[date] = []

    def record(self, day: date) -> tuple[str, str]:
        self.recorded.append(day)
        return f"v{len(self.recorded)}", "nowhere"

    def log(self) -> list[dict[str, str]]:
        return []

    def checkout(self, version: str, to: Path) -> int:
        raise NotImplementedError


Night = Callable[..., IngestResult]


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path)


@pytest.fixture
def versions() -> CountingVersions:
    return CountingVersions()


@pytest.fixture
def night(lake: LocalLake, versions: CountingVersions) -> Night:
    def run(
        source: StrictSource, day: date = DAY, landed: IngestResult | None = None
    ) -> IngestResult:
        return ingest(day, PARAMS, TOY, source, lake, versions, landed)

    return run


def days(landed: IngestResult, table: str) -> list[int]:
    return [p.day.day for p in landed.partitions if p.dataset == f"raw/{table}"]


def test_the_first_night_lands_all_history_and_outcomes_only_of_days_that_are_over(
    night: Night,
) -> None:
    landed = night(StrictSource(today=DAY))

    assert days(landed, "schedule") == [5, 6, 7, 8, 9, 10]
    assert days(landed, "flights") == [5, 6, 7, 8, 9]
    assert days(landed, "planes") == [5]
    assert landed.new == 12
    assert landed.rows == {"schedule": 6, "flights": 5, "planes": 2}


def test_of_what_was_landed_only_the_newest_and_late_facts_are_asked_for_again(
    night: Night,
) -> None:
    night(StrictSource(today=DAY))
    source = StrictSource(today=DAY)

    night(source)

    assert source.asked == [
        ("schedule", DAY),
        ("flights", DAY - timedelta(days=2)),
        ("flights", DAY - timedelta(days=1)),
        ("planes", DAY),
    ]


def test_the_next_night_lands_one_day_more(night: Night) -> None:
    night(StrictSource(today=DAY))

    landed = night(StrictSource(today=DAY + timedelta(days=1)), DAY + timedelta(days=1))

    assert landed.new == 2
    assert days(landed, "schedule") == [6, 7, 8, 9, 10, 11]
    assert days(landed, "flights") == [6, 7, 8, 9, 10]


def test_a_night_that_changes_nothing_gives_back_the_record_it_had(
    night: Night, versions: CountingVersions
) -> None:
    first = night(StrictSource(today=DAY))

    assert night(StrictSource(today=DAY), landed=first) == first
    assert versions.recorded == [DAY]


def test_a_night_whose_record_was_lost_is_versioned_again(
    night: Night, versions: CountingVersions
) -> None:
    first = night(StrictSource(today=DAY))

    again = night(StrictSource(today=DAY))

    assert again.partitions == first.partitions
    assert again.new == 0
    assert versions.recorded == [DAY, DAY]


def test_a_correction_is_a_new_revision_and_the_old_one_stays_readable(
    night: Night, lake: LocalLake
) -> None:
    yesterday = DAY - timedelta(days=1)
    first = night(StrictSource(today=DAY))
    corrected = StrictSource(today=DAY, rows={("flights", yesterday): [9, 99]})

    landed = night(corrected, landed=first)

    (old,) = [p for p in first.partitions if p.dataset == "raw/flights" and p.day == yesterday]
    (new,) = [p for p in landed.partitions if p.dataset == "raw/flights" and p.day == yesterday]
    assert (old.revision, new.revision) == (0, 1)
    assert lake.read([old])["n"].to_pylist() == [9]
    assert lake.read([new])["n"].to_pylist() == [9, 99]
    assert (landed.new, landed.rows["flights"]) == (1, 2)


def test_an_older_day_that_is_missing_is_a_gap_that_the_next_night_asks_for_again(
    night: Night,
) -> None:
    gap = ("flights", date(2020, 1, 7))

    first = night(StrictSource(today=DAY, missing={gap}))
    second = night(StrictSource(today=DAY), landed=first)

    assert first.missing == ("flights 2020-01-07",)
    assert days(first, "flights") == [5, 6, 8, 9]
    assert second.missing == ()
    assert days(second, "flights") == [5, 6, 7, 8, 9]


def test_what_comes_late_counts_only_from_the_night_on_in_which_it_came(
    night: Night, lake: LocalLake
) -> None:
    gap = date(2020, 1, 7)
    night(StrictSource(today=DAY, missing={("flights", gap)}))
    night(StrictSource(today=NEXT), NEXT)

    assert lake.find("raw/flights", gap, gap, known=DAY) == []
    assert len(lake.find("raw/flights", gap, gap, known=NEXT)) == 1


def test_a_night_that_is_run_again_lists_what_it_listed_then(night: Night, tmp_path: Path) -> None:
    gap, late = date(2020, 1, 7), DAY - timedelta(days=1)
    first = night(StrictSource(today=DAY, missing={("flights", gap)}))
    news = StrictSource(today=NEXT, rows={("flights", late): [9, 99]}, slow=[1, 2, 3])
    night(news, NEXT)
    before = {path: path.read_bytes() for path in tmp_path.glob("raw/*/*/*.*")}

    again = night(replace(news, today=DAY), DAY, first)

    assert again == first
    assert {path: path.read_bytes() for path in tmp_path.glob("raw/*/*/*.*")} == before


def test_a_file_that_was_changed_is_never_made_part_of_a_version(
    night: Night, lake: LocalLake, versions: CountingVersions, tmp_path: Path
) -> None:
    first = night(StrictSource(today=DAY))
    (victim,) = lake.find("raw/flights", date(2020, 1, 6), date(2020, 1, 6))
    (tmp_path / victim.file).write_bytes(b"something else")

    for day, landed in ((DAY, first), (NEXT, None)):
        with pytest.raises(DataError, match=r"2020-01-06.*SHA-256 differs"):
            night(StrictSource(today=day), day, landed)

    assert versions.recorded == [DAY]


def test_a_file_that_was_changed_is_mended_where_the_source_is_asked_again(
    night: Night, lake: LocalLake, tmp_path: Path
) -> None:
    first = night(StrictSource(today=DAY))
    (victim,) = lake.find("raw/flights", date(2020, 1, 9), date(2020, 1, 9))
    whole = (tmp_path / victim.file).read_bytes()
    (tmp_path / victim.file).write_bytes(whole[:-9])

    assert night(StrictSource(today=DAY), landed=first) == first
    assert (tmp_path / victim.file).read_bytes() == whole


def test_facts_that_the_source_has_no_more_stay_as_they_landed(
    night: Night, lake: LocalLake
) -> None:
    gone = DAY - timedelta(days=2)
    first = night(StrictSource(today=DAY))

    again = night(StrictSource(today=DAY, missing={("flights", gone)}), landed=first)

    assert again == first


def test_a_late_correction_is_noticed_and_counts_from_then_on(
    night: Night, lake: LocalLake
) -> None:
    day = DAY - timedelta(days=1)
    night(StrictSource(today=DAY))
    landed = night(StrictSource(today=NEXT, rows={("flights", day): [9, 99]}), NEXT)

    then, now = (lake.find("raw/flights", day, day, known=one) for one in (DAY, NEXT))
    assert lake.read(then)["n"].to_pylist() == [9]
    assert lake.read(now)["n"].to_pylist() == [9, 99]
    assert landed.rows["flights"] == 3


def test_a_night_whose_source_was_mended_counts_the_mended_rows(
    night: Night, lake: LocalLake
) -> None:
    day = DAY - timedelta(days=1)
    night(StrictSource(today=DAY))
    night(StrictSource(today=DAY, rows={("flights", day): [9, 99]}))

    assert lake.read(lake.find("raw/flights", day, day, known=DAY))["n"].to_pylist() == [9, 99]


@pytest.mark.parametrize("newest", [("schedule", DAY), ("flights", DAY - timedelta(days=1))])
def test_the_newest_day_may_not_be_missing(
    night: Night, versions: CountingVersions, newest: tuple[str, date]
) -> None:
    with pytest.raises(DataError, match=r"has no file for .*; deliver it"):
        night(StrictSource(today=DAY, missing={newest}))

    assert versions.recorded == []


def test_an_older_day_that_is_broken_stops_the_night(night: Night) -> None:
    class Broken(StrictSource):
        def read(self, table: str, day: date) -> pa.Table:
            if day == date(2020, 1, 7):
                raise DataError("flights/2020-01-07.parquet: cannot be read")
            return super().read(table, day)

    with pytest.raises(DataError, match="cannot be read"):
        night(Broken(today=DAY))


def test_an_empty_day_is_landed_for_validation_to_judge(night: Night, lake: LocalLake) -> None:
    landed = night(StrictSource(today=DAY, rows={("schedule", DAY): []}))

    (empty,) = [p for p in landed.partitions if p.dataset == "raw/schedule" and p.day == DAY]
    assert empty.rows == 0
    assert lake.read([empty]).num_rows == 0


@dataclass
class ThreeDays:
    """Nights of a problem whose outcomes take three days, or as many as are declared."""

    lake: LocalLake
    versions: CountingVersions

    def run(self, day: date, *, declared: int, **source: Any) -> StrictSource:
        asked = StrictSource(today=day, **source)
        problem = replace(TOY, label_maturity_days=declared)
        params = IngestParams(history_days=20, refetch_days=1)
        ingest(day, params, problem, asked, self.lake, self.versions)
        return asked

    def known(self, day: date, night: date | None = None) -> list[int]:
        found = self.lake.find("raw/flights", day, day, known=night)
        rows: list[int] = self.lake.read(found)["n"].to_pylist()
        return rows


@pytest.fixture
def three_days(lake: LocalLake, versions: CountingVersions) -> ThreeDays:
    return ThreeDays(lake, versions)


def facts_asked(source: StrictSource) -> list[int]:
    return [day.day for table, day in source.asked if table == "flights"]


def test_days_that_landed_before_their_outcomes_were_complete_are_asked_for_once_they_are(
    three_days: ThreeDays,
) -> None:
    for night in range(2, 11):
        three_days.run(date(2020, 1, night), declared=0)
    complete = {("flights", date(2020, 1, 4)): [4, 44]}

    told = three_days.run(NEXT, declared=3, rows=complete)
    after = three_days.run(NEXT + timedelta(days=1), declared=3, rows=complete)

    assert facts_asked(told) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert three_days.known(date(2020, 1, 4)) == [4, 44]
    assert facts_asked(after) == [8, 9, 10, 11]


def test_after_nights_that_did_not_run_incomplete_days_are_asked_for_and_then_no_more(
    three_days: ThreeDays,
) -> None:
    three_days.run(DAY, declared=3)
    late = DAY + timedelta(days=7)

    told = three_days.run(late, declared=3)
    after = three_days.run(late, declared=3)

    assert facts_asked(told) == [7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
    assert facts_asked(after) == [13, 14, 15, 16]


def test_a_night_that_is_made_up_for_knows_complete_days_as_if_it_had_run_in_time(
    three_days: ThreeDays,
) -> None:
    """A later night landed them meanwhile: their `known_at` tells what was known by then."""
    day, complete = DAY - timedelta(days=1), DAY + timedelta(days=3)
    three_days.run(DAY, declared=3)
    three_days.run(DAY + timedelta(days=7), declared=3, rows={("flights", day): [9, 99]})

    three_days.run(complete, declared=3, rows={("flights", day): [9, 99]})

    assert three_days.known(day, complete - timedelta(days=1)) == [9]
    assert three_days.known(day, complete) == [9, 99]


def test_an_earlier_night_that_is_run_again_changes_nothing_of_a_complete_day(
    three_days: ThreeDays, tmp_path: Path
) -> None:
    three_days.run(DAY, declared=3)
    three_days.run(DAY + timedelta(days=7), declared=3)
    before = {path: path.read_bytes() for path in tmp_path.glob("raw/*/*/*.*")}

    three_days.run(DAY, declared=3)

    assert {path: path.read_bytes() for path in tmp_path.glob("raw/*/*/*.*")} == before


def test_what_is_complete_for_one_maturity_is_asked_for_again_for_a_longer_one(
    three_days: ThreeDays,
) -> None:
    for night in range(2, 11):
        three_days.run(date(2020, 1, night), declared=3)

    asked = [facts_asked(three_days.run(DAY, declared=6)) for _ in range(2)]

    assert asked == [[1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 4, 5, 6, 7, 8, 9]]


def test_a_slow_table_is_landed_again_only_when_it_changed(night: Night) -> None:
    source = StrictSource(today=DAY + timedelta(days=2))
    night(source)
    same = night(source, DAY + timedelta(days=1))
    source.slow = [1, 2, 3]
    changed = night(source, DAY + timedelta(days=2))

    assert days(same, "planes") == [5]
    assert days(changed, "planes") == [5, 12]


def test_an_earlier_night_does_not_see_the_slow_table_of_a_later_one(night: Night) -> None:
    source = StrictSource(today=DAY + timedelta(days=1))
    night(source)
    source.slow = [1, 2, 3]
    night(source, DAY + timedelta(days=1))
    source.slow = [1, 2]

    assert days(night(source, DAY), "planes") == [5]


def test_the_first_day_of_all_has_no_history(night: Night) -> None:
    landed = night(StrictSource(today=FIRST), FIRST)

    assert days(landed, "schedule") == [1]
    assert days(landed, "flights") == []


def test_a_day_before_the_first_is_refused(night: Night) -> None:
    with pytest.raises(DataError, match="begins on 2020-01-01; ask for a later day"):
        night(StrictSource(today=DAY), FIRST - timedelta(days=1))


def test_what_the_lake_cannot_write_stops_the_night(versions: CountingVersions) -> None:
    class FullLake(LocalLake):
        def write(self, *_: object, **__: object) -> Partition:
            raise TemporaryError("the disk is full; make room")

    with pytest.raises(TemporaryError, match="disk is full"):
        ingest(DAY, PARAMS, TOY, StrictSource(today=DAY), FullLake(Path()), versions)

    assert versions.recorded == []


@pytest.mark.parametrize("table", ["schedule", "flights"])
def test_a_night_that_fails_for_want_of_a_day_says_nothing_of_the_past(
    night: Night, lake: LocalLake, table: str
) -> None:
    empty = {(table, DAY - timedelta(days=back)) for back in range(6)}
    with pytest.raises(MissingDay):
        night(StrictSource(today=DAY, missing=empty))  # the wrong folder, say

    night(StrictSource(today=NEXT), day=NEXT)

    then = DAY - timedelta(days=2)
    assert lake.find(f"raw/{table}", then, then, known=DAY - timedelta(days=1))


def test_a_table_fetched_again_counts_for_all_nights_and_its_old_revisions_stay(
    night: Night, lake: LocalLake
) -> None:
    old, late = DAY - timedelta(days=4), DAY - timedelta(days=3)
    source = StrictSource(today=DAY, missing={("flights", late)})
    night(source)
    source = StrictSource(today=NEXT, rows={("flights", old): [7]})
    night(source, NEXT)
    assert not lake.find("raw/flights", late, late, known=DAY)

    found = refetch(Span(NEXT, "flights"), TOY, source, lake)

    assert (found.changed, found.missing) == ((old, late), ())
    for known in (DAY, NEXT):
        (corrected,) = lake.find("raw/flights", old, old, known)
        assert lake.read([corrected])["n"].to_pylist() == [7]
        assert lake.find("raw/flights", late, late, known)
    first, _ = lake.revisions("raw/flights", old, old)[old]
    assert lake.read([first])["n"].to_pylist() == [old.day]
    assert refetch(Span(NEXT, "flights"), TOY, source, lake).changed == ()


def test_a_day_that_the_source_no_longer_has_stays_as_it_is(night: Night, lake: LocalLake) -> None:
    gone, first = DAY - timedelta(days=4), DAY - timedelta(days=5)
    night(StrictSource(today=DAY))
    source = StrictSource(today=DAY, missing={("flights", gone)}, rows={("flights", first): [1]})

    found = refetch(Span(DAY, "flights", None, gone), TOY, source, lake)

    assert (found.asked, found.changed, found.missing) == (2, (first,), (gone,))
    assert lake.find("raw/flights", gone, gone)


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (Span(DAY, "planes"), "dimension table"),
        (Span(DAY, "flight"), "did you mean 'flights'"),
        (Span(DAY, "flights", NEXT), "give --from and --to within 2020-01-01 to 2020-01-09"),
    ],
)
def test_what_cannot_be_fetched_again_is_refused(lake: LocalLake, span: Span, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        refetch(span, TOY, StrictSource(today=DAY), lake)
