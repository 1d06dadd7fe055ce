"""A busy machine: Airflow that answers late is waited for, and one that died is not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from infra import local_airflow as boot
from infra import polling as patience
from infra.airflow_api import Api
from infra.airflow_config import Home
from infra.local_airflow import Boot
from infra.polling import Patience
from infra.processes import start, stop
from infra.running import Stack
from pipelines.core.errors import TemporaryError


class Busy(BaseHTTPRequestHandler):
    """Hangs up on its first callers; keeps a run although its answer is lost."""

    hang_ups: ClassVar[int] = 0
    runs: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/auth/token":
            return self._answer(200, {"access_token": "t"})
        again = body["dag_run_id"] in self.runs
        if not again:
            self.runs.append(body["dag_run_id"])
        return self._answer(409 if again else 200, body)

    def do_GET(self) -> None:
        self._answer(503 if type(self).hang_ups else 200, {"dags": []})

    def _answer(self, code: int, body: object) -> None:
        if type(self).hang_ups and code == 200:
            type(self).hang_ups -= 1
            self.close_connection = True
            return
        if code == 503:
            type(self).hang_ups -= 1
        content = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    Busy.hang_ups, Busy.runs = 0, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(patience, "TELL_SECONDS", 0.0)


def lives() -> None:
    """Nothing has died."""


def test_an_api_that_does_not_answer_is_asked_again_and_somebody_is_told(address: str) -> None:
    said: list[str] = []
    api = Api(address, "admin", "x", Patience(lives, said.append))
    Busy.hang_ups = 3

    assert api.call("GET", "/dags") == {"dags": []}
    assert all("still waiting for Airflow's answer to " in line for line in said)
    assert len(said) == 3


def test_a_run_whose_start_was_not_answered_is_started_once(address: str) -> None:
    api = Api(address, "admin", "x", Patience(lives, print))
    api.call("GET", "/dags")
    Busy.hang_ups = 1

    path = api.trigger("redeye_nightly", {"day": "2013-10-01"})

    assert [path] == [f"/dags/redeye_nightly/dagRuns/{name}" for name in Busy.runs]


def test_an_api_whose_process_died_is_not_waited_for(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (tmp_path / "logs").mkdir()
    component = start("api-server", ["true"], {}, home.log("api-server"))
    stop([component])
    stack = Stack("http://127.0.0.1:9", schedule=False, owner=1, components=(component,))
    waiting = stack.patience(home, print)

    with pytest.raises(TemporaryError, match="api-server ended by itself"):
        Api(stack.address, "admin", "x", waiting).call("GET", "/dags")


def test_who_leaves_does_not_wait(address: str) -> None:
    Busy.hang_ups = 1

    with pytest.raises(TemporaryError, match="does not answer"):
        Api(address, "admin", "x").call("GET", "/dags")


@pytest.mark.parametrize(
    ("schedule", "started"),
    [
        (True, ["api-server", "dag-processor", "?", "scheduler", "triggerer"]),
        (False, ["api-server", "dag-processor", "?", "scheduler"]),
    ],
)
def test_the_scheduler_starts_when_the_api_is_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: bool, started: list[str]
) -> None:
    order: list[str] = []
    monkeypatch.setattr(boot, "open_secrets", lambda home: None)
    monkeypatch.setattr(boot, "start_postgres", lambda home, say: "")
    monkeypatch.setattr(boot, "write_config", lambda *_, **__: None)
    monkeypatch.setattr(boot, "migrate", lambda *_: None)
    monkeypatch.setattr(Boot, "_wait_for", lambda self, stack, part, name: order.append("?"))
    monkeypatch.setattr(Boot, "_grown", lambda self, stack, *names: order.extend(names) or stack)

    Boot(Home(tmp_path), print)._start(Stack("http://127.0.0.1:9", schedule, 1))

    assert order == started
