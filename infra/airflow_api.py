"""Airflow's REST API, as far as a night needs it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

from infra.polling import Patience
from pipelines.core.errors import TemporaryError, UsageError

# Loopback only: a proxy in the environment is not asked.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ENDED = ("success", "failed")
TRY_SECONDS = 60.0  # of one try; a server that is busy answers the next one sooner


class _NoAnswerError(TemporaryError):
    """The server did not answer, or not yet."""


class _ConflictError(UsageError):
    """What was to be made is there already."""


REFUSALS = {409: _ConflictError, 502: _NoAnswerError, 503: _NoAnswerError, 504: _NoAnswerError}


@dataclass
class Api:
    """One API server on loopback, and the admin's session.

    With patience, a server that does not answer is asked again for as long as its processes live.
    """

    address: str
    user: str
    password: str
    patience: Patience | None = None
    _token: str = ""

    def health(self) -> dict[str, str | None]:
        """Component → healthy, unhealthy or None; nothing while the server does not answer."""
        try:
            told = self._send("GET", "/api/v2/monitor/health", None)
        except TemporaryError:
            return {}
        return {name: about.get("status") for name, about in told.items()}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the API answers; raises TemporaryError if it cannot any more, UsageError if it refuses."""
        if not self._token:
            login = {"username": self.user, "password": self.password}
            self._token = self._ask("POST", "/auth/token", login)["access_token"]
        return self._ask(method, f"/api/v2{path}", body)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        """Send it, again and again if need be: every request may be repeated."""
        if self.patience is None:
            return self._send(method, path, body)
        answers: list[Any] = []

        def answered() -> bool:
            try:
                answers.append(self._send(method, path, body))
            except _NoAnswerError:
                return False
            return True

        self.patience.until(answered, f"Airflow's answer to {method} {path}")
        return answers[0]

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310  the address is loopback's
            self.address + path, data=content, headers=headers, method=method
        )
        try:
            with _OPENER.open(request, timeout=TRY_SECONDS) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:300]
            kind = REFUSALS.get(error.code, TemporaryError if error.code >= 500 else UsageError)
            raise kind(f"Airflow refused {method} {path} ({error.code}): {said}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise _NoAnswerError(
                f"Airflow at {self.address} does not answer ({error}); run the same again"
            ) from error

    def make_pools(self, pools: Mapping[str, Mapping[str, object]]) -> None:
        """Pools as `airflow pools import` knows them; those that exist are left alone."""
        there = {pool["name"] for pool in self.call("GET", "/pools?limit=100")["pools"]}
        for name, about in pools.items():
            if name not in there:
                with suppress(_ConflictError):  # made by a try that was not answered
                    self.call("POST", "/pools", {"name": name, **about})

    def unpause(self, dag: str) -> None:
        """A paused DAG's runs would wait for ever."""
        self.call("PATCH", f"/dags/{dag}?update_mask=is_paused", {"is_paused": False})

    def parsed_since(self, dag: str, moment: str) -> bool:
        """Whether the DAG file was read after the moment, an ISO time in UTC."""
        found = self.call("GET", f"/dags?dag_id_pattern={dag}&limit=10")["dags"]
        return any(d["dag_id"] == dag and (d["last_parsed_time"] or "") > moment for d in found)

    def broken_since(self, moment: str) -> str:
        """Why a DAG file could not be read after the moment: the last line, or nothing."""
        for error in self.call("GET", "/importErrors")["import_errors"]:
            if error["timestamp"] > moment:
                return str(error["stack_trace"]).strip().splitlines()[-1]
        return ""

    def trigger(self, dag: str, conf: dict[str, Any]) -> str:
        """Start a run; its path in the API. It is named here, so that a second try starts no second run.

        A `day` in the conf is the run's partition key; run and note are named after it.
        """
        told = dict(conf)
        day = told.pop("day", None)
        days = day or "_to_".join(str(told[name]) for name in ("from", "to") if name in told)
        runs, name = (
            f"/dags/{dag}/dagRuns",
            "__".join(filter(None, ("manual", days, str(uuid.uuid4())))),
        )
        body = {"dag_run_id": name, "conf": told, "logical_date": None, "partition_key": day,
                "note": days.replace("_", " ") or None}  # fmt: skip
        with suppress(_ConflictError):
            self.call("POST", runs, body)
        return f"{runs}/{name}"

    def tasks(self, run: str) -> list[dict[str, Any]]:
        """Every task instance of a run."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.call("GET", f"{run}/taskInstances?limit=100&offset={len(found)}")
            found += page["task_instances"]
            if len(found) >= page["total_entries"] or not page["task_instances"]:
                return found

    def failure(self, run: str, task: dict[str, Any]) -> dict[str, Any]:
        """What a failed stage left: exit_code and sentence."""
        where = f"{run}/taskInstances/{quote(task['task_id'])}/xcomEntries/failure"
        try:
            told = self.call("GET", f"{where}?map_index={task['map_index']}&deserialize=true")
        except UsageError:
            return {}  # it ended before it could say why
        value = told["value"]
        return value if isinstance(value, dict) else dict(json.loads(value))

    def give_up(self, dag: str) -> None:
        """End every run of the DAG that has not ended: nobody waits for it any more."""
        for state in ("running", "queued"):
            for run in self.call("GET", f"/dags/{dag}/dagRuns?state={state}")["dag_runs"]:
                path = f"/dags/{dag}/dagRuns/{quote(run['dag_run_id'], safe='')}"
                self.call("PATCH", f"{path}?update_mask=state", {"state": "failed"})
