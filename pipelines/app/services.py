"""The one place where adapters are made and joined: settings and environment in, services out."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.app.run_folder import nights_left, readable_texts, secrets_of, underway
from pipelines.core.atomic_files import write_whole
from pipelines.core.config import Params, Paths, find_places, read_params
from pipelines.core.errors import ConfigError
from pipelines.core.graph import Graph, read_chain
from pipelines.define.problem import Problem
from pipelines.runner import Factories, Night

if TYPE_CHECKING:
    from pipelines.audit.verify import Stores

log = logging.getLogger("redeye")

ASKED = ("problem", "lake", "registry", "workers", "warehouse", "books", "versions")


@dataclass(frozen=True)
class Redeye:
    """Everything that a command needs, made from params.yaml, dvc.yaml and the environment."""

    places: Paths
    params: Params
    graph: Graph
    services: Factories

    def night(
        self, day: date, overrides: Mapping[str, Mapping[str, object]] | None = None
    ) -> Night:
        """The night of a day; `overrides` are values of params.yaml given on the command line."""
        folder = self.places.run(day)
        sections = {name: self.params.section(name) for name in self.graph.names}
        for name, values in (overrides or {}).items():
            sections[name] = sections[name].model_copy(update=dict(values))
        own: Factories = {
            "pages": lambda: NightPages(folder),
            "running": lambda: underway(folder, self.graph, time.time()),
        }
        return Night(day, folder, sections, {**self.services, **own}, self.graph)


def stores_of(redeye: Redeye, environ: Mapping[str, str]) -> Stores:
    """Everything that `redeye verify` and `redeye repair` look at."""
    from pipelines.audit.verify import Stores

    made = {name: redeye.services[name]() for name in ASKED}
    return Stores(
        **made,
        nights=nights_left(redeye.places, redeye.graph),
        texts=readable_texts(redeye.places),
        secrets=secrets_of(environ),
    )


class NightPages:
    """Pages in a night's own folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, content: str | bytes) -> None:
        """Put a page or a plot there, whole or not at all."""
        write_whole(
            self._folder / name, content if isinstance(content, bytes) else content.encode()
        )


def open_redeye(environ: Mapping[str, str]) -> Redeye:
    """Read the settings; services are made when a stage first asks for them."""
    places = find_places(environ)
    if places.production:
        log.info("an experiment, in %s: production stays as it is", places.root)
    params = read_params(places.repository / "params.yaml")
    graph = read_chain(places.repository / "dvc.yaml")
    return Redeye(places, params, graph, _factories(places, params, environ))


def _factories(  # noqa: C901  fourteen flat one-liners: imports happen when a service is first asked for
    places: Paths, params: Params, environ: Mapping[str, str]
) -> Factories:
    def lake() -> Any:
        from pipelines.adapters.lake.experiment_data import begin_with_raw
        from pipelines.adapters.lake.lake import LocalLake

        if places.production is not None:
            begin_with_raw(places.production / "data", places.data)
        return LocalLake(places.data)

    def source() -> Any:
        from pipelines.adapters.sources.open import open_source

        return open_source(problem(), environ.get("REDEYE_SOURCE_URL"))

    def versions() -> Any:
        from pipelines.adapters.dvc.versions import DvcVersions

        return DvcVersions(places)

    def engine() -> Any:
        from pipelines.adapters.engines.duckdb import DuckEngine
        from pipelines.adapters.engines.spark import SparkEngine

        memory, spill = params.features.memory_limit_gb, places.var / "spill"
        if params.features.engine == "spark":
            return SparkEngine(memory, spill, environ)
        return DuckEngine(memory, spill)

    def validator() -> Any:
        from pipelines.adapters.great_expectations import GxValidator

        return GxValidator(places.repository / "expectations")

    def registry() -> Any:
        from pipelines.adapters.mlflow.registry import MlflowRegistry

        return MlflowRegistry(places, problem())

    def workers() -> Any:
        from pipelines.adapters.workers.pool import ProcessWorkers

        return ProcessWorkers(params.score.deadline_seconds, params.score.memory_limit_gb)

    def warehouse() -> Any:
        from pipelines.adapters.database.warehouse import SqlWarehouse

        return SqlWarehouse(places.database_url, _bounds(problem()))

    def tuner() -> Any:
        from pipelines.adapters.tuning.search import OptunaSearch
        from pipelines.stages.tune import Tuner

        search, kept = OptunaSearch(places.var / "tuning"), made["warehouse"]()
        return Tuner(params.tune, search, kept, params.promote.min_lift)

    def books() -> Any:
        from pipelines.adapters.database.audit import SqlBooks

        return SqlBooks(places.database_url, _bounds(problem()))

    def notifier() -> Any:
        from pipelines.adapters.notifications import Doors

        return Doors({} if places.production else environ)  # an experiment wakes nobody

    def attic() -> Any:
        from pipelines.adapters.lake.garbage import Folders

        return Folders(places)

    def code() -> Any:
        from pipelines.adapters.code_version import code_version

        problem()  # says what is wrong with its package, if anything is
        return code_version(places.repository, params.problem)

    @cache
    def problem() -> Problem:
        problem = load_problem(params.problem)
        if places.production:  # the registered model, and every title, is the experiment's own
            problem = replace(problem, name=f"{problem.name}-experiment")
        check_settings(problem, params)
        return problem

    makers = (
        lake, source, versions, engine, validator, registry, workers, warehouse, tuner, books, notifier,
        attic, code,
    )  # fmt: skip
    made = {maker.__name__: cache(maker) for maker in makers}
    return {"problem": problem} | made


def check_settings(problem: Problem, params: Params) -> None:
    """Raises ConfigError where a problem and its settings do not fit: before a night begins, not at its end."""
    from pipelines.data.problem_checks import check_problem
    from pipelines.metrics.task import task_of

    task_of(problem.task).limits(params.promote)
    check_problem(problem)
    if problem.zone != params.schedule.zone:
        raise ConfigError(
            f"params.yaml: schedule.zone: {params.schedule.zone} is not the zone in which a day of "
            f"{params.problem} is a day; write {problem.zone}"
        )


def _bounds(problem: Problem) -> tuple[float, float]:
    from pipelines.metrics.task import task_of

    return task_of(problem.task).bounds


def load_problem(package: str) -> Problem:
    """The PROBLEM of a package; raises ConfigError when there is none."""
    try:
        problem = importlib.import_module(package).PROBLEM
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"params.yaml: problem: {package} gives no PROBLEM ({error}); "
            f"name a package such as pipelines.problem"
        ) from error
    if not isinstance(problem, Problem):
        raise ConfigError(
            f"params.yaml: problem: {package}.PROBLEM is no Problem; see pipelines/problem"
        )
    return problem
