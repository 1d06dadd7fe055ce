"""Processes that live a few nights, until they are killed as the kernel kills."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from tests.integration.small_night import live

PATIENCE_SECONDS = 60
# What a night imports, also at its first use of a library.
IMPORTED = [
    "tests.integration.small_night", "pipelines.stages.score", "pyarrow.dataset",
    "sklearn.pipeline", "sklearn.linear_model", "alembic.command", "psycopg",
]  # fmt: skip


@dataclass(frozen=True)
class Killer:
    """A server that has imported everything, so that a process costs milliseconds, not seconds."""

    context: ForkServerContext

    def start(
        self, root: Path, url: str, days: Sequence[date], stages: Sequence[str], fault: str = ""
    ) -> ForkServerProcess:
        process = self.context.Process(target=live, args=(root, url, days, stages, fault))
        process.start()
        return process

    def live(
        self, root: Path, url: str, days: Sequence[date], stages: Sequence[str], fault: str = ""
    ) -> bool:
        """Live the nights; whether the process was killed."""
        process = self.start(root, url, days, stages, fault)
        process.join(PATIENCE_SECONDS)
        assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
        return process.exitcode != 0


def a_killer() -> Killer:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return Killer(context)
