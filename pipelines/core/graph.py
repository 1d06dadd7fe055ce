"""The graph of stages, read from dvc.yaml, the one place where it is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from pipelines.core.errors import ConfigError

DAY = "${day}"


@dataclass(frozen=True)
class Stage:
    """One verb of the chain, as dvc.yaml tells it."""

    name: str
    command: str
    deps: tuple[str, ...]
    outs: tuple[str, ...]
    pool: str | None
    timeout_minutes: int
    retries: int
    survives: bool  # runs although an earlier stage failed, if another one succeeded

    def argv(self, day: str) -> list[str]:
        """The command for one day, as a list that no shell will read."""
        return [word.replace(DAY, day) for word in self.command.split()]


@dataclass(frozen=True)
class Graph:
    """Stages in an order in which they can run, and who waits for whom."""

    stages: tuple[Stage, ...]
    upstream: dict[str, tuple[str, ...]]

    def __getitem__(self, name: str) -> Stage:
        return next(stage for stage in self.stages if stage.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages)


def read_graph(path: Path) -> Graph:
    """The graph in `path`; raises ConfigError if it is missing, has a cycle or a stage without command."""
    try:
        stages = tuple(
            _stage(name, body) for name, body in yaml.safe_load(path.read_text())["stages"].items()
        )
    except (OSError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{path}: not a readable dvc.yaml ({error}); restore it from git"
        ) from error
    upstream = {
        stage.name: tuple(other.name for other in stages if _feeds(other, stage))
        for stage in stages
    }
    return Graph(stages=_in_order(stages, upstream, path), upstream=upstream)


def _in_order(
    stages: tuple[Stage, ...], upstream: dict[str, tuple[str, ...]], path: Path
) -> tuple[Stage, ...]:
    """Every stage after those it waits for; where the graph leaves it open, as dvc.yaml lists them."""
    done: list[Stage] = []
    while len(done) < len(stages):
        names = {stage.name for stage in done}
        waiting = [stage for stage in stages if stage.name not in names]
        ready = [stage for stage in waiting if names.issuperset(upstream[stage.name])]
        if not ready:
            circle = ", ".join(stage.name for stage in waiting)
            raise ConfigError(
                f"{path}: these stages wait for each other: {circle}; break the circle"
            )
        done.append(ready[0])
    return tuple(done)


def _stage(name: str, body: dict[str, Any]) -> Stage:
    meta = body.get("meta", {})
    return Stage(
        name=name,
        command=body["cmd"],
        deps=tuple(_paths(body.get("deps", []))),
        outs=tuple(_paths(body.get("outs", []))),
        pool=meta.get("pool"),
        timeout_minutes=int(meta.get("timeout_minutes", 60)),
        retries=int(meta.get("retries", 2)),
        survives=bool(meta.get("survives", False)),
    )


def _paths(entries: list[Any]) -> list[str]:
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def _feeds(producer: Stage, consumer: Stage) -> bool:
    return producer.name != consumer.name and any(
        _overlap(out, dep) for out in producer.outs for dep in consumer.deps
    )


def _overlap(one: str, other: str) -> bool:
    a, b = PurePosixPath(one), PurePosixPath(other)
    return a.is_relative_to(b) or b.is_relative_to(a)
