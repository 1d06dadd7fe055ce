"""A limit on the size of files in the stages that learn and watch: one sentence, and nothing half written."""

from __future__ import annotations

import errno
import multiprocessing
import resource
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from pipelines.adapters.workers.pool import ProcessWorkers
from pipelines.audit.verify import verify
from pipelines.core.atomic_files import scratch_file, scratch_folder
from pipelines.core.errors import RedeyeError, TemporaryError
from pipelines.runner import run_chain
from tests.integration.whole_night import PROBLEM, Whole

LIMITS = (0, 500, 4096, 20_000, 100_000, 1_000_000)
DAY = date(2013, 10, 1)
TONIGHT = DAY + timedelta(days=1)
PRELOADED = ["tests.integration.whole_night", "mlflow", "sklearn.pipeline", "skops.io"]


def run(whole: Whole, day: date, stages: Sequence[str]) -> None:
    """Run stages of a night; raises what the first one that failed raised."""
    for error in run_chain(whole.redeye.night(day), tuple(stages)).values():
        if error:
            raise error


def run_limited(root: Path, day: date, stage: str, most_bytes: int) -> None:
    """A stage in a process of its own, where no file may grow beyond so many bytes."""
    whole = Whole(root)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    try:
        run(whole, day, [stage])
    except RedeyeError as error:
        sys.exit(error.exit_code)


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def test_a_limit_on_the_size_of_files_ends_learning_and_watching_in_a_sentence(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    whole = Whole(tmp_path)
    run(whole, DAY, whole.graph.names)
    codes: dict[str, list[int | None]] = {}

    for stage in whole.graph.names:
        before = whole.state()["tables"]
        for most_bytes in LIMITS if stage in ("train", "evaluate", "promote", "monitor") else ():
            process = processes.Process(
                target=run_limited, args=(tmp_path, TONIGHT, stage, most_bytes)
            )
            process.start()
            process.join()
            codes.setdefault(stage, []).append(process.exitcode)
            if process.exitcode:
                assert whole.state()["tables"]["ledger"] == before["ledger"], (stage, most_bytes)
                assert not whole.record(TONIGHT, stage).exists()
        run(whole, TONIGHT, [stage])

    for stage, ended in codes.items():
        assert set(ended) <= {0, TemporaryError.exit_code}, (stage, ended)
        assert ended[0] == TemporaryError.exit_code, (stage, ended)
    registry = whole.services["registry"]()
    stores = replace(whole.stores, registry=registry, problem=PROBLEM)
    assert verify(stores).broken == ()
    assert [one.version for one in registry.registered()] == ["1", "2"]
    assert list(tmp_path.rglob("*.tmp")) == []


def test_without_a_temporary_folder_a_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> object:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    for make in ("TemporaryDirectory", "TemporaryFile"):
        monkeypatch.setattr(tempfile, make, none)

    with pytest.raises(TemporaryError, match="TMPDIR"), scratch_folder():
        pass
    with pytest.raises(TemporaryError, match="TMPDIR"):
        scratch_file()
    with pytest.raises(TemporaryError, match="TMPDIR"):
        ProcessWorkers(60, 8).prewarm()
