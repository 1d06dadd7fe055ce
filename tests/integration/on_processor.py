"""Fits and scores as the processor does that the environment names: `python on_processor.py FOLDER NAME`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.define.problem import ModelSpec
from pipelines.training.examples import Examples
from pipelines.training.model import fit
from pipelines.training.model_file import pack, unpack

REPOSITORY = Path(__file__).parents[2]
PROBLEMS = {
    "flights": REPOSITORY / "pipelines/problem/model.py",
    "rain": REPOSITORY / "tests/problems/rain/problem/model.py",
    "delay": REPOSITORY / "tests/problems/delay/problem/model.py",
}
N_EVENTS, N_SINGLE = 4000, 40


def recipes() -> Iterator[tuple[str, Any, ModelSpec]]:
    """The recipes of every problem: name, task, and what builds it."""
    for problem, path in PROBLEMS.items():
        spec = spec_from_file_location(f"recipes_of_{problem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        for recipe in module.RECIPES:
            task = "regression" if problem == "delay" else "binary"
            yield f"{problem}-{recipe.name}", task, recipe
    yield "numbers-logistic-regression", "binary", ModelSpec("logistic-regression", _of_numbers)


def _of_numbers(schema: Mapping[str, str], seed: int, threads: int) -> Any:
    """Nothing in it but numbers, as they are given."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    del threads
    numbers = [name for name, kind in schema.items() if kind == "number"]
    chosen = ColumnTransformer([("numbers", "passthrough", numbers)])
    return make_pipeline(
        chosen, SimpleImputer(), StandardScaler(), LogisticRegression(random_state=seed)
    )


def some_events(task: Any, seed: int) -> Examples:
    """Twelve numbers, some of them missing, and two categories; some of them matter."""
    generator = np.random.default_rng(seed)
    numbers = generator.normal(0, [10.0**power for power in range(-6, 6)], (N_EVENTS, 12))
    frame = pd.DataFrame(numbers).rename(columns="x{}".format)
    frame = frame.assign(
        x3=frame["x3"].where(generator.random(N_EVENTS) < 0.7),
        kind=generator.choice(["bus", "tram", "boat"], N_EVENTS),
        stop=generator.integers(0, 60, N_EVENTS).astype("str"),
    )
    strength = frame["x6"] + frame["x8"] / 100 + (frame["kind"] == "boat")
    noise = generator.normal(0, 1, N_EVENTS)
    labels = strength + noise if task == "regression" else strength + noise > 1
    days = np.datetime64("2013-01-01") + generator.integers(0, 30, N_EVENTS)
    schema: Any = dict.fromkeys(frame.columns, "number") | {
        "kind": "category",
        "stop": "category",
    }
    return Examples(
        schema, frame, labels.to_numpy("float64"), days, days.astype("datetime64[us]"), task
    )


def main(folder: Path, name: str) -> None:
    """Score with the models in the folder, fitting those that are not there; keep what came."""
    found: dict[str, np.ndarray] = {}
    for model, task, recipe in recipes():
        asked = some_events(task, seed=2).frame
        fitted = fit(recipe, some_events(task, seed=1), seed=1, threads=1)
        file = folder / f"{model}.model"
        if not file.exists():
            file.write_bytes(pack(fitted))
        loaded = unpack(fitted.form, file.read_bytes())
        found[f"{model} loaded"] = loaded.scores(asked)
        found[f"{model} backwards"] = loaded.scores(asked.iloc[::-1])[::-1]
        found[f"{model} alone"] = np.concatenate(
            [loaded.scores(asked.iloc[[row]]) for row in range(N_SINGLE)]
        )
        found[f"{model} fitted here"] = fitted.scores(asked)
        if fitted.form == "skops":
            found[f"{model} weights"] = np.ravel(fitted.estimator[-1].coef_)
    np.savez(folder / f"{name}.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
