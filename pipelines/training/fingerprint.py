"""What decides a night's models: the same fingerprint is the same work, which is not done twice."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from datetime import date

from pipelines.core.config import TrainParams
from pipelines.define.problem import Problem
from pipelines.training.examples import TrainingPartitions

# Packages and modules, below pipelines/, whose source decides a model, from which day ends where to which
# fit is kept. A whole package each: a module that is added counts without being named here. The rest of
# core, and what judges, serves, reports or stores a model, does not change it.
DECIDING = (
    "core/dates.py", "define", "metrics", "data", "features", "training", "stages/train.py",
)  # fmt: skip


def training_fingerprint(
    day: date,
    params: TrainParams,
    problem: Problem,
    past: TrainingPartitions,
    code: Mapping[str, str],
) -> str:
    """SHA-256 over everything that decides what training makes.

    `code` holds the SHA-256 of the lock, and of the source of DECIDING and the problem's package. A
    problem's functions may come from elsewhere: the source of their modules counts as well.
    """
    functions = [problem.outcome, problem.value, *(recipe.build for recipe in problem.recipes)]
    modules = {inspect.getmodule(one) for one in functions if one}
    parts = [
        day.isoformat(),
        params.model_dump_json(exclude={"threads"}),
        code["lock_sha256"],
        code["source_sha256"],
        problem.task,
        str(problem.label_maturity_days),
        *(f"{name} {declared}" for name, declared in past.declared.items()),
        *(partition.sha256 for partition in (*past.features, *past.outcomes)),
        *sorted(inspect.getsource(module) for module in modules if module),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
