"""Garbage in: each kind ends with its exit code and a sentence, and with the previous state intact."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from clone import Clone
from world import FIRST, SECOND, World

from pipelines.problem import PROBLEM
from pipelines.problem.source import ReplaySource

pytestmark = pytest.mark.slow


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of Parquet files with all that the second night asks for."""
    feed, folder = ReplaySource(), tmp_path / "source"
    for table in PROBLEM.tables:
        day = FIRST if table.kind == "facts" else SECOND
        name = (
            f"{table.name}.parquet" if table.kind == "dimension" else f"{table.name}/{day}.parquet"
        )
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(feed.read(table.name, date.fromisoformat(day)), folder / name)
    return folder


def night(world: World, source: Path, day: str = SECOND) -> subprocess.CompletedProcess[str]:
    return world.redeye("night", "--day", day, REDEYE_SOURCE_URL=str(source))


def published(world: World) -> list[tuple[object, ...]]:
    return world.rows("SELECT * FROM prediction_current ORDER BY day, event_key")


def spoil(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def renamed(table: pa.Table) -> pa.Table:
    return table.rename_columns(["aircraft" if n == "tailnum" else n for n in table.column_names])


def emptied(table: pa.Table) -> pa.Table:
    return table.slice(0, 0)


def impossible(share: float) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        bad = pa.array([n < share * table.num_rows for n in range(table.num_rows)])
        distance = pc.if_else(bad, pa.scalar(-5, table["distance"].type), table["distance"])
        return table.set_column(table.column_names.index("distance"), "distance", distance)

    return change


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        ("schedule", renamed, "tailnum"),
        ("schedule", emptied, "schedule"),
        ("schedule", impossible(0.5), "distance"),
        ("flights", renamed, "tailnum"),
        ("flights", emptied, "flights"),
    ],
)
def test_data_that_break_their_contract_end_the_night_with_exit_3(
    world: World, source: Path, table: str, change: Callable[[pa.Table], pa.Table], words: str
) -> None:
    before = published(world)
    spoil(source / table / f"{FIRST if table == 'flights' else SECOND}.parquet", change)

    done = night(world, source)

    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert words in done.stderr.splitlines()[-1]
    assert published(world) == before


def test_a_truncated_file_ends_the_night_with_exit_3(world: World, source: Path) -> None:
    before = published(world)
    path = source / "schedule" / f"{SECOND}.parquet"
    path.write_bytes(path.read_bytes()[:4000])

    done = night(world, source)

    assert done.returncode == 3, done.stderr
    assert str(path.name) in done.stderr.splitlines()[-1]
    assert published(world) == before


def test_a_day_without_a_file_ends_the_night_with_exit_3(world: World, source: Path) -> None:
    before = published(world)
    (source / "schedule" / f"{SECOND}.parquet").unlink()

    done = night(world, source)

    assert done.returncode == 3, done.stderr
    assert SECOND in done.stderr.splitlines()[-1]
    assert published(world) == before


def cut(path: Path) -> bytes:
    """Take half of a file away; what it was."""
    whole = path.read_bytes()
    path.unlink()  # DVC's snapshot may share the file's bytes
    path.write_bytes(whole[: len(whole) // 2])
    return whole


def test_a_file_in_raw_that_was_cut_is_never_used(world: World) -> None:
    before, versions = published(world), world.redeye("data", "log", "--json").stdout
    victim = next((world.root / "data/raw/flights/day=2013-03-05").glob("*.parquet"))
    whole = cut(victim)

    done = world.redeye("night", "--day", SECOND)
    victim.write_bytes(whole)

    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert victim.name in done.stderr.splitlines()[-1]
    assert published(world) == before
    assert world.redeye("data", "log", "--json").stdout == versions


def test_a_file_of_facts_that_features_rely_on_is_refused_although_they_read_only_totals(
    world: World,
) -> None:
    victim = next((world.root / "data/raw/flights/day=2013-03-05").glob("*.parquet"))
    whole = cut(victim)

    done = world.redeye("features", "--day", FIRST)
    victim.write_bytes(whole)

    assert done.returncode == 3, done.stderr
    assert victim.name in done.stderr.splitlines()[-1]
    assert world.redeye("features", "--day", FIRST).returncode == 0


def test_a_file_in_raw_that_was_cut_is_mended_where_the_source_is_asked_again(
    world: World,
) -> None:
    victim = next((world.root / "data/raw/flights/day=2013-03-18").glob("*.parquet"))
    whole = cut(victim)

    done = world.redeye("ingest", "--day", SECOND)

    assert done.returncode == 0, done.stderr
    assert victim.read_bytes() == whole


def test_a_few_impossible_rows_are_put_aside_and_the_rest_is_scored(
    world: World, source: Path
) -> None:
    spoil(source / "schedule" / f"{SECOND}.parquet", impossible(0.05))
    landed = pq.read_metadata(source / "schedule" / f"{SECOND}.parquet").num_rows

    stages = ("--stages", "ingest,validate,features,score")
    days = ("--from", SECOND, "--to", SECOND)
    done = world.redeye("backfill", *days, *stages, REDEYE_SOURCE_URL=str(source))

    assert done.returncode == 0, done.stderr
    scored = world.rows("SELECT count(*) FROM prediction_current WHERE day = ?", SECOND)[0][0]
    kept = list((world.root / f"data/quarantine/schedule/day={SECOND}").glob("*.parquet"))
    quarantined = pq.read_table(kept[0])
    assert scored + quarantined.num_rows == landed
    assert 0 < quarantined.num_rows <= 0.06 * landed
    assert all("distance" in rule for rule in quarantined["rule"].to_pylist())


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "params.yaml",
            "embargo_days",
            "gap_dyas",
            "gap_dyas: unknown key; did you mean 'embargo_days'?",
        ),
        (
            "pipelines/problem/features.py",
            "return sched_dep_time // 100",
            "return sched_dep_tim // 100",
            "features.py, line 33: NameError: name 'sched_dep_tim' is not defined",
        ),
        (
            "pipelines/problem/label.py",
            'flights["arr_delay"]',
            'flights["arr_dela"]',
            "label.py, line 17: KeyError: 'arr_dela'; correct the problem there",
        ),
        (
            "pipelines/problem/__init__.py",
            "import outcome\n",
            "import outcom\n",
            "__init__.py, line 7: ImportError: cannot import name 'outcom'",
        ),
    ],
)
def test_a_mistake_in_what_is_yours_ends_with_exit_78_and_says_where(
    world: World, tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    clone = Clone.of_the_project(tmp_path / "clone", world.root)
    text = (clone.folder / file).read_text()
    assert old in text
    (clone.folder / file).write_text(text.replace(old, new))

    done = clone.redeye("night", "--day", SECOND)

    assert done.returncode == 78, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
