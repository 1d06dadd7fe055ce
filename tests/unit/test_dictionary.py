"""The data dictionary says of every feature what it means, and the page in docs/ is the one it prints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipelines.define.dictionary import entries, page
from pipelines.problem import PROBLEM

COMMITTED = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_page_in_docs_is_what_the_command_prints() -> None:
    assert COMMITTED.read_text() == page(PROBLEM), "run `redeye dictionary > docs/features.md`"


def test_every_feature_has_one_entry_in_the_order_of_the_table() -> None:
    assert tuple(entry["feature"] for entry in entries(PROBLEM)) == PROBLEM.features.names
    assert all(entry["meaning"] for entry in entries(PROBLEM))


def test_a_reader_learns_what_is_counted_of_whom_and_since_when() -> None:
    meanings = PROBLEM.features.dictionary

    assert meanings["late_rate_28d_by_origin_hour"].startswith(
        "Share of late among flights of the same origin and hour in the 28 days before the cutoff"
    )
    assert meanings["weather_temp"] == (
        "temp of the last weather of the same origin, at most 6 hours before the cutoff."
    )
    assert "`late`, of `flights`: Whether a flight arrived 15 minutes late" in page(PROBLEM)


def test_beside_a_model_stands_how_it_took_each_feature() -> None:
    kinds = dict.fromkeys(PROBLEM.features.names, "number") | {"carrier": "category"}

    told = page(PROBLEM, kinds)

    assert "| `carrier` | category | The airline, by its code. |" in told
    assert told.count("| number |") == len(PROBLEM.features.names) - 1


def test_a_chapter_without_features_is_left_out() -> None:
    few = replace(PROBLEM.features, crowds=(), latest=())

    told = page(replace(PROBLEM, features=few))

    assert "other events" not in told
    assert "Observed last" not in told


def test_a_reader_learns_which_days_histories_of_outcomes_leave_out() -> None:
    told, of_a_day, at_once = (page(replace(PROBLEM, label_maturity_days=n)) for n in (14, 1, 0))

    assert "What is of `flights` leaves out the last 14 days before the cutoff" in told
    assert "leaves out the last day before the cutoff" in of_a_day
    assert "ends a day earlier" in of_a_day
    assert "leaves out" not in at_once
