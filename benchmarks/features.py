"""Features beside their floor: the same columns from the same files, by SQL written by hand.

    python benchmarks/features.py [--days 274] [--repeats 5]

Three questions: what does one night cost, does it cost more after a long history, and what does all
history cost in one go. Figures are medians in one warm process; the values of both are compared.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.__main__ import settle_in
from pipelines.adapters.engines.duckdb import DuckEngine
from pipelines.adapters.lake.lake import LocalLake
from pipelines.core.config import FeatureParams
from pipelines.core.records import FeatureTable, Validation
from pipelines.data.ports import RuleResult
from pipelines.problem import PROBLEM
from pipelines.problem.source import ReplaySource
from pipelines.stages.features import features

KEYS = {
    "carrier": ("carrier",),
    "origin": ("origin",),
    "dest": ("dest",),
    "origin_dest": ("origin", "dest"),
    "tailnum": ("tailnum",),
    "carrier_flight": ("carrier", "flight"),
    "origin_hour": ("origin", "hour"),
}
Work = Callable[[], object]
COLUMNS = ("carrier", "origin", "dest", "tailnum", "flight", "hour")


class Easy:
    """Judging is validate's cost, and measured there."""

    def suite(self, *_: object) -> None:
        return None

    def judge(self, *_: object) -> list[RuleResult]:
        return []

    def judge_each(self, *_: object) -> list[list[RuleResult]]:
        return []


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--days", type=int, default=274)
    asked.add_argument("--repeats", type=int, default=5)
    options = asked.parse_args()
    settle_in()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        land(data, options.days)
        last = PROBLEM.first_day + timedelta(days=options.days - 1)
        early = PROBLEM.first_day + timedelta(days=29)
        print("| what | Redeye | by hand | ratio | goal |\n|---|---|---|---|---|")
        beside(
            f"all {options.days} days in one go, kept",
            lambda: afresh(data, last),
            lambda: by_hand_all(data, last),
            min(3, options.repeats),
        )
        nights = {}
        for day in (early, last):
            check(data, day)
            nights[day] = beside(
                f"one night, day {(day - PROBLEM.first_day).days + 1}",
                lambda day=day: again(data, day),
                lambda day=day: by_hand(data, day),
                options.repeats,
            )
        growth = nights[last] / nights[early]
        print(f"| growth, day {options.days} against day 30 | {growth:.2f} × | | | ≤ 1.2 × |")


def beside(what: str, ours: Work, floor: Work, repeats: int) -> float:
    """Print medians of both, taken in turns so that a busy machine is busy for both; ours, seconds."""
    taken = [(timed(ours), timed(floor)) for _ in range(repeats)]
    one, other = (statistics.median(side) for side in zip(*taken, strict=True))
    print(f"| {what} | {one:.2f} s | {other:.2f} s | {one / other:.2f} × | ≤ 1.25 × |")
    return one


def timed(work: Work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def land(data: Path, n_days: int) -> None:
    lake, feed = LocalLake(data), ReplaySource()
    for n in range(n_days):
        day = PROBLEM.first_day + timedelta(days=n)
        tables = ["schedule"] if n == n_days - 1 else ["schedule", "flights", "weather"]
        for table in [*tables, "planes"] if n == 0 else tables:
            lake.write(f"accepted/{table}", day, feed.read(table, day))


def night(data: Path, day: date) -> FeatureTable:
    params = FeatureParams(engine="duckdb", memory_limit_gb=4.0, training_days=364)
    validation = Validation(day=day, passed=True, reason="", checks=(), findings=())
    engine = DuckEngine(4.0, data / "spill")
    return features(day, params, PROBLEM, validation, LocalLake(data), engine, Easy())


def afresh(data: Path, day: date) -> None:
    for dataset in ("features", "history"):
        shutil.rmtree(data / dataset, ignore_errors=True)
    night(data, day)


def again(data: Path, day: date) -> None:
    """The night of a day whose earlier days are kept."""
    shutil.rmtree(data / f"features/day={day}")
    shutil.rmtree(data / f"history/late/day={day - timedelta(days=1)}")
    night(data, day)


def check(data: Path, day: date) -> None:
    """Both must say the same, or the comparison is of different things."""
    lake = LocalLake(data)
    kept = lake.read(lake.find("features", day, day)).to_pandas()
    hand = by_hand(data, day).to_pandas()[list(kept.columns)]
    if not kept.equals(hand.astype(kept.dtypes.to_dict())):
        raise SystemExit(f"{day}: Redeye and the SQL by hand differ")


def by_hand(data: Path, day: date) -> pa.Table:
    """One night: yesterday's totals from its file of facts, kept; then the day's features, kept."""
    with duckdb.connect(":memory:") as connection:
        yesterday = day - timedelta(days=1)
        kept = data / "by-hand" / f"{yesterday}.parquet"
        kept.parent.mkdir(exist_ok=True)
        facts = files(data, "accepted/flights", yesterday, yesterday)
        totals = connection.execute(totals_by_hand(facts)).to_arrow_table()
        pq.write_table(totals, kept, compression="zstd", write_page_checksum=True)
        history = files(data, "history/late", day - timedelta(days=28), yesterday)
        rows = connection.execute(features_by_hand(data, history, day, day)).to_arrow_table()
        pq.write_table(rows, data / "by-hand" / "features.parquet", compression="zstd")
    return rows


def by_hand_all(data: Path, last: date) -> None:
    """All days: totals of all days, features of all days, each day a file."""
    first, kept = PROBLEM.first_day, data / "by-hand-all"
    kept.mkdir(exist_ok=True)
    with duckdb.connect(":memory:") as connection:
        facts = files(data, "accepted/flights", first, last)
        totals = connection.execute(totals_by_hand(facts)).to_arrow_table()
        pieces(kept, "totals", totals, first, last)
        connection.register("totals", totals)
        rows = connection.execute(features_by_hand(data, None, first, last)).to_arrow_table()
        pieces(kept, "features", rows, first, last)


def pieces(folder: Path, name: str, rows: pa.Table, first: date, last: date) -> None:
    days = rows["day"].to_numpy()
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        low, high = (days.searchsorted(np.datetime64(day), side) for side in ("left", "right"))
        piece = rows.slice(low, high - low)
        pq.write_table(piece, folder / f"{name}-{day}.parquet", compression="zstd")


def files(data: Path, dataset: str, first: date, last: date) -> str:
    lake = LocalLake(data)
    paths = [str(data / one.file) for one in lake.find(dataset, first, last)]
    return f"read_parquet({paths!r}, hive_partitioning = false)"


def totals_by_hand(facts: str) -> str:
    grains = "\nUNION ALL\n".join(
        f"SELECT day, known_on, '{' '.join(by)}' AS grain, "
        + ", ".join(name if name in by else f"NULL AS {name}" for name in COLUMNS)
        + ", count(*) AS facts, count(late) AS known, count(*) FILTER (late) AS total FROM known WHERE "
        + " AND ".join(f"{name} IS NOT NULL" for name in by)
        + f" GROUP BY day, known_on, {', '.join(by)}"
        for by in KEYS.values()
    )
    return f"""
        WITH local AS (
            SELECT *, CAST(known_at AT TIME ZONE 'UTC' AT TIME ZONE 'America/New_York' AS DATE) AS told
            FROM {facts}
        ), known AS (
            SELECT carrier, origin, dest, tailnum, flight, sched_dep_time // 100 AS hour,
                arr_delay >= 15 AS late, day, greatest(told, day) AS known_on
            FROM local WHERE told - day < 28
        )
        {grains} ORDER BY day, grain"""


def features_by_hand(data: Path, history: str | None, first: date, last: date) -> str:
    totals = history or "totals"
    windows, joins, measures = [], [], []
    for name, by in KEYS.items():
        keys = ", ".join(by)
        if first == last:
            sums = ", ".join(
                f"sum({one}) FILTER (day >= DATE '{first}' - {days}) AS {one}_{days}"
                for days in (7, 28)
                for one in ("facts", "known", "total")
            )
            windows.append(
                f"{name} AS (SELECT DATE '{first}' AS day, {keys}, {sums} FROM totals_kept "
                f"WHERE grain = '{' '.join(by)}' AND known_on < DATE '{first}' GROUP BY {keys})"
            )
        else:
            windows.append(sweep(name, by))
        on = " AND ".join(f"{name}.{one} = base.{one}" for one in ("day", *by))
        joins.append(f"LEFT JOIN {name} ON {on}")
        measures += [
            f"{name}.total_{days} / nullif({name}.known_{days}, 0) AS late_rate_{days}d_by_{name}, "
            f"coalesce({name}.facts_{days}, 0)::DOUBLE AS flights_count_{days}d_by_{name}"
            for days in (7, 28)
        ]
    weather = ("temp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib")
    young = "weather.observed_at >= base.cutoff - INTERVAL 6 HOUR"
    measures += [f"CASE WHEN {young} THEN {name} END AS weather_{name}" for name in weather]
    recent = files(data, "accepted/weather", first - timedelta(days=2), last - timedelta(days=1))
    midnight = "(base.day::TIMESTAMP AT TIME ZONE 'America/New_York' AT TIME ZONE 'UTC')"
    return f"""
        WITH totals_kept AS (SELECT * FROM {totals}),
        base AS (
            SELECT s.*, isodow(day)::DOUBLE AS weekday, (isodow(day) >= 6)::INTEGER::DOUBLE AS weekend,
                sched_dep_time // 100 AS hour, sched_arr_time // 100 AS arrival_hour,
                (sched_arr_time // 100 * 60 + sched_arr_time % 100 - sched_dep_time // 100 * 60
                    - sched_dep_time % 100 + 1440) % 1440 AS clock_minutes,
                year(day) - p.year AS plane_age, seats, engines,
                count(*) OVER (PARTITION BY day, origin, sched_dep_time // 100) AS departures_that_hour,
                count(*) OVER (PARTITION BY day, dest, sched_arr_time // 100) AS arrivals_that_hour
            FROM {files(data, "accepted/schedule", first, last)} s
            LEFT JOIN {files(data, "accepted/planes", first - timedelta(days=400), last)} p USING (tailnum)
        ), dated AS (SELECT *, {midnight} AS cutoff FROM base),
        weather AS (
            SELECT * FROM {recent} WHERE known_at = observed_at
        ),
        {", ".join(windows)}
        SELECT base.carrier, base.flight, base.origin, base.sched_dep_time, base.day, base.cutoff,
            base.dest, distance::DOUBLE AS distance, seats::DOUBLE AS seats, engines::DOUBLE AS engines,
            weekday, weekend, base.hour::DOUBLE AS hour, arrival_hour::DOUBLE AS arrival_hour,
            clock_minutes::DOUBLE AS clock_minutes, plane_age::DOUBLE AS plane_age,
            departures_that_hour::DOUBLE AS departures_that_hour,
            arrivals_that_hour::DOUBLE AS arrivals_that_hour,
            {", ".join(measures)}
        FROM dated AS base {" ".join(joins)}
        ASOF LEFT JOIN weather ON weather.origin = base.origin
            AND weather.observed_at < base.cutoff
        ORDER BY base.day, base.carrier, base.flight, base.origin, base.sched_dep_time"""


def sweep(name: str, by: tuple[str, ...]) -> str:
    """Sums over windows in one pass: a fact enters once it is known, and leaves after so many days."""
    keys, grain = ", ".join(by), f"FROM totals_kept WHERE grain = '{' '.join(by)}'"
    names = [f"{one}_{days}" for days in (7, 28) for one in ("facts", "known", "total")]
    enters = ", ".join(
        f"CASE WHEN known_on < day + {days} THEN {one} END"
        for days in (7, 28)
        for one in ("facts", "known", "total")
    )
    leaves = {
        7: "-facts, -known, -total, NULL, NULL, NULL",
        28: "NULL, NULL, NULL, -facts, -known, -total",
    }
    moves = [f"SELECT known_on + 1 AS day, {keys}, false AS asked, {enters} {grain}"]
    moves += [
        f"SELECT day + {days} + 1, {keys}, false, {left} {grain} AND known_on < day + {days}"
        for days, left in leaves.items()
    ]
    moves += [f"SELECT DISTINCT day, {keys}, true, 0, 0, 0, 0, 0, 0 FROM base"]
    sums = ", ".join(f"sum({one}) OVER w AS {one}" for one in names)
    return (
        f"{name} AS (SELECT * FROM (SELECT day, {keys}, asked, {sums} FROM ("
        f"{' UNION ALL '.join(moves)}) AS moves(day, {keys}, asked, {', '.join(names)}) "
        f"WINDOW w AS (PARTITION BY {keys} ORDER BY day)) WHERE asked)"
    )


if __name__ == "__main__":
    main()
