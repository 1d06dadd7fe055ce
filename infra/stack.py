"""The targets of the Makefile that need Airflow: nightly, backfill, up, down."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
from rich.console import Console

from infra.airflow_config import LOGIN, LOOPBACK, REPOSITORY, open_home, open_secrets
from infra.local_airflow import start_mlflow
from infra.machine import Machine, require_free
from infra.polling import Patience
from infra.progress import Follower, Outcome
from infra.running import Stack, check_alive, read_stack, stop_stack
from pipelines.app.services import open_redeye
from pipelines.commands.app import check_day
from pipelines.core.backfill import Backfill
from pipelines.core.config import EXPERIMENT, find_places
from pipelines.core.dates import parse_day
from pipelines.core.errors import BusyError, ConfigError, RedeyeError, TemporaryError
from pipelines.core.graph import read_chain

CONSOLE = Console(stderr=True, highlight=False)


def main(words: Sequence[str]) -> int:
    """Run one target; its exit code."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    asked = _parser().parse_args(words)
    try:
        places = find_places()
        if places.production:
            raise ConfigError(
                f"{EXPERIMENT}: Airflow runs production's nights only; "
                f"unset it, or run `{EXPERIMENT}=yes redeye night` with a --day"
            )
        code: int = asked.run(asked, Machine(open_home(places), CONSOLE.print))
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
    nightly.add_argument("--force", action="store_true")
    nightly.set_defaults(run=run_nightly)
    backfill = targets.add_parser("backfill", help="stages for a range of days")
    backfill.add_argument("--from", dest="first", required=True)
    backfill.add_argument("--to", dest="last", required=True)
    backfill.add_argument("--stages")
    backfill.add_argument("--model", default="current")
    backfill.add_argument("--republish", action="store_true")
    backfill.add_argument("--force", action="store_true")
    backfill.set_defaults(run=run_backfill)
    targets.add_parser("up", help="serve both UIs").set_defaults(run=run_up)
    targets.add_parser("down", help="stop what was left running").set_defaults(run=run_down)
    return parser


def run_nightly(asked: argparse.Namespace, machine: Machine) -> int:
    """One night through Airflow, and its table."""
    day = parse_day(asked.day).isoformat()
    if not asked.force:
        check_day(open_redeye(os.environ), parse_day(day), "say FORCE=1")
    outcome = _through_airflow(machine, "redeye_nightly", {"day": day, "force": asked.force})
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
        "force": asked.force,
    }
    if asked.stages:
        form["stages"] = [name.strip() for name in asked.stages.split(",")]
    backfill = Backfill.of(form, read_chain(REPOSITORY / "dvc.yaml").names)
    if not backfill.force:
        check_day(open_redeye(os.environ), backfill.days[-1], "say FORCE=1")
    CONSOLE.print(backfill.in_words(), soft_wrap=True)
    outcome = _through_airflow(machine, "redeye_backfill", form, [str(d) for d in backfill.days])
    if outcome.exit_code:
        CONSOLE.print(f"backfill: {outcome.sentence}", markup=False, soft_wrap=True)
    else:
        print(f"{len(backfill.days)} days done, {backfill.days[0]} to {backfill.days[-1]}")
    return outcome.exit_code


def _through_airflow(
    machine: Machine, dag: str, conf: dict[str, Any], days: Sequence[str] = ()
) -> Outcome:
    with machine.airflow() as stack:
        api = stack.api(machine.home, machine.say)
        run = api.trigger(dag, conf)
        try:
            alive = partial(check_alive, machine.home, stack.components)
            return Follower(api, run, CONSOLE, alive, days).follow()
        except BaseException:
            with suppress(
                RedeyeError
            ):  # it may be Airflow that ended: who leaves does not wait for it
                stack.api(machine.home).call(
                    "PATCH", f"{run}?update_mask=state", {"state": "failed"}
                )
            raise


def run_up(_asked: argparse.Namespace, machine: Machine) -> int:
    """Airflow with the schedule on, and the MLflow UI, until Ctrl-C."""
    if (stack := read_stack(machine.home)) is not None and machine.in_use():
        raise BusyError(
            f"Airflow runs already at {stack.address}; wait for its end, or `make down`"
        )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    places, port = find_places(), _port("MLFLOW_PORT", 5000)
    if not places.tracking_uri.startswith("http"):
        require_free(port, "MLFLOW_PORT")
        os.environ["REDEYE_MLFLOW_PAGES"] = f"http://{LOOPBACK}:{port}"  # where a task's link leads
    with machine.airflow(_port("AIRFLOW_PORT", 8080)) as airflow:
        stack, pages = airflow, places.tracking_uri
        if not pages.startswith("http"):
            pages = f"http://{LOOPBACK}:{port}"
            stack = airflow.grown(machine.home, start_mlflow(machine.home, places, port))
        with suppress(KeyboardInterrupt):
            _serve(machine, stack, pages)
    return 0


def _serve(machine: Machine, stack: Stack, mlflow: str) -> None:
    password = open_secrets(machine.home).password
    print(f"Airflow  {stack.address}  (user {LOGIN}, password {password})")
    print(f"MLflow   {mlflow}")
    print("The schedule is on: if last night has not been made, it is made now.")
    print("Ctrl-C stops everything.", flush=True)
    while True:
        check_alive(machine.home, stack.components)
        time.sleep(1)


def run_down(_asked: argparse.Namespace, machine: Machine) -> int:
    """Stop what `make up` serves, or what somebody left."""
    stack = read_stack(machine.home)
    if stack is None:
        CONSOLE.print("nothing runs")
        return 0
    if machine.in_use() and not (stack.schedule and psutil.pid_exists(stack.owner)):
        raise BusyError(
            "a night or a backfill is under way; wait for its end, or press Ctrl-C there"
        )
    if machine.in_use():
        os.kill(stack.owner, signal.SIGTERM)
        patience = Patience(partial(_still_leaving, stack), machine.say)
        patience.until(lambda: read_stack(machine.home) is None, "the end of `make up`")
    else:
        stop_stack(machine.home)
    CONSOLE.print("stopped")
    return 0


def _still_leaving(stack: Stack) -> None:
    """Raises TemporaryError if `make up` ended without stopping what it had started."""
    if not psutil.pid_exists(stack.owner):
        raise TemporaryError("`make up` ended, and left something running; run `make down` again")


def _port(variable: str, usual: int) -> int:
    return int(os.environ.get(variable, usual))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
