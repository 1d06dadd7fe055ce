"""Other problems through the untouched engine: a clone with three places changed, and its nights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from clone import PLACES, PROBLEMS, RAIN_DAY, Clone
from database import laguardia

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Nights:
    """A clone after two nights, and what each said."""

    clone: Clone
    days: tuple[str, str]
    told: tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def rain_nights(rain: Clone) -> Nights:
    first = json.loads(rain.redeye("status", "--day", RAIN_DAY, "--json").stdout)
    return Nights(rain, (RAIN_DAY, "2013-03-16"), (first, rain.night("2013-03-16")))


@pytest.fixture(scope="module")
def delay(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    folder = tmp_path_factory.mktemp("delay")
    url = laguardia(folder / "flights.db", date(2013, 4, 6), date(2013, 6, 16))
    clone = Clone.of_the_project(folder / "clone", REDEYE_SOURCE_URL=url)
    clone.convert(PROBLEMS / "delay")
    days = ("2013-06-15", "2013-06-16")
    return Nights(clone, days, (clone.night(days[0]), clone.night(days[1])))


@pytest.fixture(params=["rain_nights", "delay"])
def nights(request: pytest.FixtureRequest) -> Nights:
    found: Nights = request.getfixturevalue(request.param)
    return found


def test_nothing_but_the_three_places_is_changed(nights: Nights) -> None:
    folders = tuple(f"{place}/" for place in PLACES.values())

    strays = {
        name
        for name in nights.clone.changed()
        if name not in PLACES.values() and not name.startswith(folders)
    }

    assert nights.clone.changed()
    assert not strays


def test_every_event_of_both_days_is_answered_exactly_once(nights: Nights) -> None:
    query = "SELECT count(*), count(DISTINCT event_key) FROM prediction_current WHERE day = ?"

    for day, told in zip(nights.days, nights.told, strict=True):
        events = told["publication"]["events"]
        assert events > 0
        assert nights.clone.rows(query, day) == [(events, events)]


def test_every_stage_succeeds_and_leaves_its_pages(nights: Nights) -> None:
    for day, told in zip(nights.days, nights.told, strict=True):
        assert len(told["stages"]) == 9
        assert {note["exit_code"] for note in told["stages"].values()} == {0}
        pages = nights.clone.root / "runs" / day
        assert {"report.html", "validation.html"} <= {page.name for page in pages.iterdir()}


def test_the_outcomes_of_the_first_day_settle_on_the_second(nights: Nights) -> None:
    first, second = nights.days
    query = """
        SELECT count(*) FROM prediction_current p JOIN outcome o USING (day, event_key)
        WHERE p.day = ? AND o.label IS NOT NULL
    """

    settled = nights.told[1]["settlement"]["settled"][first]

    assert settled > 0
    assert nights.clone.rows(query, first) == [(settled,)]
    assert nights.clone.rows(query, second) == [(0,)]


def test_what_must_always_be_true_is_true(nights: Nights) -> None:
    done = nights.clone.redeye("verify")

    assert done.returncode == 0, done.stdout + done.stderr


def test_rain_is_foretold_by_a_champion_that_beats_the_rate(rain_nights: Nights) -> None:
    for told in rain_nights.told:
        chosen = told["evaluation"]["models"][0]
        assert told["publication"]["answered_by"] == "champion"
        assert all(
            chosen["gains"][f"{which}-rate"]["log_loss"]["low"] > 0
            for which in ("training", "trailing")
        )
        assert 0.6 < chosen["metrics"]["auc"]["mid"] < 0.9  # weather is no secret, and no certainty


def test_minutes_are_answered_by_the_champion_while_its_refresh_waits_for_a_person(
    delay: Nights,
) -> None:
    first, second = delay.told
    low, high = delay.clone.rows("SELECT min(score), max(score) FROM prediction_current")[0]

    outcomes = [night["verdict"]["outcome"] for night in (first, second)]
    assert outcomes == ["champion", "challenger"], second["verdict"]["reason"]
    assert "a refresh" in second["verdict"]["reason"]
    assert {told["publication"]["answered_by"] for told in delay.told} == {"champion"}
    assert low < 0
    assert high > 15


def test_a_regression_is_judged_and_told_in_its_own_words(delay: Nights) -> None:
    promised = next(m for m in delay.told[1]["evaluation"]["models"] if m["name"] == "champion")
    page = (delay.clone.root / "runs" / delay.days[1] / "report.html").read_text()

    assert {"rmse", "mae", "bias", "r2"} <= set(promised["metrics"])
    assert "RMSE" in delay.told[1]["verdict"]["reason"]
    assert {"rmse_28d", "r2_28d", "mean_observed_28d"} <= set(delay.told[1]["report"]["metrics"])
    assert "log loss" not in page


def test_a_setting_of_the_other_task_is_refused_before_the_night(tmp_path: Path) -> None:
    clone = Clone.of_the_project(tmp_path)
    clone.convert(PROBLEMS / "delay")
    params = clone.root / "params.yaml"
    params.write_text(params.read_text().replace("max_bias_excess: 5.0", "min_auc: 0.55"))

    done = clone.redeye("night", "--day", "2013-06-15")

    assert done.returncode == 78
    assert "promote.max_bias_excess: missing; a regression problem needs" in done.stderr
