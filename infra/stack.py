"""The targets of the Makefile that need Airflow: nightly, backfill, up, down."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from infra.follow import Follower, Outcome
from infra.machine import Machine, Stack
from infra.processes import Component, start, stop
from infra.settings import LOGIN, LOOPBACK, is_free, open_secrets, quiet_environ
from pipelines.core.backfill import Backfill
from pipelines.core.config import find_places
from pipelines.core.day import parse_day
from pipelines.core.errors import BusyError, RedeyeError, TemporaryError
from pipelines.core.graph import read_graph

CONSOLE = Console(stderr=True, highlight=False)


def main(words: Sequence[str]) -> int:
    """Run one target; its exit code."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    asked = _parser().parse_args(words)
    try:
        code: int = asked.run(asked, Machine(find_places(), CONSOLE.print))
    except RedeyeError as error:
        CONSOLE.print(f"{asked.target}: {error}", markup=False, soft_wrap=True)
        return error.exit_code
    except KeyboardInterrupt:
        CONSOLE.print("stopped")
        return 130
    return code


def _leave(signum: int, _frame: FrameType | None) -> None:
    """Leave by the way of any other end, so that what was started is stopped."""
    sys.exit(128 + signum)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stack", description=__doc__)
    targets = parser.add_subparsers(dest="target", required=True)
    nightly = targets.add_parser("nightly", help="one whole night")
    nightly.add_argument("--day", required=True)
    nightly.set_defaults(run=run_nightly)
    backfill = targets.add_parser("backfill", help="stages for a range of days")
    backfill.add_argument("--from", dest="first", required=True)
    backfill.add_argument("--to", dest="last", required=True)
    backfill.add_argument("--stages")
    backfill.add_argument("--model", default="current")
    backfill.add_argument("--republish", action="store_true")
    backfill.set_defaults(run=run_backfill)
    targets.add_parser("up", help="serve both UIs").set_defaults(run=run_up)
    targets.add_parser("down", help="stop what was left running").set_defaults(run=run_down)
    return parser


def run_nightly(asked: argparse.Namespace, machine: Machine) -> int:
    """One night through Airflow, and its table."""
    day = parse_day(asked.day).isoformat()
    outcome = _through_airflow(machine, "redeye_nightly", {"day": day})
    status = [str(Path(sys.executable).parent / "redeye"), "status", "--day", day]
    subprocess.run(status, check=False)
    if outcome.exit_code:
        CONSOLE.print(f"nightly: {outcome.sentence}", markup=False, soft_wrap=True)
    return outcome.exit_code


def run_backfill(asked: argparse.Namespace, machine: Machine) -> int:
    """A backfill through Airflow."""
    form: dict[str, Any] = {
        "from": asked.first,
        "to": asked.last,
        "model": asked.model,
        "republish": asked.republish,
    }
    if asked.stages:
        form["stages"] = [name.strip() for name in asked.stages.split(",")]
    backfill = Backfill.of(form, read_graph(machine.places.repository / "dvc.yaml").names)
    CONSOLE.print(backfill.in_words())
    outcome = _through_airflow(machine, "redeye_backfill", form)
    if outcome.exit_code:
        CONSOLE.print(f"backfill: {outcome.sentence}", markup=False, soft_wrap=True)
    else:
        print(f"{len(backfill.days)} days done, {backfill.days[0]} to {backfill.days[-1]}")
    return outcome.exit_code


def _through_airflow(machine: Machine, dag: str, conf: dict[str, Any]) -> Outcome:
    with machine.airflow(_port("AIRFLOW_PORT", 8080), schedule=False) as stack:
        api = machine.api(stack)
        run = api.trigger(dag, conf)
        try:
            return Follower(api, run, CONSOLE).follow()
        except BaseException:
            api.call("PATCH", f"{run}?update_mask=state", {"state": "failed"})
            raise


def run_up(_asked: argparse.Namespace, machine: Machine) -> int:
    """Airflow with the schedule on, and the MLflow UI, until Ctrl-C."""
    mlflow_port = _port("MLFLOW_PORT", 5000)
    if (stack := machine.running()) is not None and stack.is_alive() and machine.in_use():
        raise BusyError(f"Airflow serves already at {stack.address}; wait for it, or `make down`")
    if not is_free(mlflow_port):
        raise BusyError(
            f"port {mlflow_port} is taken by another program; stop it, or choose another: "
            f"MLFLOW_PORT=5050 make up"
        )
    with machine.airflow(_port("AIRFLOW_PORT", 8080), schedule=True) as stack:
        mlflow = _start_mlflow(machine, mlflow_port)
        try:
            _welcome(machine, stack, mlflow_port)
            _watch(machine, (*stack.components, mlflow))
        finally:
            stop([mlflow])
    return 0


def _start_mlflow(machine: Machine, port: int) -> Component:
    places = machine.places
    words = ["server", "--host", LOOPBACK, "--port", str(port), "--workers", "1"]
    store = ["--backend-store-uri", places.tracking_uri]
    files = ["--artifacts-destination", str(places.var / "artifacts")]
    argv = [str(Path(sys.executable).parent / "mlflow"), *words, *store, *files]
    return start("mlflow", argv, quiet_environ(os.environ), machine.home.log("mlflow"))


def _welcome(machine: Machine, stack: Stack, mlflow_port: int) -> None:
    password = open_secrets(machine.home).password
    print(f"Airflow  {stack.address}  (user {LOGIN}, password {password})")
    print(f"MLflow   http://{LOOPBACK}:{mlflow_port}")
    print("The nightly schedule is on. Ctrl-C stops everything.", flush=True)


def _watch(machine: Machine, components: Sequence[Component]) -> None:
    while True:
        for component in components:
            if not component.is_alive():
                raise TemporaryError(
                    f"{component.name} ended by itself; {machine.home.log(component.name)} says why"
                )
        time.sleep(1)


def run_down(_asked: argparse.Namespace, machine: Machine) -> int:
    """Stop what `make up` serves, or what somebody left."""
    stack = machine.running()
    if stack is None:
        CONSOLE.print("nothing runs")
    elif machine.in_use() and not stack.schedule:
        raise BusyError(f"a night is under way (process {stack.owner}); wait for its end")
    elif machine.in_use():
        os.kill(stack.owner, signal.SIGTERM)
        CONSOLE.print("asked `make up` to stop")
    else:
        machine.stop()
        CONSOLE.print("stopped")
    return 0


def _port(variable: str, usual: int) -> int:
    return int(os.environ.get(variable, usual))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
