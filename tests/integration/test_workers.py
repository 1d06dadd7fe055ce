"""Models are asked in processes of their own: what they do there harms nobody else."""

from __future__ import annotations

import gc
import hashlib
import os
import pickle
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.adapters.workers.pool import ProcessWorkers
from pipelines.define.problem import ModelSpec
from pipelines.problem.model import RECIPES
from pipelines.training.examples import Examples
from pipelines.training.model import Model, ModelFormat, fit
from pipelines.training.model_file import pack
from pipelines.training.ports import ModelFile, ScoringRequest, ScoringResult
from tests.integration.hostile import BOMBS, DEEP, with_card

SCHEMA: Mapping[str, Any] = {"wind": "number", "line": "category"}


def frame(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame({"wind": rng.normal(size=n), "line": rng.choice(["A", "B", "C"], n)})


def a_model(recipe: ModelSpec) -> Model:
    rows = frame()
    labels = (rows["wind"] > 0).to_numpy(dtype="float64")
    days = np.full(len(rows), np.datetime64(date(2013, 9, 1)))
    examples = Examples(SCHEMA, rows, labels, days, days.astype("datetime64[us]"))
    return fit(recipe, examples, seed=1, threads=1)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "features.parquet"
    pq.write_table(pa.Table.from_pandas(frame().assign(more="columns")), path)
    return path


def question(
    folder: Path, table: Path, content: bytes, form: ModelFormat, name: str = "", sha256: str = ""
) -> ScoringRequest:
    true = hashlib.sha256(content).hexdigest()
    path = folder / f"{true[:8]}.{form}"
    path.write_bytes(content)
    return ScoringRequest(name or form, ModelFile(path, form, sha256 or true), table)


def ask(
    *questions: ScoringRequest, seconds: float = 600, memory_gb: float = 8
) -> dict[str, ScoringResult]:
    with shared(seconds, memory_gb).ask(questions) as replies:
        return {one.name: reply for one, reply in replies}


@cache
def shared(seconds: float, memory_gb: float) -> ProcessWorkers:
    """For all tests that ask within these limits: it imports once."""
    return ProcessWorkers(seconds, memory_gb)


def children() -> list[psutil.Process]:
    """The processes that are being asked: children of the one that imports."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if (
                "pipelines.adapters.workers.child" in child.cmdline()
                and child.ppid() != os.getpid()
            ):
                found.append(child)
    return found


def test_scores_are_those_of_the_model_bit_by_bit(tmp_path: Path, table: Path) -> None:
    models = [a_model(recipe) for recipe in RECIPES]

    replies = ask(*(question(tmp_path, table, pack(m), m.form) for m in models))

    assert {model.form for model in models} == {"ubj", "skops"}
    for model in models:
        reply = replies[model.form]
        assert (reply.outcome, reply.reason) == ("answered", "")
        assert reply.scores is not None
        assert reply.scores.tobytes() == model.scores(frame()).tobytes()


def test_who_takes_too_long_is_ended(tmp_path: Path, table: Path) -> None:
    model = a_model(RECIPES[0])
    before = children()
    pq.write_table(pa.concat_tables([pa.Table.from_pandas(frame())] * 5000), table)

    reply = ask(question(tmp_path, table, pack(model), model.form), seconds=0.01)["skops"]

    assert (reply.outcome, reply.scores) == ("late", None)
    assert reply.reason == "it had not answered after 0.01 s"
    gone, left = psutil.wait_procs(set(children()) - set(before), timeout=600)
    assert left == [], gone


def test_the_import_of_the_libraries_is_not_taken_from_a_models_time(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, clock = a_model(RECIPES[0]), time.monotonic
    asked, before = question(tmp_path, table, pack(model), model.form), processes()
    workers, passed = ProcessWorkers(200, 8), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock() + passed[0])

    with closing(workers):
        workers.prewarm()
        (parent,) = processes() - before
        parent.suspend()
        with workers.ask([asked]) as replies:
            passed[0] = 201.0
            threading.Timer(1.0, parent.resume).start()
            (_, reply) = next(replies)

    assert (reply.outcome, reply.reason) == ("answered", "")
    assert reply.seconds < 200


def test_libraries_that_are_never_imported_are_told_after_a_time_of_their_own(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = a_model(RECIPES[0])
    asked, before = question(tmp_path, table, pack(model), model.form), processes()
    workers = ProcessWorkers(1e6, 8)
    monkeypatch.setattr("pipelines.adapters.workers.pool.READY_SECONDS", 0.2)

    with closing(workers):
        workers.prewarm()
        (parent,) = processes() - before
        parent.suspend()
        with workers.ask([asked]) as replies:
            (_, reply) = next(replies)

    assert reply.outcome == "late"
    assert reply.reason == "the libraries of models were not imported after 0.2 s"
    assert not parent.is_running()


def test_who_needs_too_much_memory_is_told_so(tmp_path: Path, table: Path) -> None:
    model = a_model(RECIPES[1])

    reply = ask(question(tmp_path, table, pack(model), model.form), memory_gb=0.2)["ubj"]

    assert (reply.outcome, reply.scores) == ("out of memory", None)


def test_who_is_killed_has_crashed_and_the_others_answer(tmp_path: Path, table: Path) -> None:
    model = a_model(RECIPES[1])
    content = pack(model)
    asked = [question(tmp_path, table, content, "ubj", name=name) for name in ("one", "two")]

    def kill_the_first() -> None:
        while not children():
            time.sleep(0.01)
        children()[0].kill()

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    replies = ask(*asked)
    killer.join()

    assert sorted(reply.outcome for reply in replies.values()) == ["answered", "crashed"]
    assert [r.reason for r in replies.values() if r.outcome == "crashed"] == [
        "its process ended with signal SIGKILL"
    ]


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self._target, "boom")


@pytest.mark.parametrize("form", ["ubj", "skops"])
def test_a_pickle_is_refused_before_anything_of_it_runs(
    tmp_path: Path, table: Path, form: ModelFormat
) -> None:
    harmed = tmp_path / "harmed"

    reply = ask(question(tmp_path, table, pickle.dumps(Bomb(harmed)), form))[form]

    assert reply.outcome == "refused"
    assert "model file" in reply.reason
    assert not harmed.exists()


def test_a_file_that_is_not_the_registered_one_is_refused(tmp_path: Path, table: Path) -> None:
    model = a_model(RECIPES[0])
    swapped = question(tmp_path, table, pack(model), model.form, sha256="0" * 64)

    reply = ask(swapped)["skops"]

    assert reply.outcome == "refused"
    assert "SHA-256" in reply.reason


def test_a_table_without_a_feature_is_refused_with_its_name(tmp_path: Path) -> None:
    model = a_model(RECIPES[0])
    table = tmp_path / "poor.parquet"
    pq.write_table(pa.Table.from_pandas(frame()[["line"]]), table)

    reply = ask(question(tmp_path, table, pack(model), model.form))["skops"]

    assert reply.outcome == "refused"
    assert "'wind'" in reply.reason


def test_a_child_gets_no_secret(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    model = a_model(RECIPES[0])
    seen: list[str] = []

    def look() -> None:
        while not seen:
            for child in children():
                with suppress(psutil.Error):
                    seen.extend(child.environ().values())
            time.sleep(0.01)

    watcher = threading.Thread(target=look)
    watcher.start()
    ask(question(tmp_path, table, pack(model), model.form))
    watcher.join()

    assert "s3cret" not in seen


def test_nobody_is_left_behind_when_the_first_answer_was_enough(
    tmp_path: Path, table: Path
) -> None:
    model = a_model(RECIPES[0])
    asked = [question(tmp_path, table, pack(model), model.form, name=str(n)) for n in range(3)]
    before = children()

    workers = ProcessWorkers(600, 8)
    with closing(workers):
        with workers.ask(asked) as replies:
            next(replies)

        assert children() == before


def test_the_models_are_at_work_while_the_one_who_asks_does_something_else(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, clock = a_model(RECIPES[0]), time.monotonic
    workers = ProcessWorkers(600, 8)
    asked = question(tmp_path, table, pack(model), model.form)

    with closing(workers), workers.ask([asked]) as replies:
        while not children():
            time.sleep(0.01)
        psutil.wait_procs(children(), timeout=600)
        monkeypatch.setattr(time, "monotonic", lambda: clock() + 601)
        (_, reply) = next(replies)

    assert reply.outcome == "answered"


def processes() -> set[psutil.Process]:
    """What this process has started and still runs; other tests' processes are among them."""
    return set(psutil.Process().children())


def test_models_that_are_asked_one_after_the_other_import_once(tmp_path: Path, table: Path) -> None:
    model = a_model(RECIPES[0])
    asked = question(tmp_path, table, pack(model), model.form)
    workers, before = ProcessWorkers(600, 8), processes()

    with closing(workers):
        parents = []
        for _ in range(2):
            with workers.ask([asked]) as replies:
                assert [reply.outcome for _, reply in replies] == ["answered"]
            parents.append(processes() - before)

    assert len(parents[0]) == 1
    assert parents[0] == parents[1]
    assert not any(one.is_running() for one in parents[0])


def test_workers_that_nobody_has_any_more_leave_no_process() -> None:
    before = processes()
    workers = ProcessWorkers(600, 8)
    workers.prewarm()
    begun = processes() - before

    del workers
    gc.collect()

    assert len(begun) == 1
    assert not any(one.is_running() for one in begun)


def test_when_the_process_that_imports_is_killed_it_is_said_and_the_next_question_has_another(
    tmp_path: Path, table: Path
) -> None:
    model = a_model(RECIPES[0])
    asked = question(tmp_path, table, pack(model), model.form)
    workers, before = ProcessWorkers(600, 8), processes()

    with closing(workers):
        with workers.ask([asked]) as replies:
            (parent,) = processes() - before
            parent.kill()
            assert [reply.outcome for _, reply in replies] == ["crashed"]
        with workers.ask([asked]) as replies:
            assert [reply.outcome for _, reply in replies] == ["answered"]


def test_a_frame_is_scored_as_the_file_of_its_rows(tmp_path: Path, table: Path) -> None:
    model = a_model(RECIPES[0])
    by_file = question(tmp_path, table, pack(model), model.form, name="file")
    by_frame = replace(by_file, name="frame", table=frame())

    replies = ask(by_file, by_frame, replace(by_file, name="opened", table=None))

    assert replies["frame"].scores.tobytes() == replies["file"].scores.tobytes()  # type: ignore[union-attr]
    assert replies["opened"].scores is None
    assert replies["opened"].features == ("wind", "line")


@pytest.mark.parametrize("form", ["ubj", "skops"])
def test_a_card_that_nests_without_end_costs_its_own_process(
    tmp_path: Path, table: Path, form: ModelFormat
) -> None:
    content = with_card(a_model(RECIPES[form == "ubj"]), DEEP)

    reply = ask(question(tmp_path, table, content, form))[form]

    assert reply.outcome == "crashed"
    assert "RecursionError" in reply.reason


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_model_file_that_unpacks_without_end_costs_its_own_process(
    tmp_path: Path, table: Path, bomb: str
) -> None:
    form, content = BOMBS[bomb]
    mine = psutil.Process().memory_info().rss
    good = a_model(RECIPES[0])
    asked = question(tmp_path, table, content, form, name="bomb")

    replies = ask(asked, question(tmp_path, table, pack(good), good.form, name="good"))

    assert len(content) < 32 * 2**20
    assert replies["bomb"].outcome in ("refused", "crashed", "out of memory")
    assert replies["bomb"].reason.strip()
    assert ("unpacks to more than 2,048 MB" in replies["bomb"].reason) == bomb.endswith("of 16 GB")
    assert "\n" not in replies["bomb"].reason
    assert replies["good"].outcome == "answered"
    assert psutil.Process().memory_info().rss < mine + 2**30
