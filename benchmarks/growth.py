"""Ten times the rows: how much more time and memory features of all history in one go take.

    python benchmarks/growth.py [--days 60] [--times 10] [--memory-gb 0.5]

Each size runs in a process of its own, beginning from accepted tables; memory is its peak resident
set. DuckDB may use `--memory-gb` and spills the rest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from features import Easy

from pipelines.adapters.engines.duckdb import DuckEngine
from pipelines.adapters.lake.lake import LocalLake
from pipelines.core.config import FeatureParams
from pipelines.core.records import Validation
from pipelines.problem import PROBLEM
from pipelines.problem.source import ReplaySource
from pipelines.stages.features import features


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--days", type=int, default=60)
    asked.add_argument("--times", type=int, default=10)
    asked.add_argument("--memory-gb", type=float, default=0.5)
    asked.add_argument("--measure", type=Path, help="measure a folder, in this process")
    options = asked.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.days, options.memory_gb)))
        return
    with tempfile.TemporaryDirectory() as folder:
        sizes = {times: Path(folder) / str(times) for times in (1, options.times)}
        found = {}
        for times, data in sizes.items():
            land(data, options.days, times)
            command = [
                sys.executable,
                __file__,
                "--measure",
                str(data),
                "--days",
                str(options.days),
            ]
            command += ["--memory-gb", str(options.memory_gb)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[times] = json.loads(done.stdout)
    print("| rows | seconds | MB |\n|---|---|---|")
    for times, one in found.items():
        print(f"| {times} × | {one['seconds']:.1f} | {one['megabytes']:.0f} |")
    small, large = found.values()
    ratios = (large[name] / small[name] for name in ("seconds", "megabytes"))
    print("| ratio (goal ≤ 12 ×, ≤ 2 ×) | " + " | ".join(f"{one:.1f} ×" for one in ratios) + " |")


def land(data: Path, n_days: int, times: int) -> None:
    """Days of the feed, every flight so many times under other numbers."""
    lake, feed = LocalLake(data), ReplaySource()
    for n in range(n_days):
        day = PROBLEM.first_day + timedelta(days=n)
        for table in ("schedule", "flights"):
            lake.write(f"accepted/{table}", day, grown(feed.read(table, day), times))
        lake.write("accepted/weather", day, feed.read("weather", day))
    lake.write("accepted/planes", PROBLEM.first_day, feed.read("planes", PROBLEM.first_day))


def grown(rows: pa.Table, times: int) -> pa.Table:
    place, kind = rows.schema.get_field_index("flight"), rows.schema.field("flight")
    copies = [
        rows.set_column(place, kind, pc.add(rows["flight"], 10_000 * n).cast(kind.type))
        for n in range(times)
    ]
    return pa.concat_tables(copies)


def measure(data: Path, n_days: int, memory_gb: float) -> dict[str, float]:
    day = PROBLEM.first_day + timedelta(days=n_days - 1)
    params = FeatureParams(engine="duckdb", memory_limit_gb=memory_gb, training_days=364)
    validation = Validation(day=day, passed=True, reason="", checks=(), findings=())
    engine = DuckEngine(memory_gb, data / "spill")
    started = time.perf_counter()
    features(day, params, PROBLEM, validation, LocalLake(data), engine, Easy())
    return {"seconds": time.perf_counter() - started, "megabytes": peak()}


def peak() -> float:
    """The largest resident set so far, in megabytes; getrusage would count what the parent had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
