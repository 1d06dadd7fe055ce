"""What runs on one machine: processes that can be found and stopped, keys that stay private."""

from __future__ import annotations

import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import replace

import psutil
import pytest

from infra.airflow_config import Home, open_home, open_secrets, write_config
from infra.machine import require_free
from infra.postgres import start_postgres, stop_postgres
from infra.processes import start, stop
from infra.running import Stack, check_alive, read_stack
from pipelines.core.config import find_places
from pipelines.core.errors import BusyError, TemporaryError


@pytest.fixture
def home() -> Iterator[Home]:
    # Not tmp_path: only its owner may enter, and root's PostgreSQL runs as another user.
    with tempfile.TemporaryDirectory(prefix="redeye-", ignore_cleanup_errors=True) as root:
        yield open_home(find_places({"REDEYE_ROOT": root}))


def children(home: Home, count: int) -> list[int]:
    """The processes that a component said it started."""
    for _ in range(100):
        said = home.log("it").read_text().split()
        if len(said) >= count:
            return [int(word) for word in said]
        time.sleep(0.1)
    raise AssertionError(home.log("it").read_text())


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_component_is_stopped_with_all_it_started_deaf_ones_too(home: Home) -> None:
    deaf = "trap '' TERM; echo $$; while :; do sleep 0.2; done"
    text = f'sh -c "{deaf.replace("$$", chr(92) + "$" + chr(92) + "$")}" & sleep 60 & echo $!; wait'
    component = start("it", ["sh", "-c", text], os.environ, home.log("it"))
    pids = children(home, 2)

    stop([component])

    assert not component.is_alive()
    assert not any(runs(pid) for pid in pids)


def test_the_number_of_a_process_is_not_taken_for_the_process(home: Home) -> None:
    component = start("it", ["sleep", "60"], os.environ, home.log("it"))
    another = replace(component, started=component.started - 100)

    assert component.is_alive()
    assert not another.is_alive()
    stop([component])


def test_what_was_started_is_written_down_at_once(home: Home) -> None:
    component = start("it", ["sleep", "60"], os.environ, home.log("it"))

    stack = Stack("http://127.0.0.1:1", schedule=False, owner=1).grown(home, component)

    assert read_stack(home) == stack
    assert stack.is_alive()
    stop([component])
    with pytest.raises(TemporaryError, match=r"it ended by itself; .*it\.log may say why"):
        check_alive(home, stack.components)


def test_keys_are_made_once_and_only_their_owner_reads_them(home: Home) -> None:
    keys = open_secrets(home)
    write_config(home, keys, "postgresql://x/y?host=%2Ftmp", "http://127.0.0.1:1", schedule=True)

    assert open_secrets(home) == keys
    for name in ("secrets.json", "airflow.cfg", "passwords.json"):
        assert stat.S_IMODE((home.path / name).stat().st_mode) == 0o600
    assert json.loads((home.path / "passwords.json").read_text()) == {"admin": keys.password}


def test_airflow_reads_the_settings_as_they_were_meant(home: Home) -> None:
    address = "postgresql://x/y?host=%2Ftmp"
    write_config(home, open_secrets(home), address, "http://127.0.0.1:8099", schedule=False)

    config = ConfigParser()
    config.read(home.path / "airflow.cfg")

    assert config["database"]["sql_alchemy_conn"] == address
    assert config["scheduler"]["use_job_schedule"] == "False"
    assert config["api"]["host"] == "127.0.0.1"
    assert float(config["core"]["task_success_overtime"]) > GRACE * 10


# What Airflow itself gives a task that has failed to end: while it still tells people, it is killed then,
# and tried again whatever its exit code was.
GRACE = 20


def test_a_database_starts_again_after_it_was_stopped(home: Home) -> None:
    import psycopg

    for _ in range(2):
        address = start_postgres(home, print).replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(address) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        stop_postgres(home)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(address)


def test_a_port_that_is_taken_is_a_sentence_with_the_way_out() -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BusyError, match=f"port {port} is taken .* AIRFLOW_PORT={port + 10}"):
            require_free(port, "AIRFLOW_PORT")
