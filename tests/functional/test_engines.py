from __future__ import annotations

import shutil

import pytest
from clone import RAIN_DAY, Clone
from world import World

pytestmark = pytest.mark.slow


def kept(world: World) -> dict[str, bytes]:
    """Every table of features and of history, by its name, which tells its contents."""
    data = world.root / "data"
    found = [*(data / "features").rglob("*.parquet"), *(data / "history").rglob("*.parquet")]
    return {str(path.relative_to(data)): path.read_bytes() for path in found}


def test_one_word_in_params_moves_the_features_to_spark_and_changes_no_byte(rain: Clone) -> None:
    on_duckdb = kept(rain)
    params = rain.folder / "params.yaml"
    params.write_text(params.read_text().replace("engine: duckdb", "engine: spark"))
    for made in ("features", "history"):
        shutil.rmtree(rain.root / "data" / made)

    done = rain.redeye("features", "--day", RAIN_DAY)

    assert done.returncode == 0, done.stderr
    assert (rain.root / "var" / "spill" / "spark.log").exists()
    assert kept(rain) == on_duckdb
