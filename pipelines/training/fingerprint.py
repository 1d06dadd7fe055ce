"""What decides a night's models: the same fingerprint is the same work, which is not done twice."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from pipelines.core.config import TrainParams
from pipelines.define.problem import ModelSpec, Problem
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
        params.model_dump_json(exclude={"threads", "max_categories"}),
        code["lock_sha256"],
        code["source_sha256"],
        problem.task,
        str(problem.label_maturity_days),
        *(f"{name} {declared}" for name, declared in past.declared.items()),
        *(partition.sha256 for partition in (*past.features, *past.outcomes)),
        *sorted(inspect.getsource(module) for module in modules if module),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def spec_sha256(
    recipe: ModelSpec, schema: Mapping[str, str], meanings: Mapping[str, str], params: TrainParams
) -> str:
    """Twelve digits that stand for how a candidate is made, whatever the data, the seed and the threads.

    Counted are the estimator with all its settings, the features it reads with the hashes of their
    declarations, and how its level is set. Versions with the same digits are one line of refreshed
    models; another setting begins another line.
    """
    parts = [
        _settings(recipe.build(schema, 0, 1)),
        *(f"{name} {kind} {meanings.get(name, '')}" for name, kind in schema.items()),
        f"recalibration {params.recalibration_days}",
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _settings(value: Any) -> str:
    """An estimator with everything that it was told, or a setting; without addresses in memory."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_settings, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {_settings(one)}' for key, one in value.items())}}}"
    if hasattr(value, "get_params") and not isinstance(value, type):
        told = sorted(value.get_params(deep=False).items())
        of = ", ".join(f"{name}={_settings(one)}" for name, one in told)
        return f"{type(value).__module__}.{type(value).__qualname__}({of})"
    if callable(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', repr(value))}"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
