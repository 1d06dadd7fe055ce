"""Models of every make, asked in a process of their own; and files of them that were made to harm it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.adapters.workers.pool import ProcessWorkers
from pipelines.define.problem import ModelSpec
from pipelines.training.model import Model, fit
from pipelines.training.model_file import pack
from tests.integration.estimators import ESTIMATORS
from tests.integration.test_workers import question
from tests.unit.test_model import some_examples

ROWS = some_examples(seed=2).frame


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "features.parquet"
    pq.write_table(pa.Table.from_pandas(ROWS, preserve_index=False), path)
    return path


def made(name: str) -> Model:
    return fit(ModelSpec(name, ESTIMATORS[name]), some_examples(), 1, 1)


def test_a_model_of_any_make_answers_in_its_process_as_in_ours_bit_for_bit(
    tmp_path: Path, table: Path
) -> None:
    """Three at a time, or their address spaces add up."""
    names = list(ESTIMATORS)
    with closing(ProcessWorkers(600, 8)) as workers:
        for first in range(0, len(names), 3):
            models = {name: made(name) for name in names[first : first + 3]}
            asked = [
                question(tmp_path, table, pack(model), model.form, name)
                for name, model in models.items()
            ]
            with workers.ask(asked) as replies:
                for one, reply in replies:
                    assert (reply.outcome, reply.reason) == ("answered", ""), one.name
                    assert reply.scores is not None
                    assert reply.scores.tobytes() == models[one.name].scores(ROWS).tobytes(), (
                        one.name
                    )


def forged(
    content: bytes, wanted: Callable[[np.ndarray], bool], forge: Callable[[np.ndarray], None]
) -> bytes:
    """The archive with every array that is wanted forged; at least one is."""
    packed, found = io.BytesIO(), 0
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            member = old.read(name)
            if name.endswith(".npy"):
                array = np.load(io.BytesIO(member), allow_pickle=False)
                if wanted(array):
                    forge(array)
                    written = io.BytesIO()
                    np.save(written, array)
                    member, found = written.getvalue(), found + 1
            new.writestr(name, member)
    assert found
    return packed.getvalue()


def _far(field: str) -> Callable[[np.ndarray], None]:
    def forge(array: np.ndarray) -> None:
        array[field][array[field] >= 0] = np.iinfo(array[field].dtype).max // 2

    return forge


def _circle(array: np.ndarray) -> None:
    array["left_child"] = array["right_child"] = 0


FORGERIES = {
    "a tree whose children are beyond it": (
        "decision tree",
        "left_child",
        _far("left_child"),
        "crashed",
    ),
    "a tree that never ends": ("decision tree", "left_child", _circle, "late"),
    "a boosted tree whose children are beyond it": (
        "histogram boosting",
        "left",
        _far("left"),
        "crashed",
    ),
    "neighbours that are beyond the rows": (
        "k nearest neighbours",
        "idx_end",
        _far("idx_end"),
        "crashed",
    ),
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forged_file_costs_its_own_process_and_nobody_else(
    tmp_path: Path, table: Path, kind: str
) -> None:
    name, field, forge, outcome = FORGERIES[kind]
    honest = made(name)
    content = forged(pack(honest), lambda one: field in (one.dtype.names or ()), forge)
    with closing(ProcessWorkers(15, 8)) as workers:
        asked = [
            question(tmp_path, table, content, "skops", "forged"),
            question(tmp_path, table, pack(honest), "skops", "honest"),
        ]
        with workers.ask(asked) as replies:
            found = {one.name: reply for one, reply in replies}

    assert found["forged"].outcome == outcome
    assert found["honest"].outcome == "answered", found["honest"].reason
    assert found["honest"].scores is not None
    assert found["honest"].scores.tobytes() == honest.scores(ROWS).tobytes()
