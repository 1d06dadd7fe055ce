"""`make chaos`: stages killed on your own problem and settings, in scratch copies, and a score card.

Two nights are lived undisturbed from your source and params.yaml, and of the second everything is kept as
it stood before each stage. Then stages begin there and are killed as the kernel kills, at named points
and at random moments, several times in a row, and run again until done: what there is then has to be what
there was without a kill. All of that with the warehouse in SQLite and again in PostgreSQL, whatever
REDEYE_DATABASE_URL says. Your root, warehouse and registry are never written to.
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
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infra.airflow_config import REPOSITORY
from infra.chaos_runs import HEAVY, Lives, Snapshot, Who
from infra.scratch_copy import Server, copy_warehouse, scratch_server
from pipelines.__main__ import settle_in
from pipelines.core.config import EXPERIMENT, find_places, read_params
from pipelines.core.dates import parse_day
from pipelines.core.errors import RedeyeError, UsageError
from pipelines.core.fault_injection import VARIABLE
from pipelines.core.graph import read_chain

DATABASE = "REDEYE_DATABASE_URL"
OUTSIDE = (  # what would lead out of the scratch folder
    "REDEYE_ROOT",
    EXPERIMENT,
    DATABASE,
    "MLFLOW_TRACKING_URI",
    "REDEYE_DVC_REMOTE",
    "REDEYE_ALERT_WEBHOOK",
    "REDEYE_SMTP_URL",
    VARIABLE,
)
MOST_KILLS = 100_000
SERIES = 8  # kills in a row, at most, before a stage may end
AT_A_POINT = 0.75  # of the kills; the others come at a random moment
REFUSED = 4  # how a stage may end undisturbed, beside 0: nothing was promoted
CONSOLE = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Kept:
    """One stage of the undisturbed night."""

    stage: str
    day: date
    root: Path  # everything as it stood before it
    before: Snapshot
    after: Snapshot
    points: Counter[str]  # how often it reached each
    seconds: float
    code: int

    @property
    def words(self) -> tuple[str, ...]:
        return (self.stage, "--day", self.day.isoformat())


@dataclass(frozen=True)
class World:
    """Where stages are killed: a root, always in the same place, and a database."""

    name: str
    lives: Lives
    put_back: Callable[[Kept], None]


@dataclass
class Card:
    """What became of the kills in one world."""

    world: str
    kills: Counter[str] = field(default_factory=Counter)  # by point
    stages: Counter[str] = field(default_factory=Counter)
    glances: int = 0  # right after a kill, at what consumers read
    asked: int = 0  # times that `redeye verify` was asked, once a stage had ended
    broken: int = 0
    lost: int = 0
    doubled: int = 0
    unapproved: int = 0
    changed: int = 0
    differences: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def survived(self) -> bool:
        wrong = self.broken + self.lost + self.doubled + self.unapproved + self.changed
        return not wrong and not self.differences

    def glance(self, seen: Snapshot, kept: Kept, where: str) -> None:
        """Count what is wrong with what consumers read while a stage is cut short."""
        self.glances += 1
        self._count(seen, kept.before, kept.before.approved | kept.after.approved, where)

    def compare(self, seen: Snapshot, wanted: Snapshot, where: str) -> None:
        """Count what is other than wanted once a stage has ended."""
        self.asked += 1
        self._count(seen, wanted, seen.approved, where)
        both = wanted.rows.keys() & seen.rows.keys()
        self.changed += sum(wanted.rows[key] != seen.rows[key] for key in both)
        more = len(seen.rows.keys() - wanted.rows.keys())
        self.differences += [f"{where}: {more} rows too many"] if more else []
        self.differences += [f"{where}: {one}" for one in seen.unlike(wanted)]

    def _count(
        self, seen: Snapshot, wanted: Snapshot, approved: frozenset[Who], where: str
    ) -> None:
        self.broken += bool(seen.broken)
        self.lost += len(wanted.rows.keys() - seen.rows.keys())
        self.doubled += seen.doubled
        self.unapproved += seen.unapproved(approved)
        self.differences += [f"{where}: {one}" for one in seen.broken]


def storm(world: World, night: Sequence[Kept], kills: int, chance: random.Random) -> Card:
    """Kill stages of the night so many times."""
    card, started = Card(world.name), time.monotonic()
    # Each stage once, and then those more often that are quick.
    rest = chance.sample(night, len(night))
    while card.kills.total() < kills:
        weights = [1 / one.seconds for one in night]
        kept = rest.pop() if rest else chance.choices(night, weights)[0]
        world.put_back(kept)
        series = min(chance.randint(1, SERIES), kills - card.kills.total())
        _strike(world, kept, series, chance, card)
    card.seconds = time.monotonic() - started
    return card


def _strike(world: World, kept: Kept, series: int, chance: random.Random, card: Card) -> None:
    """Kill a stage some times in a row, then let it end, and compare with what it did undisturbed."""
    struck: list[str] = []
    for _ in range(series):
        point = world.lives.kill(kept.words, *_aim(kept, chance))
        if point is None:
            break
        struck.append(point)
        card.kills[point] += 1
        card.stages[kept.stage] += 1
        card.glance(world.lives.glance(kept.day), kept, f"{kept.stage}, killed at {point}")
    code = world.lives.run(*kept.words)
    if code != kept.code:
        said = world.lives.last_words()
        card.differences.append(f"{kept.stage} ended with exit {code}, not {kept.code}: {said}")
    card.compare(world.lives.look(kept.day), kept.after, f"{kept.stage}, at its end")
    good = "whole" if card.survived else "[bold red]NOT whole[/]"
    told = f"killed at {', '.join(struck)}, then ended" if struck else "ended before its kill"
    CONSOLE.print(f"  {world.name} {card.kills.total():>4} kills: {kept.stage}: {told}; {good}")


def _aim(kept: Kept, chance: random.Random) -> tuple[str, float]:
    """A fault at one of the stage's points, or no fault and after how many seconds to kill it."""
    if chance.random() < AT_A_POINT:
        point = chance.choice(sorted(kept.points))
        return f"{point}:kill:{chance.randint(1, kept.points[point])}", 0.0
    return "", chance.uniform(0, kept.seconds)


def keep_night(lives: Lives, root: Path, day: date, stages: Sequence[str]) -> list[Kept]:
    """Live a night undisturbed, stage by stage."""
    night, before = [], lives.look(day)
    for stage in stages:
        kept = root.with_name("kept") / stage
        shutil.copytree(root, kept, symlinks=True)
        started = time.monotonic()
        code, points = lives.count(stage, "--day", day.isoformat())
        seconds = time.monotonic() - started
        if code not in (0, REFUSED):
            raise UsageError(
                f"the undisturbed night of {day} does not end well ({lives.last_words()}); "
                f"give another DAY"
            )
        after = lives.look(day)
        if after.broken:
            raise UsageError(f"the undisturbed night of {day} is not whole: {after.broken[0]}")
        CONSOLE.print(f"  {stage}: {seconds:.0f} s, {points.total()} points")
        night.append(Kept(stage, day, kept, before, after, points, seconds, code))
        before = after
    return night


def worlds(lives: Lives, served: Lives, root: Path, server: Server) -> list[World]:
    """One on each kind of database."""
    filled: set[str] = set()

    def put_back(kept: Kept) -> None:
        shutil.rmtree(root)
        shutil.copytree(kept.root, root, symlinks=True)

    def put_back_both(kept: Kept) -> None:
        put_back(kept)
        if kept.stage not in filled:
            source = f"sqlite:///{root}/var/redeye.db"
            copy_warehouse(source, server.make(kept.stage))
            filled.add(kept.stage)
        server.make("storm", kept.stage)

    return [World("SQLite", lives, put_back), World("PostgreSQL", served, put_back_both)]


def show(cards: Sequence[Card], day: date, seed: int) -> None:
    """Print the cards beside each other."""
    table = Table(title=f"Chaos, the night of {day}, seed {seed}")
    for name in ("", *(card.world for card in cards)):
        table.add_column(name)
    for name, value in (
        ("kills", lambda card: f"{card.kills.total()}"),
        ("at named points", lambda card: f"{card.kills.total() - card.kills[Lives.MOMENT]}"),
        ("different points", lambda card: f"{len(card.kills.keys() - {Lives.MOMENT})}"),
        ("stages", lambda card: ", ".join(f"{n} {name}" for name, n in card.stages.items())),
        ("looked at", lambda card: f"{card.glances} times after a kill, {card.asked} times whole"),
        ("invariants broken", lambda card: f"{card.broken}"),
        ("rows lost", lambda card: f"{card.lost}"),
        ("rows double", lambda card: f"{card.doubled}"),
        ("rows unapproved", lambda card: f"{card.unapproved}"),
        ("rows changed", lambda card: f"{card.changed}"),
        ("other differences", lambda card: "; ".join(card.differences[:5]) or "none"),
        ("seconds", lambda card: f"{card.seconds:.0f}"),
        ("", lambda card: "[green]survived[/]" if card.survived else "[bold red]NOT survived[/]"),
    ):
        table.add_row(name, *map(value, cards))
    Console().print(table)


def main(words: Sequence[str]) -> int:
    """The kills; 0 if nothing was lost, double, unapproved or changed."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--day", help="the first night; stages of the next one are killed")
    parser.add_argument("--kills", type=int, default=20, help="how many, on each kind of database")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--faults", help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    try:
        return _chaos(asked)
    except RedeyeError as error:
        CONSOLE.print(f"chaos: {error}", markup=False, soft_wrap=True)
        return error.exit_code


def _chaos(asked: argparse.Namespace) -> int:
    if asked.faults is not None:
        raise UsageError("FAULTS is called KILLS now; run `make chaos KILLS=20`")
    if not 1 <= asked.kills <= MOST_KILLS:
        raise UsageError(f"KILLS={asked.kills}: give a number from 1 to {MOST_KILLS}")
    places, params = find_places(), read_params(REPOSITORY / "params.yaml")
    first = parse_day(asked.day) if asked.day else params.day
    day = first + timedelta(days=1)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="redeye-chaos-")))
        server = stack.enter_context(scratch_server(os.environ.get(DATABASE, "")))
        served = server.make("storm")  # it can be, or the role may not
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(HEAVY))
        root = scratch / "root"
        if (places.data / "raw").exists():  # what has landed need not be asked for again
            shutil.copytree(places.data / "raw", root / "data" / "raw")
        yours = {key: value for key, value in os.environ.items() if key not in OUTSIDE}
        lives = Lives(context, {**yours, "REDEYE_ROOT": str(root)}, scratch / "said")
        CONSOLE.print(f"chaos: in {scratch}; the night of {first}, undisturbed …")
        code = lives.run("night", "--day", first.isoformat())
        if code:
            CONSOLE.print(f"chaos: that night ends with exit {code}: {lives.last_words()}")
            return code
        CONSOLE.print(f"chaos: the night of {day}, undisturbed …")
        stages = read_chain(REPOSITORY / "dvc.yaml").names
        night = keep_night(lives, root, day, stages)
        cards = []
        for world in worlds(lives, lives.within({DATABASE: served}), root, server):
            CONSOLE.print(f"chaos: {asked.kills} kills on {world.name} …")
            chance = random.Random(asked.seed)  # noqa: S311  where to kill is no secret
            cards.append(storm(world, night, asked.kills, chance))
    show(cards, day, asked.seed)
    CONSOLE.print(f"repeat: make chaos KILLS={asked.kills} SEED={asked.seed} DAY={first}")
    return 0 if all(card.survived for card in cards) else 1


if __name__ == "__main__":
    settle_in()
    sys.exit(main(sys.argv[1:]))
