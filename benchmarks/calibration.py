"""How often the gate's calibration floor refuses scores that are right, and scores that are wrong by plan.

    python benchmarks/calibration.py [--worlds 200]

Worlds of 28 days whose log odds are known, with or without a mood of each day that nobody can foretell.
The scores are the true probabilities, or these with their log odds shifted (all too high) or stretched
(too sure of themselves). The baseline says the true rate. The floor is asked with the debiased error that the
gate uses, and beside it with the plain error of ten bins, which it used before.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from pipelines.metrics.bootstrap import day_weights, interval
from pipelines.metrics.classification import BINS, ScoredEvents, calibration_error

DAYS, CENTRE, LIMIT, RESAMPLES = 28, -1.5, 0.03, 300
SIZES = (300, 672, 3000, 20_000)
PLANTED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "right": lambda logits: logits,
    "shifted by 0.2": lambda logits: logits + 0.2,
    "shifted by 0.4": lambda logits: logits + 0.4,
    "shifted by 0.8": lambda logits: logits + 0.8,
    "stretched 1.5 ×": lambda logits: CENTRE + 1.5 * (logits - CENTRE),
    "stretched 2 ×": lambda logits: CENTRE + 2 * (logits - CENTRE),
}


def plain_error(scored: ScoredEvents, weights: np.ndarray) -> np.ndarray:
    """Mean absolute error of ten bins, as it is."""
    edges = np.quantile(scored.scores, np.linspace(0, 1, BINS + 1)[1:-1])
    cell = np.searchsorted(edges, scored.scores, "right") * scored.n_days + scored.days
    gaps = np.bincount(cell, weights=scored.labels - scored.scores, minlength=BINS * scored.n_days)
    counts = weights @ scored.by_day(np.ones(len(cell)))
    return np.asarray(np.abs(weights @ gaps.reshape(BINS, -1).T).sum(axis=1) / counts)


RULES = {"plain": plain_error, "debiased": calibration_error}


def expit(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logits)))


def world(
    seed: int, n_events: int, mood: float, planted: str
) -> tuple[ScoredEvents, ScoredEvents, float]:
    """The model's and the baseline's scores of a world's events, and how far the model's are off."""
    rng = np.random.default_rng(seed)
    days = np.sort(np.arange(n_events) % DAYS)
    logits = rng.normal(CENTRE, 0.8, n_events)
    moods = rng.normal(0, mood, DAYS)[days]
    labels = (rng.random(n_events) < expit(logits + moods)).astype("float64")
    said, true = expit(PLANTED[planted](logits)), expit(logits)
    model, rate = (
        ScoredEvents(labels, scores, labels, days, DAYS)
        for scores in (said, np.full(n_events, true.mean()))
    )
    return model, rate, float(np.sqrt(np.mean((said - true) ** 2)))


def row(n_worlds: int, n_events: int, mood: float, planted: str) -> str:
    off, found = 0.0, {name: np.zeros(3) for name in RULES}
    for seed in range(n_worlds):
        model, rate, by = world(seed, n_events, mood, planted)
        off += by / n_worlds
        weights = day_weights(DAYS, RESAMPLES, seed)
        for name, error in RULES.items():
            mine, other = error(model, weights), error(rate, weights)
            gain = interval(other - mine, DAYS)
            refused = gain.high < 0 and -gain.mid > LIMIT
            found[name] += np.array([mine[0], other[0], refused]) / n_worlds
    told = " | ".join(f"{m:.3f} | {b:.3f} | {r * 100:.0f} %" for m, b, r in found.values())
    return f"| {planted} | {mood:g} | {n_events:,} | {off:.3f} | {told} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=200)
    asked = parser.parse_args()
    print("| scores | mood | events | off by | plain: model | rate | refused | debiased: model | rate | refused |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    for planted in PLANTED:
        for mood in (0.0, 0.3):
            for n_events in SIZES:
                print(row(asked.worlds, n_events, mood, planted), flush=True)


if __name__ == "__main__":
    main()
