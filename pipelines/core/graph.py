"""The graph of stages, read from dvc.yaml, the one place where it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.core.atomic_files import read_yaml
from pipelines.core.errors import ConfigError

DAY = "${day}"
# The stages that Redeye is; others may be added beside them.
CHAIN = (
    "ingest", "validate", "features", "train", "evaluate", "promote", "score", "settle", "monitor",
)  # fmt: skip


class Meta(BaseModel):
    """What only an orchestrator needs to know of a stage."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    pool: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,60}$")] | None = None
    timeout_minutes: Annotated[int, Field(ge=1, le=10_080)] = 60
    retries: Annotated[int, Field(ge=0, le=20)] = 2
    survives: bool = False


class Body(BaseModel):
    """A stage as DVC writes it; `foreach`, `matrix` and `wdir` hide edges, and are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    cmd: Annotated[str, Field(min_length=1)]
    deps: list[str | dict[str, Any]] = []
    outs: list[str | dict[str, Any]] = []
    params: list[str | dict[str, Any]] = []
    metrics: list[str | dict[str, Any]] = []
    plots: list[str | dict[str, Any]] = []
    desc: str = ""
    always_changed: bool = False
    frozen: Literal[False] = False
    meta: Meta = Meta()


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
    """The graph in `path`; raises ConfigError if it is missing, has a cycle, a stage without command or
    with a setting that is none, or a path that two stages make or that leads out of the root.
    """
    told = read_yaml(path)
    bodies = told.get("stages") if isinstance(told, dict) else None
    if not isinstance(bodies, dict) or not bodies:
        raise ConfigError(f"{path.name}: has no stages; restore it from git")
    stages = tuple(_stage(path, str(name), body) for name, body in bodies.items())
    for what in _faults(stages):
        raise ConfigError(f"{path.name}: {what}")
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


def read_chain(path: Path) -> Graph:
    """The graph in `path` with all of Redeye's own stages in it, each running its own command."""
    graph = read_graph(path)
    missing = [name for name in CHAIN if name not in graph.names]
    if missing:
        raise ConfigError(f"{path.name}: the stage {missing[0]} is missing; restore it from git")
    for stage in graph.stages:
        own = f"redeye {stage.name} --day {DAY}"
        if stage.name in CHAIN and stage.command.split() != own.split():
            raise ConfigError(
                f"{path.name}: stages.{stage.name}.cmd: must be `{own}`; Airflow, `redeye night` and "
                f"`dvc repro` run the same command"
            )
    return graph


def _stage(path: Path, name: str, told: Any) -> Stage:
    try:
        body = Body.model_validate(told)
    except ValidationError as error:
        problem = max(error.errors(), key=lambda found: found["type"] == "extra_forbidden")
        key = ".".join(["stages", name, *map(str, problem["loc"])])
        raise ConfigError(
            f"{path.name}: {key}: {problem['msg']}, not {str(problem['input'])[:40]!r}; correct it, "
            f"or restore it from git"
        ) from error
    return Stage(
        name=name,
        command=body.cmd,
        deps=tuple(_paths(body.deps)),
        outs=tuple(_paths([*body.outs, *body.metrics, *body.plots])),
        **body.meta.model_dump(),
    )


def _faults(stages: tuple[Stage, ...]) -> Iterator[str]:
    """What is wrong with the paths of the graph as a whole."""
    makers = Counter(out for stage in stages for out in set(stage.outs))
    for stage in stages:
        for path in (*stage.deps, *stage.outs):
            if ".." in PurePosixPath(path).parts or PurePosixPath(path).is_absolute():
                yield f"stages.{stage.name}: {path!r} leads out of the root; name a path below it"
        for out in stage.outs:
            if makers[out] > 1:
                names = " and ".join(one.name for one in stages if out in one.outs)
                yield f"{out!r} is made by {names}; let one of them make it"


def _paths(entries: list[Any]) -> list[str]:
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def _feeds(producer: Stage, consumer: Stage) -> bool:
    return producer.name != consumer.name and any(
        _overlap(out, dep) for out in producer.outs for dep in consumer.deps
    )


def _overlap(one: str, other: str) -> bool:
    a, b = PurePosixPath(one), PurePosixPath(other)
    return a.is_relative_to(b) or b.is_relative_to(a)
