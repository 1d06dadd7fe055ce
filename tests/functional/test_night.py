"""Whole nights, run as a user runs them: the command, real flights, real services, one history."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from world import FIRST, SECOND, THIRD, World, registry_of

from pipelines.problem import PROBLEM
from pipelines.problem.source import ReplaySource
from pipelines.training.labels import event_keys

pytestmark = pytest.mark.slow


def landed(table: str, day: str) -> pd.DataFrame:
    return ReplaySource().read(table, date.fromisoformat(day)).to_pandas()


def scheduled(day: str) -> set[str]:
    return set(event_keys(landed("schedule", day), PROBLEM.key))


def test_every_flight_of_the_day_is_answered_exactly_once(world: World) -> None:
    answered = world.rows(
        "SELECT event_key, answered_by FROM prediction_current WHERE day = ?", FIRST
    )

    assert sorted(key for key, _ in answered) == sorted(scheduled(FIRST))
    assert {who for _, who in answered} == {"champion"}


@pytest.fixture(scope="module")
def second(world: World) -> dict[str, Any]:
    """What the second night said."""
    return world.night(SECOND)


def test_the_next_night_goes_on_with_the_same_history(world: World, second: dict[str, Any]) -> None:
    assert second["landed"]["rows"]["schedule"] == len(scheduled(SECOND))
    assert FIRST not in second["settlement"]["settled"]  # some of its flights are in the air still
    assert world.rows("SELECT count(*) FROM prediction_current WHERE day = ?", FIRST) == [
        (len(scheduled(FIRST)),)
    ]
    assert world.rows("SELECT count(*) FROM prediction_current WHERE day = ?", SECOND) == [
        (len(scheduled(SECOND)),)
    ]


@pytest.mark.usefixtures("second")
def test_a_night_again_changes_nothing(world: World) -> None:
    def state() -> list[Any]:
        tables = ("prediction", "scoring_run", "publication", "ledger", "outcome")
        rows = [world.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]
        # The pointer stays; its token grows with every run that asks, so that none overtakes it.
        rows.append(world.rows("SELECT day, run_id, written_at FROM published ORDER BY 1"))
        kept = (path for path in (world.root / "data").rglob("*") if path.is_file())
        return [*rows, sorted((str(path), path.read_bytes()) for path in kept)]

    before = state()

    summary = world.night(SECOND)

    assert state() == before
    assert summary["publication"]["republished"] is False


def test_a_day_is_settled_by_the_first_night_that_knows_all_its_outcomes(world: World) -> None:
    for stage in ("ingest", "validate", "settle"):
        done = world.redeye(stage, "--day", THIRD)
        assert done.returncode == 0, done.stderr

    arrived = landed("flights", FIRST)["arr_delay"].notna().sum()
    known = "SELECT count(*) FROM outcome WHERE day = ? AND label IS NOT NULL"
    assert world.rows(known, FIRST) == [(arrived,)]


def test_moving_the_alias_changes_who_answers_next_and_the_ledger_says_so(world: World) -> None:
    client = registry_of(world.root)
    old = client.get_model_version_by_alias("flights-late", "champion").version
    others = [
        version.version
        for version in client.search_model_versions("name='flights-late'")
        if version.version != old and version.tags.get("redeye.quality", "").startswith("passed")
    ]
    assert others, "no second blessed version to move the alias to"
    client.set_registered_model_alias("flights-late", "champion", others[0])

    done = world.redeye("score", "--day", SECOND, "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model_version"] == str(others[0])
    versions = world.rows(
        "SELECT DISTINCT model_version FROM prediction_current WHERE day = ?", SECOND
    )
    assert versions == [(str(others[0]),)]
    last = world.rows("SELECT * FROM ledger ORDER BY 1 DESC LIMIT 1")[0]
    assert {str(others[0]), str(old)} <= {str(value) for value in last}


def test_features_known_now_are_kept_apart_from_what_was_served(world: World) -> None:
    record = world.root / "runs" / FIRST / "feature_table.json"
    before = record.read_bytes()

    done = world.redeye("features", "--day", FIRST, "--known", "now")
    told = json.loads(world.redeye("features", "--day", FIRST, "--known", "now", "--json").stdout)

    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("otherwise than on the night: nothing\n")
    assert Path(done.stdout.strip()).parent == world.root / f"data/features-known-now/day={FIRST}"
    assert (
        told["sha256"] == json.loads(before)["partition"]["sha256"]
    )  # nothing was corrected since
    assert record.read_bytes() == before
    assert world.redeye("features", "--day", FIRST, "--known", "soon").returncode == 2


def test_a_backfill_scores_each_day_and_again_changes_nothing(world: World) -> None:
    command = ("backfill", "--from", "2013-03-22", "--to", "2013-03-23")
    query = "SELECT day, run_id, count(*) FROM prediction_current GROUP BY 1, 2 ORDER BY 1"

    first = world.redeye(*command)
    published = world.rows(query)
    again = world.redeye(*command)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert {"2013-03-22", "2013-03-23"} <= {day for day, _, _ in published}
    assert world.rows(query) == published


def test_a_backfill_that_is_dry_does_nothing(world: World) -> None:
    days = ("--from", "2013-04-01", "--to", "2013-04-02")
    done = world.redeye("backfill", *days, "--dry-run", "--model", "as-of", "--json")

    assert done.returncode == 0
    assert "2 days" in done.stderr
    (answer,) = set(json.loads(done.stdout)["answers"].values())
    assert "the last champion that had not learned from the day" in answer
    assert f"{days[1]} to {days[3]}: {answer}" in done.stderr
    assert not (world.root / "runs" / "2013-04-01").exists()


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_backfill_with_a_version_that_there_is_not_is_refused_before_any_day_starts(
    world: World, dry: tuple[str, ...]
) -> None:
    log = world.root / "runs" / FIRST / "stages.jsonl"
    before = log.read_bytes()

    done = world.redeye("backfill", "--from", FIRST, "--to", FIRST, "--model", "99", *dry)

    assert done.returncode == 2, done.stderr
    assert "there is no version '99'" in done.stderr
    assert log.read_bytes() == before


def test_a_database_that_is_down_ends_with_exit_75_and_no_secret(world: World) -> None:
    url = "postgresql+psycopg://redeye:s3cret@127.0.0.1:9/redeye"

    done = world.redeye("score", "--day", FIRST, REDEYE_DATABASE_URL=url)

    assert done.returncode == 75, done.stderr
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "day", ["2013-13-45", "../../etc", "2013-10-01\n", "２０１３-10-01", "", "1e3"]
)
def test_what_is_no_day_is_refused_before_anything_is_touched(world: World, day: str) -> None:
    done = world.redeye("night", "--day", day)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_day_before_the_source_began_is_refused(world: World) -> None:
    done = world.redeye("night", "--day", "2012-12-31")

    assert done.returncode == 3
    assert "Traceback" not in done.stderr
