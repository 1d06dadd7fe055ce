"""`make chaos`: a storm on your own problem and settings, in a scratch copy, and a score card.

Two nights are lived twice from your source and params.yaml: once undisturbed, once killed as the
kernel kills and failed at random operations, and run again until done. Then both are compared, row by
row. Your root, warehouse and registry are never written to.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from signal import SIGKILL
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.settings import REPOSITORY
from pipelines.__main__ import settle_in
from pipelines.core.config import EXPERIMENT, find_places, read_params
from pipelines.core.day import parse_day
from pipelines.core.errors import RedeyeError
from pipelines.core.faults import VARIABLE
from pipelines.methods.verify_lake import datasets
from pipelines.services import Redeye, open_redeye

OUTSIDE = (  # what would lead out of the scratch folder
    "REDEYE_ROOT",
    EXPERIMENT,
    "REDEYE_DATABASE_URL",
    "MLFLOW_TRACKING_URI",
    "REDEYE_DVC_REMOTE",
    "REDEYE_ALERT_WEBHOOK",
    "REDEYE_SMTP_URL",
    VARIABLE,
)
HEAVY = (  # imported once, so that a life costs what it does, not what it imports
    *("pipelines.cli", "pandas", "pyarrow.parquet", "sqlalchemy", "duckdb", "dvc.repo"),
    *("mlflow", "great_expectations", "sklearn.pipeline", "xgboost", "skops.io"),
)
OPERATIONS = 400  # of a night, about: the last of them are reached only in some
CONSOLE = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Lives:
    """Commands in processes of their own, in one root."""

    context: ForkServerContext
    environ: Mapping[str, str]

    def start(self, *words: str, fault: str = "") -> ForkServerProcess:
        process = self.context.Process(
            target=_live, args=(words, {**self.environ, VARIABLE: fault})
        )
        process.start()
        return process

    def run(self, *words: str, fault: str = "") -> int:
        process = self.start(*words, fault=fault)
        process.join()
        return int(process.exitcode or 0)

    @property
    def redeye(self) -> Redeye:
        return open_redeye(self.environ)


@dataclass
class ScoreCard:
    """What the storm did, and what became of it."""

    faults: Counter[str] = field(default_factory=Counter)
    broken: int = 0  # times that an invariant did not hold right after a fault
    rows: int = 0
    lost: int = 0
    doubled: int = 0
    changed: int = 0
    differences: list[str] = field(default_factory=list)
    finished: bool = False
    seconds: float = 0.0

    @property
    def survived(self) -> bool:
        wrong = self.broken + self.lost + self.doubled + self.changed + len(self.differences)
        return self.finished and not wrong


def _live(words: Sequence[str], environ: Mapping[str, str]) -> None:
    """One command in this process, in silence."""
    from pipelines.cli import main

    quiet = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(quiet, stream)
    os.environ.update({key: value for key, value in environ.items() if value})
    sys.exit(main(list(words), environ))


def weather(calm: Lives, storm: Lives, days: Sequence[date], seed: int, n_faults: int) -> ScoreCard:
    """Live the days in a storm, and compare with what a calm gave."""
    card, chance = ScoreCard(), random.Random(seed)  # noqa: S311  a storm, not a secret
    started = time.monotonic()
    for day in days:
        calm.run("night", "--day", day.isoformat())
    usual = (time.monotonic() - started) / len(days)
    for day in days:
        for _ in range(n_faults // len(days)):
            struck = _strike(storm, day, chance, usual)
            if struck is None:
                continue
            card.faults[struck] += 1
            broken = storm.run("verify") != 0
            card.broken += broken
            found = "an invariant is BROKEN" if broken else "every invariant holds"
            CONSOLE.print(f"  {day}: {struck}; {found}")
        card.finished = storm.run("night", "--day", day.isoformat()) == 0
    card.broken += storm.run("verify") != 0
    card.seconds = time.monotonic() - started
    return card


def _strike(lives: Lives, day: date, chance: random.Random, usual: float) -> str | None:
    """Begin the night and let something happen: its name; None if the night was over before."""
    words = ("night", "--day", day.isoformat())
    if chance.random() < 1 / 3:
        fault = f"any:error:{chance.randint(1, OPERATIONS)}"
        return "an operation failed" if lives.run(*words, fault=fault) else None
    process = lives.start(*words)
    process.join(chance.uniform(0, usual))
    process.kill()
    process.join()
    return "killed (SIGKILL)" if process.exitcode == -SIGKILL else None


def compare(calm: Redeye, storm: Redeye, days: Sequence[date], card: ScoreCard) -> None:
    """Count what was lost, doubled or changed in the storm."""
    ours, theirs = (_published(one, days) for one in (storm, calm))
    card.rows = len(theirs)
    card.lost = len(set(theirs["event_key"]) - set(ours["event_key"]))
    card.doubled = len(ours) - ours["event_key"].nunique()
    both = theirs.merge(ours, on="event_key", suffixes=("", "_storm"))
    same = (both["score"] == both["score_storm"]) & (
        both["label"].fillna(-1) == both["label_storm"].fillna(-1)
    )
    card.changed = int((~same).sum())
    kept, wanted = (_ledger(one) for one in (storm, calm))
    if kept != wanted:
        card.differences.append(f"the ledger has {kept} instead of {wanted}")
    lakes = calm.services["lake"](), storm.services["lake"]()
    for dataset in datasets(calm.services["problem"]()):
        one, other = (lake.find(dataset, date.min, date.max) for lake in lakes)
        if [p.sha256 for p in one] != [p.sha256 for p in other]:
            card.differences.append(f"{dataset} has other rows")


def _published(redeye: Redeye, days: Sequence[date]) -> Any:
    return redeye.services["warehouse"]().predictions(days[0] - timedelta(days=1), days[-1])


def _ledger(redeye: Redeye) -> list[tuple[str, str]]:
    return [(entry.kind, entry.version) for entry in redeye.services["warehouse"]().ledger()]


def show(card: ScoreCard, days: Sequence[date], seed: int) -> None:
    """Print the card."""
    table = Table(title=f"Chaos, seed {seed}: {days[0]} to {days[-1]}", show_header=False)
    happened = ", ".join(f"{n} × {name}" for name, n in sorted(card.faults.items()))
    good = "[bold green]survived[/]" if card.survived else "[bold red]NOT survived[/]"
    for name, value in (
        ("faults injected", f"{card.faults.total()}: {happened}"),
        ("nights finished", "yes" if card.finished else "no"),
        ("invariants", f"asked {card.faults.total() + 1} times, broken {card.broken} times"),
        ("published rows", f"{card.rows:,}"),
        ("rows lost", str(card.lost)),
        ("rows double", str(card.doubled)),
        ("rows changed", str(card.changed)),
        ("other differences", "; ".join(card.differences) or "none"),
        ("seconds", f"{card.seconds:.0f}"),
        ("", good),
    ):
        table.add_row(name, value)
    Console().print(table)


def main(words: Sequence[str]) -> int:
    """The storm; 0 if nothing was lost."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--day", help="the first, calm night; the storm follows it")
    parser.add_argument("--nights", type=int, default=1, help="how many nights the storm lasts")
    parser.add_argument("--faults", type=int, default=10, help="how many faults there are")
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args(words)
    try:
        return _chaos(asked)
    except RedeyeError as error:
        CONSOLE.print(f"chaos: {error}", markup=False, soft_wrap=True)
        return error.exit_code


def _chaos(asked: argparse.Namespace) -> int:
    places = find_places()
    params = read_params(REPOSITORY / "params.yaml")
    first = parse_day(asked.day) if asked.day else params.day
    days = [first + timedelta(days=n) for n in range(1, asked.nights + 1)]
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="redeye-chaos-")))
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(HEAVY))
        if (places.data / "raw").exists():  # what has landed need not be asked for again
            shutil.copytree(places.data / "raw", scratch / "calm" / "data" / "raw")
        calm = Lives(context, _environ(scratch / "calm"))
        CONSOLE.print(f"chaos: in {scratch}; the night of {first}, undisturbed …")
        code = calm.run("night", "--day", first.isoformat())
        if code:
            CONSOLE.print(f"chaos: that night ends with exit {code}; see `make night DAY={first}`")
            return code
        shutil.copytree(scratch / "calm", scratch / "storm", symlinks=True)
        storm = Lives(context, _environ(scratch / "storm"))
        CONSOLE.print(f"chaos: {days[0]} to {days[-1]}, undisturbed and in a storm …")
        card = weather(calm, storm, days, asked.seed, asked.faults)
        compare(calm.redeye, storm.redeye, days, card)
    show(card, days, asked.seed)
    return 0 if card.survived else 1


def _environ(root: Path) -> dict[str, str]:
    """The environment of a scratch root: yours, without what leads to your own services."""
    yours = {key: value for key, value in os.environ.items() if key not in OUTSIDE}
    return {**yours, "REDEYE_ROOT": str(root)}


if __name__ == "__main__":
    settle_in()
    sys.exit(main(sys.argv[1:]))
