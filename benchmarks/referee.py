"""How often the simplest sufficient candidate is chosen, in worlds whose truth is known.

    python -m benchmarks.referee [--worlds 100] [--seed 7] [--events 150]

In the linear worlds the log odds add up, so the linear model is as good as any. In the bent ones a feature
counts by how far it is from its middle, and in the joint ones only where another is above 0: the linear
model cannot say so. The candidates are those of the reference problem, compared by the code of the night
with the settings of params.yaml.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.core.config import TrainParams, read_params
from pipelines.problem import PROBLEM
from pipelines.problem.model import RECIPES
from pipelines.training.choice.scoreboard import choose_candidate
from pipelines.training.examples import Examples, FeatureType
from pipelines.training.recipes import Attempts

FIRST, DAYS = np.datetime64("2013-01-01"), 150
NOISE = 5  # further numbers that say nothing
SCHEMA: Mapping[str, FeatureType] = {
    "told": "number",
    "faint": "number",
    **{f"noise{n}": "number" for n in range(NOISE)},
    "place": "category",
}
Truth = Callable[[np.ndarray, np.ndarray], np.ndarray]


def linear(told: np.ndarray, faint: np.ndarray) -> np.ndarray:
    """Log odds that add up."""
    return told + 0.3 * faint


def bent(told: np.ndarray, faint: np.ndarray) -> np.ndarray:
    """Far from the middle counts, on either side."""
    return 1.5 * np.abs(told) - 1.2 + 0.3 * faint


def joint(told: np.ndarray, faint: np.ndarray) -> np.ndarray:
    """One feature counts, twice as much, only where another is above 0."""
    return 2 * told * (faint > 0)


WORLDS: Mapping[str, tuple[Truth, str]] = {
    "linear": (linear, RECIPES[0].name),
    "bent": (bent, RECIPES[1].name),
    "joint": (joint, RECIPES[1].name),
}


def events(truth: Truth, per_day: int, seed: int) -> Examples:
    """Numbers and a category, a level of each day's own, and labels drawn from the log odds."""
    rng = np.random.default_rng(seed)
    count = DAYS * per_day
    numbers = rng.normal(size=(count, 2 + NOISE))
    place = rng.integers(0, 5, count)
    mood = np.repeat(rng.normal(0, 0.2, DAYS), per_day)
    odds = -1.2 + truth(numbers[:, 0], numbers[:, 1]) + 0.2 * (place - 2) + mood
    days = np.repeat(FIRST + np.arange(DAYS), per_day)
    frame = pd.DataFrame(numbers, columns=[n for n, kind in SCHEMA.items() if kind == "number"])
    return Examples(
        SCHEMA,
        frame.assign(place=[f"p{n}" for n in place]),
        (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(float),
        days,
        days.astype("datetime64[us]"),
    )


def chosen(name: str, per_day: int, seed: int, params: TrainParams) -> str:
    """Which candidate is chosen in one world."""
    examples = events(WORLDS[name][0], per_day, seed)
    return choose_candidate(Attempts(RECIPES), PROBLEM, params, examples).chosen


def main() -> None:
    """Print how often each candidate is chosen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--events", type=int, default=150, help="a day")
    asked = parser.parse_args()
    params = read_params(Path(__file__).parents[1] / "params.yaml").train
    alone = params.model_copy(update={"threads": 1})
    for name, (_, right) in WORLDS.items():
        found = Counter(
            chosen(name, asked.events, asked.seed + n, alone) for n in range(asked.worlds)
        )
        told = ", ".join(f"{recipe.name} {found[recipe.name]}" for recipe in RECIPES)
        print(f"{name:10} worlds, {asked.worlds}: {told}; {right} should be", flush=True)


if __name__ == "__main__":
    main()
