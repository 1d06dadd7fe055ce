"""Whole nights beside their floor: one hand-written script, one process, the same libraries and work.

    python benchmarks/night.py [--nights 3] [--airflow]

The floor lands a day, versions it with DVC, judges it with Great Expectations, computes the features
with SQL written by hand, fits both candidates on the same rows, scores the test days, logs to MLflow
and writes the day's scores to SQLite: no gate, no manifests, no publish protocol, no report. Each is
a fresh process; they take turns. With --airflow the same night runs through a stack that is booted
for it, as `make nightly` does.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

FIRST = date(2013, 10, 1)
REDEYE = str(Path(sys.executable).parent / "redeye")
REPOSITORY = Path(__file__).parents[1]
STACK = [sys.executable, "-m", "infra.stack"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=3)
    parser.add_argument("--airflow", action="store_true")
    parser.add_argument("--floor", nargs=2, metavar=("ROOT", "DAY"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.floor:
        floor(Path(asked.floor[0]), date.fromisoformat(asked.floor[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), asked.nights, through_airflow=asked.airflow)


def compare(root: Path, nights: int, *, through_airflow: bool) -> None:
    first = timed([REDEYE, "night", "--day", str(FIRST)], root)
    print("| what | seconds | beside | goal |\n|---|---|---|---|")
    print(f"| the first night, with all history | {first:.1f} | | < 180 s |", flush=True)
    ours, floors = [], []
    for n in range(1, nights + 1):
        day = str(FIRST + timedelta(days=n))
        ours.append(timed([REDEYE, "night", "--day", day], root))
        floors.append(
            timed([sys.executable, str(Path(__file__).resolve()), "--floor", str(root), day], root)
        )
    night, hand = statistics.median(ours), statistics.median(floors)
    print(
        f"| a night, `redeye night` | {night:.1f} | by hand {hand:.1f} s: {night / hand:.2f} × "
        f"| < 45 s, ≤ 1.6 × |",
        flush=True,
    )
    if through_airflow:
        day = str(FIRST + timedelta(days=nights + 1))
        booted = timed([*STACK, "nightly", "--day", day], root)
        print(f"| a night through Airflow, boot and stop included | {booted:.1f} | `redeye night`: "
              f"{booted / night:.2f} × | < 90 s |")  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"| largest process | {peak:.2f} GB | | |")


def timed(command: list[str], root: Path) -> float:
    started = time.perf_counter()
    environ = {**os.environ, "REDEYE_ROOT": str(root), "OMP_WAIT_POLICY": "PASSIVE"}
    subprocess.run(command, env=environ, check=True, capture_output=True, cwd=REPOSITORY)
    return time.perf_counter() - started


def floor(root: Path, day: date) -> None:
    """One night by hand, in a folder of its own beside Redeye's, reading the history Redeye landed."""
    own = root / "by-hand"
    yesterday = day - timedelta(days=1)
    land(own, day, yesterday)
    judge(own)
    rows = compute(root, own, day)
    learn_and_score(root, own, rows, day)


def land(own: Path, day: date, yesterday: date) -> None:
    import pyarrow.parquet as pq
    from dvc.repo import Repo

    from pipelines.problem.source import ReplaySource

    feed = ReplaySource()
    for table, of in (("schedule", day), ("flights", yesterday), ("weather", yesterday)):
        path = own / "raw" / table / f"{of}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(feed.read(table, of), path, compression="zstd")
    if not (own / ".dvc").exists():
        Repo.init(str(own), no_scm=True).close()
        (own / ".dvc" / "config").write_text(
            f"[core]\n    no_scm = true\n    remote = local\n"
            f"['remote \"local\"']\n    url = {own}/remote\n"
        )
    with Repo(str(own)) as repo:
        repo.add(str(own / "raw"))
        repo.push()


def judge(own: Path) -> None:
    import json

    import great_expectations as gx
    import pandas as pd

    context = gx.get_context(mode="ephemeral")
    for table in ("schedule", "flights", "weather"):
        path = max((own / "raw" / table).glob("*.parquet"))
        spec = json.loads((REPOSITORY / "expectations" / f"{table}.json").read_text())
        suite = gx.ExpectationSuite(name=table, expectations=spec["expectations"])
        asset = context.data_sources.add_pandas(table).add_dataframe_asset(table)
        batch = asset.add_batch_definition_whole_dataframe(table)
        result = batch.get_batch({"dataframe": pd.read_parquet(path)}).validate(suite)
        print(table, result.success)


def compute(root: Path, own: Path, day: date):
    import duckdb
    import pyarrow.parquet as pq
    from features import features_by_hand, files, totals_by_hand

    data, yesterday = root / "data", day - timedelta(days=1)
    with duckdb.connect(":memory:") as connection:
        facts = files(data, "accepted/flights", yesterday, yesterday)
        totals = connection.execute(totals_by_hand(facts)).to_arrow_table()
        pq.write_table(totals, own / "totals.parquet", compression="zstd")
        history = files(data, "history/late", day - timedelta(days=28), yesterday)
        rows = connection.execute(features_by_hand(data, history, day, day)).to_arrow_table()
    pq.write_table(rows, own / "features.parquet", compression="zstd")
    return rows


def learn_and_score(root: Path, own: Path, rows, day: date) -> None:
    import duckdb
    import mlflow
    from features import files
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
    from sqlalchemy import create_engine

    from pipelines.problem import PROBLEM

    data = root / "data"
    with duckdb.connect(":memory:") as connection:
        frame = connection.execute(
            f"SELECT f.*, o.arr_delay >= 15 AS late FROM "
            f"{files(data, 'features', PROBLEM.first_day, day - timedelta(days=1))} f JOIN "
            f"{files(data, 'accepted/flights', PROBLEM.first_day, day - timedelta(days=1))} o "
            f"USING (day, carrier, flight, origin, sched_dep_time) WHERE o.arr_delay IS NOT NULL"
        ).df()
    names = list(PROBLEM.features.names)
    words = [name for name in names if frame[name].dtype.kind not in "fiub"]
    kinds = {name: sorted(frame[name].dropna().unique()) for name in words}
    schema = {name: "category" if name in kinds else "number" for name in names}
    test = frame["day"] >= str(day - timedelta(days=28))
    train = frame["day"] < str(day - timedelta(days=29))
    mlflow.set_tracking_uri(f"sqlite:///{own}/mlflow.db")
    if mlflow.get_experiment_by_name("by-hand") is None:
        mlflow.create_experiment("by-hand", artifact_location=(own / "artifacts").as_uri())
    mlflow.set_experiment("by-hand")
    with mlflow.start_run():
        for recipe in PROBLEM.recipes:
            # Twice, as Redeye does: once to choose on a fold, once on all training days.
            for until in (28, 0):
                part = train & (frame["day"] < str(day - timedelta(days=29 + until)))
                estimator = recipe.build(schema, 0, os.cpu_count() or 1)
                estimator.fit(encode(frame[part], names, kinds), frame.loc[part, "late"])
            scores = estimator.predict_proba(encode(frame[test], names, kinds))[:, 1]
            labels = frame.loc[test, "late"].astype(int)
            for metric in (log_loss, brier_score_loss, roc_auc_score, average_precision_score):
                mlflow.log_metric(f"{recipe.name}-{metric.__name__}", metric(labels, scores))
        mlflow.xgboost.log_model(
            estimator, name="model", model_format="ubj", pip_requirements=["xgboost"]
        )
    today = rows.to_pandas()
    today["score"] = estimator.predict_proba(encode(today, names, kinds))[:, 1]
    with create_engine(f"sqlite:///{own}/scores.db").begin() as connection:
        today[["day", "carrier", "flight", "origin", "sched_dep_time", "score"]].to_sql(
            "prediction", connection, if_exists="append", index=False
        )


def encode(frame, names: list[str], kinds: dict[str, list[str]]):
    import pandas as pd

    return pd.DataFrame(
        {
            name: pd.Categorical(frame[name], categories=kinds[name])
            if name in kinds
            else frame[name].astype("float32")
            for name in names
        }
    )


if __name__ == "__main__":
    main()
