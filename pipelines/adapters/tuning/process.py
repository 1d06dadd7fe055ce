"""The process in which settings are tried, one trial after another: what hangs or crashes is ended with it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import RedeyeError
from pipelines.core.supervisor import die_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.training.ports import Search

READY = "ready"
# Before the first trial, whose time it is not.
IMPORTED = ("xgboost", "sklearn.pipeline", "skops.io", "pipelines.training.tuning.folds")


@dataclass(frozen=True)
class Done:
    """The trial is over: it was tried on every fold, or `failed` says why not."""

    failed: str = ""


Heard = float | str | Done  # the loss of a fold; READY; the end


def try_settings(pipe: Connection, work: bytes, parent: int) -> None:
    """Hear settings, and say the loss of each fold; after each, hear whether to go on."""
    import cloudpickle

    for name in IMPORTED:
        import_module(name)
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent decides
    search = cloudpickle.loads(work)
    pipe.send(READY)
    while True:
        try:
            settings = pipe.recv()
        except EOFError:
            return
        pipe.send(Done(_tried(search, settings, pipe)))


def _tried(search: Search, settings: dict[str, Any] | None, pipe: Connection) -> str:
    """Why the trial failed, or nothing."""
    from pipelines.training.tuning.folds import fold_losses
    from pipelines.training.tuning.settings import with_settings

    spec = search.spec
    tried = spec if settings is None else with_settings(spec, settings, spec.name)
    try:
        for loss in fold_losses(tried, search.folds, search.params):
            pipe.send(loss)
            if not pipe.recv():
                break
    except RedeyeError as error:
        return str(error)
    return ""


@dataclass
class TrialProcess:
    """A process of trials, as its parent knows it."""

    work: bytes  # the search, pickled
    trial: Any = None  # what it tries now
    losses: list[float] = field(default_factory=list)
    began: float = 0.0
    ready: bool = False

    def __post_init__(self) -> None:
        # Not forked: OpenMP's threads, which this process may have had, are not there in a copy of it.
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=try_settings, args=(theirs, self.work, os.getpid()), daemon=True
        )
        self._process.start()
        theirs.close()

    def begin(self, trial: Any, settings: dict[str, Any] | None) -> None:
        """Have it try settings."""
        self.trial, self.losses, self.began = trial, [], time.monotonic()
        self.tell(settings)

    def tell(self, what: object) -> None:
        """Send it settings, or whether to go on; that it has died is heard."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(what)

    def hear(self) -> Heard:
        """What it says next; its death is the end of its trial."""
        try:
            heard: Heard = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            code = self._process.exitcode or 0
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            self.ready = False
            return Done(f"its process ended with {how}")
        self.ready = True
        return heard

    def end(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.join()
        self.pipe.close()


def heard_of(processes: Sequence[TrialProcess], seconds: float) -> list[TrialProcess]:
    """Those that have something to say; waits so long for the first."""
    ready = wait([one.pipe for one in processes], max(0.0, seconds))
    return [one for one in processes if one.pipe in ready]
