"""How often evidence promotes one of two equal models within a year, and how soon a better one; how often
it says of an honest champion that it harms, and how soon of one that does.

    python benchmarks/gate.py [--worlds 4000] [--seed 7]

Daily gains are simulated: normal, or Student's t with 3 degrees of freedom, of standard deviation 1,
correlated with the day before's by 0 to 0.4. Beside the evidence stands the 95 % interval of the
mean of the last 28 days, asked every night. Harm is told when one of three others, whose losses are
correlated with each other only by the champion's, is proven better than it.
"""

from __future__ import annotations

import argparse

import numpy as np

from pipelines.promotion.evidence import evidence

YEAR, WINDOW, ALPHA = 365, 28, 0.05
WARM_UP = 50  # days before the first that counts, so that the correlation has settled
TAILS = {"normal": None, "t3": 3}
PLACES = 3  # the line before, the canary, the baseline


def worlds(
    n: int, days: int, correlation: float, tail: str, rng: np.random.Generator
) -> np.ndarray:
    """Gains of shape (n, days), of mean 0 and standard deviation 1."""
    shape, freedom = (n, days + WARM_UP), TAILS[tail]
    noise = (
        rng.standard_normal(shape)
        if freedom is None
        else rng.standard_t(freedom, shape) / np.sqrt(freedom / (freedom - 2))
    )
    found = noise.copy()
    for day in range(1, found.shape[1]):
        fresh = np.sqrt(1 - correlation**2) * noise[:, day]
        found[:, day] = correlation * found[:, day - 1] + fresh
    return found[:, WARM_UP:]


def by_evidence(gained: np.ndarray) -> np.ndarray:
    """The day of promotion in each world; infinite where there is none."""
    return _first(evidence(gained) >= 1 / ALPHA)


def by_window(gained: np.ndarray) -> np.ndarray:
    """The same by the interval of the last 28 days, normal, asked every night."""
    windows = np.lib.stride_tricks.sliding_window_view(gained, WINDOW, axis=1)
    low = windows.mean(-1) - 1.96 * windows.std(-1, ddof=1) / np.sqrt(WINDOW)
    return _first(low > 0) + WINDOW - 1


def by_harm(gained: np.ndarray) -> np.ndarray:
    """The day on which harm is told in each world, of gains of shape (places, worlds, days)."""
    return _first((evidence(gained) >= len(gained) / ALPHA).any(axis=0))


def harm_worlds(
    n: int, days: int, correlation: float, tail: str, rng: np.random.Generator
) -> np.ndarray:
    """What each of those whose place it has gains on a champion: shape (places, n, days), variance 1."""
    champion, *others = (worlds(n, days, correlation, tail, rng) for _ in range(PLACES + 1))
    return np.array([champion - other for other in others]) / np.sqrt(2)


def _first(reached: np.ndarray) -> np.ndarray:
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    show_promotions(asked.worlds, asked.seed)
    show_harm(asked.worlds, asked.seed)


def show_promotions(n: int, seed: int) -> None:
    """How often one of two equal models is promoted, and how soon a better one."""
    ways = {"evidence": by_evidence, "28-day interval": by_window}

    print(f"promoted within {YEAR} days though equal, share of {n} worlds")
    for tail in TAILS:
        for correlation in (0.0, 0.2, 0.4):
            rng = np.random.default_rng(seed)
            gained = worlds(n, YEAR, correlation, tail, rng)
            shares = (f"{name} {np.mean(way(gained) <= YEAR):6.1%}" for name, way in ways.items())
            print(f"  {tail:6}  correlation {correlation}  {'   '.join(shares)}")
    print("median days until a better one is promoted")
    for tail in TAILS:
        for lift in (0.2, 0.3, 0.5, 1.0):
            rng = np.random.default_rng(seed + 1)
            gained = worlds(n, 2 * YEAR, 0.0, tail, rng) + lift
            medians = (f"{name} {np.median(way(gained)):4.0f}" for name, way in ways.items())
            print(f"  {tail:6}  gain {lift} SD      {'   '.join(medians)}")


def show_harm(n: int, seed: int) -> None:
    """How often an honest champion is said to harm, and how soon one that does."""
    print(f"harm told within {YEAR} days of a champion as good as the {PLACES} others")
    for tail in TAILS:
        for correlation in (0.0, 0.2, 0.4):
            rng = np.random.default_rng(seed + 2)
            told = by_harm(harm_worlds(n, YEAR, correlation, tail, rng))
            print(f"  {tail:6}  correlation {correlation}  evidence {np.mean(told <= YEAR):6.1%}")
    print("median days until harm is told, of a champion worse than one of them")
    for tail in TAILS:
        for lift in (0.5, 1.0):
            rng = np.random.default_rng(seed + 3)
            gained = harm_worlds(n, 2 * YEAR, 0.0, tail, rng)
            gained[0] += lift
            print(f"  {tail:6}  by {lift} SD      evidence {np.median(by_harm(gained)):4.0f}")


if __name__ == "__main__":
    main()
