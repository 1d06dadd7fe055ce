"""Every version of twenty nights, trained again: the same bytes?

    python benchmarks/reproduce.py [--nights 20] [--problem tests/problems/rain]

In a scratch clone with another problem, as far as training; every registered version is then reproduced.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

PROJECT = Path(__file__).parents[1]
PLACES = {
    "problem": "pipelines/problem",
    "expectations": "expectations",
    "params.yaml": "params.yaml",
}
FIRST = date(2013, 3, 15)
STAGES = "ingest,validate,features,train"
NOBODY = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")


def clone(to: Path, problem: Path) -> None:
    """The commit that is checked out, with the problem in the three places, committed."""
    subprocess.run(["git", "clone", "--quiet", str(PROJECT), str(to)], check=True)
    for name, place in PLACES.items():
        if (to / place).is_dir():
            shutil.rmtree(to / place)
            shutil.copytree(problem / name, to / place)
        else:
            shutil.copy(problem / name, to / place)
    for words in (("add", "--all"), ("commit", "--quiet", "--message", "Another problem")):
        subprocess.run(["git", "-C", str(to), *NOBODY, *words], check=True)


def redeye(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command in the clone, whose root it is."""
    return subprocess.run(
        [sys.executable, "-m", "pipelines", *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": str(folder), "REDEYE_ROOT": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def versions(folder: Path) -> list[str]:
    """Every version that a night registered."""
    records = sorted(folder.glob("runs/*/candidates.json"))
    made = [
        one["version"] for path in records for one in json.loads(path.read_text())["candidates"]
    ]
    return list(dict.fromkeys(made))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=20)
    parser.add_argument("--problem", type=Path, default=PROJECT / "tests" / "problems" / "rain")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="redeye-") as scratch:
        folder = Path(scratch) / "clone"
        clone(folder, asked.problem)
        last = FIRST + timedelta(days=asked.nights - 1)
        done = redeye(
            folder, "backfill", "--from", f"{FIRST}", "--to", f"{last}", "--stages", STAGES
        )
        if done.returncode:
            sys.exit(done.stderr)
        equal, seconds = Counter[str](), []
        for number in versions(folder):
            started = perf_counter()
            found = redeye(folder, "reproduce", number, "--json")
            seconds.append(perf_counter() - started)
            told = json.loads(found.stdout)
            equal[told["equal"]] += 1
            print(
                f"version {number}, {told['candidate']} of {told['day']}: {told['equal']} {told['differs']}"
            )
        print(
            f"{equal['bytes']} of {equal.total()} versions of {asked.nights} nights are the same bytes"
        )
        print(f"each in {median(seconds):.0f} s")


if __name__ == "__main__":
    main()
