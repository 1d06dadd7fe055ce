from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from world import FIRST, World, environ_of

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[2]


def kept(world: World) -> dict[str, bytes]:
    """Every table of features and of history, by its name, which tells its contents."""
    data = world.root / "data"
    found = [*(data / "features").rglob("*.parquet"), *(data / "history").rglob("*.parquet")]
    return {str(path.relative_to(data)): path.read_bytes() for path in found}


def test_one_word_in_params_moves_the_features_to_spark_and_changes_no_byte(
    world: World, tmp_path: Path
) -> None:
    on_duckdb, clone = kept(world), tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(clone)], check=True)
    params = (clone / "params.yaml").read_text()
    (clone / "params.yaml").write_text(params.replace("engine: duckdb", "engine: spark"))
    for made in ("features", "history"):
        shutil.rmtree(world.root / "data" / made)

    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "features", "--day", FIRST],
        cwd=clone,
        env={**environ_of(world.root), "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (world.root / "var" / "spill" / "spark.log").exists()
    assert kept(world) == on_duckdb
