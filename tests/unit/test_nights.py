"""Nights that are not there: between others, and after the newest one."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from pipelines.app.run_folder import missing_nights, overdue
from pipelines.cli import main
from pipelines.core.config import Paths, ScheduleParams
from pipelines.core.records import Publication

DAY = date(2013, 10, 1)
SCHEDULE = ScheduleParams(zone="America/New_York", night="03:00", watch="09:00", catch_up_nights=7)


def test_days_without_a_night_are_named_with_the_command_that_runs_them() -> None:
    ran = [DAY + timedelta(days=n) for n in (0, 1, 3, 6)]

    assert missing_nights(ran[:2]) == ""
    assert missing_nights(ran) == (
        "no night ran for 2013-10-03, 2013-10-05 to 2013-10-06; "
        "run `redeye backfill --from 2013-10-05 --to 2013-10-06`"
    )


def published(root: Path, day: date, made: datetime) -> Paths:
    """A root whose newest published night was made then, and looked at again much later."""
    folder = root / "runs" / f"{day}"
    folder.mkdir(parents=True)
    for name, later in (("landed.json", timedelta()), ("publication.json", timedelta(days=30))):
        (folder / name).write_text("{}")
        at = (made + later).timestamp()
        os.utime(folder / name, (at, at))
    return Paths(root, root, "", "", "")


IN_THE_NIGHT = datetime(2013, 10, 1, 7, 30, tzinfo=UTC)  # half past three in New York


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2013, 10, 1, 20, tzinfo=UTC), None),
        (datetime(2013, 10, 2, 12, 30, tzinfo=UTC), None),  # half past eight: it is not due yet
        (datetime(2013, 10, 2, 13, 30, tzinfo=UTC), DAY + timedelta(days=1)),
        (datetime(2013, 10, 5, 3, 30, tzinfo=UTC), DAY + timedelta(days=3)),  # the 4th in New York
    ],
)
def test_a_newest_night_that_is_older_than_the_schedule_expects_is_told(
    tmp_path: Path, now: datetime, expected: date | None
) -> None:
    told = overdue(published(tmp_path, DAY, IN_THE_NIGHT), now, SCHEDULE)

    assert told == (
        f"the newest night that published is {DAY}, and the schedule expects {expected} by now; "
        f"run `redeye night --day {expected}`"
        if expected
        else ""
    )


def test_a_night_that_did_not_publish_is_not_the_newest(tmp_path: Path) -> None:
    places = published(tmp_path, DAY, IN_THE_NIGHT)
    (tmp_path / "runs" / f"{DAY + timedelta(days=1)}").mkdir()

    assert f"published is {DAY}" in overdue(places, IN_THE_NIGHT + timedelta(days=2), SCHEDULE)


def test_a_replayed_year_follows_no_schedule(tmp_path: Path) -> None:
    made = datetime(2026, 11, 27, 8, tzinfo=UTC)

    assert overdue(published(tmp_path, DAY, made), made + timedelta(days=9), SCHEDULE) == ""


def test_where_no_night_published_nothing_is_overdue(tmp_path: Path) -> None:
    (tmp_path / "runs" / f"{DAY}").mkdir(parents=True)

    assert overdue(Paths(tmp_path, tmp_path, "", "", ""), IN_THE_NIGHT, SCHEDULE) == ""


def test_status_of_any_night_ends_with_3_when_the_newest_is_overdue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    day = datetime.now(UTC).date() - timedelta(days=4)
    made = datetime.combine(day, time(12), UTC)
    folder = published(tmp_path, day, made).run(day)
    record = Publication(
        day=day, run_id="r", events=1, scored=1, answered_by="baseline", model_version=None,
        model_sha256=None, trained_until=None, reason="", checksum="", republished=True,
    )  # fmt: skip
    note = {"stage": "score", "seconds": 1.0, "exit_code": 0, "error": None}
    (folder / "publication.json").write_text(record.to_json())
    (folder / "landed.json").unlink()
    (folder / "stages.jsonl").write_text(json.dumps(note) + "\n")
    os.utime(folder / "stages.jsonl", (made.timestamp(), made.timestamp()))

    code = main(["status", "--day", f"{day}"], {"REDEYE_ROOT": str(tmp_path)})

    told = capsys.readouterr()
    assert code == 3
    assert "1 of 1 events" in told.out
    assert f"the newest night that published is {day}, and the schedule expects" in told.err
