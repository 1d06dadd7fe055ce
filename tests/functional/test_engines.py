from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from clone import Clone
from world import FIRST, World

pytestmark = pytest.mark.slow


def kept(world: World) -> dict[str, bytes]:
    """Every table of features and of history, by its name, which tells its contents."""
    data = world.root / "data"
    found = [*(data / "features").rglob("*.parquet"), *(data / "history").rglob("*.parquet")]
    return {str(path.relative_to(data)): path.read_bytes() for path in found}


def test_one_word_in_params_moves_the_features_to_spark_and_changes_no_byte(
    world: World, tmp_path: Path
) -> None:
    on_duckdb = kept(world)
    clone = Clone.of_the_project(tmp_path / "clone", world.root)
    params = clone.folder / "params.yaml"
    params.write_text(params.read_text().replace("engine: duckdb", "engine: spark"))
    for made in ("features", "history"):
        shutil.rmtree(world.root / "data" / made)

    done = clone.redeye("features", "--day", FIRST)

    assert done.returncode == 0, done.stderr
    assert (world.root / "var" / "spill" / "spark.log").exists()
    assert kept(world) == on_duckdb
