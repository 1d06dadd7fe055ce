"""The runner: finds a stage's arguments by name, calls it, keeps what it returns, says how it went.

A stage asks for what it needs by the names of its arguments: the `day`, its own `params`, a service
(`lake`, `registry`, …), or the record of an earlier stage by the stem of its file in dvc.yaml. A
record annotated `… | None` may be missing.
"""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.core.atomic_files import append_line, read_regular, write_whole
from pipelines.core.config import Section
from pipelines.core.crash import translate
from pipelines.core.errors import ConfigError, DataError, RedeyeError, TemporaryError
from pipelines.core.fault_injection import fault_point
from pipelines.core.graph import Graph
from pipelines.core.records import ARTEFACTS, Record
from pipelines.core.supervisor import given_up, mark_stage

log = logging.getLogger("redeye")

Factories = Mapping[str, Callable[[], Any]]


@dataclass(frozen=True)
class Night:
    """One day's run of stages: where its records are, and what its stages may ask for."""

    day: date
    folder: Path
    sections: Mapping[str, Section]
    services: Factories
    graph: Graph

    def run(self, stage: str) -> Record:
        """Run one stage and keep its record. What the stage raises is logged, kept and raised again."""
        started = time.monotonic()
        mark_stage(stage)
        log.info("%s %s started", self.day, stage)
        try:
            record = self._call(stage)
        except RedeyeError as error:
            self._refuse(stage, error)
            self._note(stage, time.monotonic() - started, error)
            raise
        except Exception as error:
            told = RedeyeError(f"{stage} {self.day}: {type(error).__name__}: {str(error)[:300]}")
            self._note(stage, time.monotonic() - started, told)
            raise
        fault_point("stage.before_record")
        write_whole(self.folder / f"{self._stem(stage)}.json", record.to_json().encode())
        fault_point("stage.after_record")
        self._note(stage, time.monotonic() - started, None)
        mark_stage("")
        return record

    def give_up(self, stage: str, why: str) -> RedeyeError:
        """Note that the stage is not tried any more; the error that says so."""
        error = RedeyeError(f"{stage} {self.day}: {why}")
        self._note(stage, 0.0, error)
        return error

    def record(self, stem: str) -> Record | None:
        """What a stage of this night left, if it did."""
        path = self.folder / f"{stem}.json"
        return ARTEFACTS[stem].from_json(read_regular(path), str(path)) if path.exists() else None

    def _call(self, stage: str) -> Record:
        function = stage_function(stage)
        parameters = inspect.signature(function).parameters.values()
        record: Record = function(**{p.name: self._argument(stage, p) for p in parameters})
        return record

    def _argument(self, stage: str, parameter: inspect.Parameter) -> Any:
        name = parameter.name
        if name == "day":
            return self.day
        if name == "params":
            return self.sections[stage]
        if name in ARTEFACTS:
            return self._earlier(stage, name, optional=str(parameter.annotation).endswith("None"))
        if name in self.services:
            return self.services[name]()
        raise ConfigError(
            f"stage {stage!r} asks for {name!r}, which is no record of {sorted(ARTEFACTS)} "
            f"and no service of {sorted(self.services)}; rename the argument"
        )

    def _earlier(self, stage: str, stem: str, *, optional: bool) -> Record | None:
        record = self.record(stem)
        if record is None and not optional:
            maker = next(
                s.name for s in self.graph.stages if any(Path(o).stem == stem for o in s.outs)
            )
            raise DataError(
                f"{stage} {self.day}: needs {stem}.json, which {maker!r} has not made; "
                f"run `redeye {maker} --day {self.day}` first"
            )
        return record

    def _stem(self, stage: str) -> str:
        return next(Path(out).stem for out in self.graph[stage].outs if Path(out).stem in ARTEFACTS)

    def _refuse(self, stage: str, error: RedeyeError) -> None:
        """Take away the record of an earlier try, so that nobody builds on it; keep the evidence."""
        path = self.folder / f"{self._stem(stage)}.json"
        if error.evidence is not None:
            write_whole(path.with_suffix(".refused.json"), error.evidence.to_json().encode())
        if error.exit_code == DataError.exit_code:
            path.unlink(missing_ok=True)

    def _note(self, stage: str, seconds: float, error: RedeyeError | None) -> None:
        note = {
            "stage": stage,
            "seconds": round(seconds, 2),
            "exit_code": error.exit_code if error else 0,
            "error": str(error) if error else None,
        }
        try:
            append_line(self.folder / "stages.jsonl", json.dumps(note))
        except TemporaryError as unwritten:
            if error is None:
                raise
            log.warning("%s", unwritten)  # why the stage failed is what people must know
        log.info("%s %s %s after %.1f s", self.day, stage, "failed" if error else "done", seconds)


def stage_function(stage: str) -> Callable[..., Record]:
    """The function that is a stage; its module is imported only now."""
    function: Callable[..., Record] = getattr(
        importlib.import_module(f"pipelines.stages.{stage}"), stage
    )
    return function


def run_chain(
    night: Night,
    stages: tuple[str, ...],
    tell: Callable[[str, RedeyeError], None] = lambda *_: None,
) -> dict[str, RedeyeError | None]:
    """Run stages in the graph's order: stage → how it failed, or None. `tell` hears of each failure.

    A stage whose upstream failed is left out, unless it `survives` and another upstream succeeded.
    Whatever ends a stage ends no more than that stage.
    """
    outcome: dict[str, RedeyeError | None] = {}
    for name in stages:
        upstream = [u for u in night.graph.upstream[name] if u in stages]
        good = [u for u in upstream if u in outcome and outcome[u] is None]
        if upstream and len(good) < (1 if night.graph[name].survives else len(upstream)):
            continue
        failed = outcome[name] = _attempt(night, name)
        if failed is not None:
            tell(name, failed)
    return outcome


def _attempt(night: Night, stage: str) -> RedeyeError | None:
    if stage in given_up():
        return night.give_up(stage, given_up()[stage])
    try:
        night.run(stage)
    except RedeyeError as error:
        return error
    except Exception as error:  # noqa: BLE001  the stages that survive this one must run
        return translate(error, f"redeye {stage} --day {night.day}", night.folder)
    return None
