"""Repaired rows come back in, and all that follows is what a clean history would have given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.core.errors import DataError, UsageError
from pipelines.data.ports import RuleResult
from pipelines.data.quarantine import critical
from pipelines.data.release import find_aside, release, released
from tests.integration.small_night import DAY, FIRST, Nights, Possible, Timetable

TONIGHT = DAY + timedelta(days=1)
TOMORROW = DAY + timedelta(days=2)
MADE = ("accepted/plan", "accepted/rides", "history/late", "features")


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    """The plan of tonight has an impossible ride, and one of yesterday's ended before it began."""
    return lived(Nights(tmp_path / "dirty", source=Timetable(wrong={DAY})))


@pytest.fixture
def clean(tmp_path: Path) -> Nights:
    return lived(Nights(tmp_path / "clean", source=Timetable(right={TONIGHT})))


def lived(nights: Nights) -> Nights:
    nights.found()
    nights.run(DAY)
    nights.run(TONIGHT)
    return nights


def repair(nights: Nights, table: str, day: date, night: date = TONIGHT, **values: float) -> None:
    """Release what is in quarantine with some values put right."""
    lake = nights.services["lake"]()
    aside = find_aside(lake, table, day)
    rows = aside.rows
    for name, value in values.items():
        place = rows.column_names.index(name)
        rows = rows.set_column(place, name, pa.array([value] * rows.num_rows, pa.float64()))
    release(lake, table, aside, rows, night)


def made(nights: Nights, first: date = DAY) -> dict[str, list[str]]:
    """SHA-256 of everything that is made from what landed."""
    lake = nights.services["lake"]()
    return {name: [one.sha256 for one in lake.find(name, first, TOMORROW)] for name in MADE}


def answers(nights: Nights, day: date) -> list[list[object]]:
    found = nights.services["warehouse"]().predictions(day, day).fillna({"label": -1.0})
    return found[["event_key", "score", "model_version", "label"]].to_numpy().tolist()


def right_delay(clean: Nights) -> float:
    return float(clean.source.read("rides", DAY)["delay"][-1].as_py())


def test_everything_downstream_catches_up_byte_for_byte(nights: Nights, clean: Nights) -> None:
    assert made(nights) != made(clean)

    repair(nights, "rides", DAY, delay=right_delay(clean))
    repair(nights, "plan", TONIGHT, said=0.5)

    for day in (TONIGHT, TOMORROW):
        nights.run(day)
    clean.run(TOMORROW)
    assert made(nights) == made(clean)
    assert [answers(nights, day) for day in (DAY, TONIGHT, TOMORROW)] == [
        answers(clean, day) for day in (DAY, TONIGHT, TOMORROW)
    ]
    assert nights.broken() == {}


def test_what_landed_stays_as_it_landed(nights: Nights) -> None:
    lake = nights.services["lake"]()
    before = lake.revisions("raw/rides", DAY, DAY)

    repair(nights, "rides", DAY, delay=0.0)
    nights.run(TONIGHT)

    assert lake.revisions("raw/rides", DAY, DAY) == before


def test_a_night_before_the_release_neither_knows_of_it_nor_undoes_it(nights: Nights) -> None:
    repair(nights, "rides", DAY, night=TOMORROW, delay=0.0)
    before = made(nights, TONIGHT)
    nights.run(TONIGHT)
    untouched = made(nights, TONIGHT)
    nights.run(TOMORROW)
    after = made(nights)

    nights.run(TONIGHT, ["ingest", "validate"])

    assert untouched == before
    assert made(nights)["accepted/rides"] == after["accepted/rides"]
    assert nights.broken() == {}


def test_rows_that_are_still_wrong_stay_in_quarantine_until_they_are_right(
    nights: Nights, clean: Nights
) -> None:
    repair(nights, "rides", DAY, delay=-3.0)
    nights.run(TONIGHT)
    still = find_aside(nights.services["lake"](), "rides", DAY)

    repair(nights, "rides", DAY, delay=right_delay(clean))
    nights.run(TONIGHT)

    assert still.rows["delay"].to_pylist() == [-3.0]
    assert made(nights)["accepted/rides"] == made(clean)["accepted/rides"]
    with pytest.raises(UsageError, match="nothing is in quarantine"):
        find_aside(nights.services["lake"](), "rides", DAY)


def test_a_correction_by_the_source_supersedes_a_release(nights: Nights, clean: Nights) -> None:
    repair(nights, "rides", DAY, delay=500.0)
    nights.run(TONIGHT)

    nights.source.wrong.clear()
    nights.run(TOMORROW)

    clean.run(TOMORROW)
    assert made(nights)["accepted/rides"] == made(clean)["accepted/rides"]


def test_a_release_after_a_correction_knows_nothing_of_the_one_before(
    nights: Nights, clean: Nights
) -> None:
    repair(nights, "rides", DAY, delay=500.0)
    nights.run(TONIGHT)
    for both in (nights, clean):
        both.source.corrected[DAY] = 1  # and the last ride is wrong again, where it was right
    clean.run(TOMORROW)
    nights.run(TOMORROW)

    aside = find_aside(nights.services["lake"](), "rides", DAY)
    repair(nights, "rides", DAY, night=TOMORROW, delay=right_delay(clean))
    nights.run(TOMORROW, ["validate"])

    assert aside.rows["delay"].to_pylist() == [-1.0]
    assert aside.positions.tolist() == [clean.source.read("rides", DAY).num_rows - 1]
    assert made(nights)["accepted/rides"] == made(clean)["accepted/rides"]


def test_two_releases_of_one_day_are_both_kept(nights: Nights) -> None:
    lake = nights.services["lake"]()
    aside = find_aside(lake, "rides", DAY)
    first = replace(aside, positions=np.array([0]))
    release(lake, "rides", first, aside.rows, TONIGHT)

    both = release(lake, "rides", aside, aside.rows, TONIGHT)

    assert lake.read([both])["position"].to_pylist() == [0, *aside.positions.tolist()]


def test_released_events_of_a_past_day_are_scored_when_that_day_is_scored_again(
    nights: Nights,
) -> None:
    nights.run(TOMORROW)
    before = len(answers(nights, TONIGHT))

    repair(nights, "plan", TONIGHT, night=TONIGHT, said=0.5)
    nights.run(TONIGHT, ["validate", "features", "score"])

    assert len(answers(nights, TONIGHT)) == before + 1
    assert nights.broken() == {}


def test_a_release_again_changes_nothing(nights: Nights) -> None:
    lake = nights.services["lake"]()
    aside = find_aside(lake, "rides", DAY)
    first = release(lake, "rides", aside, aside.rows, TONIGHT)

    again = release(lake, "rides", aside, aside.rows, TONIGHT)

    assert again == first
    assert len(lake.revisions(released("rides"), DAY, DAY)[DAY]) == 2  # that there was none, and it


def test_rows_that_do_not_fit_are_refused(nights: Nights) -> None:
    lake = nights.services["lake"]()
    aside = find_aside(lake, "rides", DAY)
    place = aside.rows.column_names.index("delay")
    letters = aside.rows.set_column(place, "delay", pa.array(["late"]))

    for rows, told in (
        (aside.rows.slice(1), "0 rows for 1"),
        (aside.rows.drop_columns(["line"]), "no column 'line'"),
        (letters, "give the types that landed"),
    ):
        with pytest.raises(DataError, match=told):
            release(lake, "rides", aside, rows, TONIGHT)
    assert lake.revisions(released("rides"), DAY, DAY) == {}


class TooStrict(Possible):
    """A suite of the rides that is wrong: no day has as many."""

    def judge_each(self, suite: str, frames: Sequence[pd.DataFrame]) -> list[list[RuleResult]]:
        few = [critical("row_count", "6 rows", "at least a million")] if suite == "rides" else []
        return [few + found for found in super().judge_each(suite, frames)]


@pytest.mark.parametrize("later", [0, 1], ids=["on the first night", "a night later"])
def test_a_suite_that_is_corrected_gives_what_the_right_one_would_have_given(
    tmp_path: Path, clean: Nights, later: int
) -> None:
    nights = Nights(tmp_path / "corrected", source=Timetable(right={TONIGHT})).found()
    nights.services["validator"] = TooStrict
    with pytest.raises(DataError, match="is blocked"):
        nights.run(DAY)
    nights.services["validator"] = Possible

    for day in [DAY, TONIGHT][later:]:
        nights.run(day)

    # A night later, the first day is older than the history that is loaded, and no longer judged.
    since = FIRST + later * timedelta(days=4)
    assert made(nights, since) == made(clean, since)
    assert nights.broken() == {}
