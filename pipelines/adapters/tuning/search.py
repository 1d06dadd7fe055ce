"""Optuna: proposes settings, keeps every trial in a file as soon as it is over, and gives up what is no good.

The file is the search: a process that goes on with it repeats nothing that is in there.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from pickle import PicklingError
from typing import IO, Any

from pipelines.adapters.tuning.process import READY, Done, TrialProcess, heard_of
from pipelines.core.config import TuneParams
from pipelines.core.errors import BusyError, RecipeError, TemporaryError
from pipelines.define.spaces import Space
from pipelines.training.ports import Search, Trial

AS_WRITTEN = "as_written"
OUTCOMES = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
UNFINISHED = "its process was ended before it was over"
STARTUP_TRIALS = 5  # that are never given up: what others are compared with


class OptunaSearch:
    """Searches in a folder, a file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def trials(self, search: Search, budget: TuneParams, seconds: float) -> Generator[Trial]:
        """Every trial that is over, those of an earlier process first, until the budget is used up."""
        try:
            with self._study(search) as study:
                yield from (_trial_of(one) for one in study.trials if one.state.is_finished())
                yield from _Loop(study, search, budget, time.monotonic() + seconds).run()
        except OSError as error:
            raise TemporaryError(
                f"tune: {self._folder}: cannot be written ({error.strerror or error}); make room, and run "
                f"the same command again"
            ) from error

    @contextmanager
    def _study(self, search: Search) -> Iterator[Any]:
        """The search's study, held as long as the context lasts."""
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{search.name}.journal"
        with path.open("a+b") as file:
            _hold(file, search.name)
            _cut_half_a_line(file)
            held: Any = _Held()
            study = optuna.create_study(
                storage=JournalStorage(JournalFileBackend(str(path), held)),
                study_name=search.name,
                direction="minimize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
            )
            # What is drawn at random after an interruption is not what was drawn before it.
            seed = (search.params.seed + len(study.trials)) % 2**32
            study.sampler = optuna.samplers.TPESampler(seed=seed)
            _end_unfinished(study)
            _have_as_written(study)
            for settings in search.earlier:
                study.enqueue_trial(dict(settings), skip_if_exists=True)
            yield study


class _Held:
    """The lock of a journal whose file is locked as a whole already."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        """Nothing: the file is held until the search is over."""


def _hold(file: IO[bytes], name: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with its process
    except BlockingIOError as error:
        raise BusyError(
            f"tune: another process is at the search {name}; wait for it to end"
        ) from error


def _cut_half_a_line(file: IO[bytes]) -> None:
    """What a full disk left of a line is no trial, and would end the reading of all that follows."""
    file.seek(0)
    content = file.read()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        file.truncate(whole)


def _end_unfinished(study: Any) -> None:
    """What was tried when a process died is not tried again: it may have been why."""
    from optuna.trial import TrialState

    for one in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        study.tell(one.number, state=TrialState.FAIL)


def _have_as_written(study: Any) -> None:
    """Have the spec tried as it is written, first of all; once more if a process died of it, or with it."""
    tries = [one.state.name for one in study.trials if AS_WRITTEN in one.user_attrs]
    if not {"COMPLETE", "WAITING"} & {*tries} and len(tries) < 2:
        study.enqueue_trial({}, user_attrs={AS_WRITTEN: True})


def _trial_of(one: Any) -> Trial:
    """A trial in Redeye's words."""
    told = one.user_attrs
    failed = one.state.name == "FAIL"
    return Trial(
        number=one.number,
        settings=None if AS_WRITTEN in told else dict(one.params),
        outcome=OUTCOMES[one.state.name],  # type: ignore[arg-type]  # one of the three
        losses=tuple(told.get("losses", ())),
        reason=told.get("reason", UNFINISHED) if failed else "",
        seconds=one.duration.total_seconds() if one.duration else 0.0,
    )


def _suggested(trial: Any, spaces: dict[str, Space]) -> dict[str, Any] | None:
    """The settings of a trial; None: as the spec is written."""
    if AS_WRITTEN in trial.user_attrs:
        return None
    return {name: _suggest(trial, name, space) for name, space in spaces.items()}


def _suggest(trial: Any, name: str, space: Space) -> Any:
    if space.choices:
        return trial.suggest_categorical(name, space.choices)
    suggest = trial.suggest_int if space.whole else trial.suggest_float
    return suggest(name, space.low, space.high, log=space.log)


@dataclass
class _Loop:
    """Trials, a few at a time, until there were enough or the time is over."""

    study: Any
    search: Search
    budget: TuneParams
    until: float
    processes: list[TrialProcess] = field(default_factory=list)

    def run(self) -> Iterator[Trial]:
        """Each trial as it is over."""
        import cloudpickle

        if not self._wanted():
            return
        try:
            work = cloudpickle.dumps(replace(self.search, params=self._params()))
        except (TypeError, PicklingError) as error:
            raise RecipeError(
                f"recipe {self.search.spec.name!r}: cannot be tried in a process of its own ({error}); let it "
                f"open what it needs when it builds"
            ) from error
        try:
            self.processes = [
                TrialProcess(work) for _ in range(min(self.budget.parallel, self._wanted()))
            ]
            while self._is_busy():
                for process in heard_of(self.processes, self._next_end() - time.monotonic()):
                    yield from self._hear(process)
                for late in [one for one in self.processes if self._is_late(one)]:
                    yield from self._end_late(late)
        finally:
            for process in self.processes:
                process.end()

    def _params(self) -> Any:
        """The settings of a fit, with a fair share of the processors."""
        threads = max(1, len(os.sched_getaffinity(0)) // self.budget.parallel)
        given = self.search.params
        return given if given.threads else given.model_copy(update={"threads": threads})

    def _wanted(self) -> int:
        """How many trials may still begin."""
        begun = [
            one for one in self.study.get_trials(deepcopy=False) if one.state.name != "WAITING"
        ]
        return max(0, self.budget.trials - len(begun))

    def _may_begin(self) -> bool:
        return time.monotonic() < self.until and self._wanted() > 0

    def _is_busy(self) -> bool:
        """Whether something is tried, or will be."""
        trying = any(one.trial for one in self.processes)
        return trying or (bool(self.processes) and self._may_begin())

    def _limit(self) -> float:
        return self.budget.trial_minutes * 60

    def _next_end(self) -> float:
        ends = [one.began + self._limit() for one in self.processes if one.trial]
        return min([self.until, *ends])

    def _is_late(self, process: TrialProcess) -> bool:
        if process.trial is None:
            return False
        now = time.monotonic()
        return now >= min(self.until, process.began + self._limit())

    def _hear(self, process: TrialProcess) -> Iterator[Trial]:
        heard = process.hear()
        if isinstance(heard, float):
            process.losses.append(heard)
            self._weigh(process)
            return
        if heard != READY:
            assert isinstance(heard, Done)  # noqa: S101  for the type checker: there is nothing else
            if process.trial is None:
                raise TemporaryError(
                    f"tune {self.search.spec.name}: {heard.failed} before it tried anything; see how much "
                    f"memory the machine has left, and run the same command again"
                )
            yield self._over(process, heard.failed)
        if not process.ready:
            self._renew(process)
        elif self._may_begin():
            trial = self.study.ask()
            process.begin(trial, _suggested(trial, dict(self.search.spec.tune)))

    def _weigh(self, process: TrialProcess) -> None:
        """Go on with a trial, unless what it has shown so far is no good beside the others."""
        mean = sum(process.losses) / len(process.losses)
        process.trial.report(mean, len(process.losses))
        last = len(process.losses) == len(self.search.folds)
        process.tell(last or not process.trial.should_prune())

    def _over(self, process: TrialProcess, failed: str) -> Trial:
        """Keep how the trial ended."""
        from optuna.trial import TrialState

        trial, losses = process.trial, process.losses
        process.trial = None
        state = TrialState.COMPLETE if len(losses) == len(self.search.folds) else TrialState.PRUNED
        if not failed and not all(map(isfinite, losses)):
            failed = "its loss is no finite number"
        trial.set_user_attr("losses", [] if failed else losses)
        if failed:
            trial.set_user_attr("reason", failed)
            return _trial_of(self.study.tell(trial, state=TrialState.FAIL))
        value = sum(losses) / len(losses) if state == TrialState.COMPLETE else None
        return _trial_of(self.study.tell(trial, value, state))

    def _end_late(self, process: TrialProcess) -> Iterator[Trial]:
        over = time.monotonic() >= self.until
        why = "the time for all trials was over (tune.minutes)" if over else (
            f"it took longer than {self.budget.trial_minutes:g} minutes (tune.trial_minutes)"
        )  # fmt: skip
        yield self._over(process, why)
        self._renew(process)

    def _renew(self, process: TrialProcess) -> None:
        """Another process in the place of one that is to end; none when there is nothing left to try."""
        process.end()
        self.processes.remove(process)
        if self._may_begin():
            self.processes.append(TrialProcess(process.work))
