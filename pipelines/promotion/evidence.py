"""Evidence that one model is better than another, gathered day by day: valid whenever one looks.

Whoever asks every night whether an interval lies above 0 promotes one of two equal models within a year
nearly always. The evidence here may be looked at after every day: of two models that are equally good it
reaches 1/alpha with a probability of at most alpha, however long it goes on (Ville's inequality).

The gain of a block of days is divided by the root mean square of the blocks before it: z. A bet of size
b on the block multiplies the evidence by exp(bz) / cosh(bz). If z is as likely as -z, given the past,
that is 1 on average, whatever its tails: an e-process for a symmetric variable (Ramdas, Grünwald, Vovk &
Shafer 2023, Statistical Science 38; forecasters compared so: Choe & Ramdas 2023, Operations Research).
It is never below the exp(bz - b²z²/2) of self-normalised sums (de la Peña, Lai & Shao 2009), as
cosh(x) <= exp(x²/2). How far z lies from 0 is not known before, so several sizes of the bet are
averaged. Days that are alike with their neighbours are what blocks are for; for what is left of it only
`STAKE` of 1 is ever bet. `benchmarks/gate.py` measures what that is worth.
"""

from __future__ import annotations

import numpy as np

BLOCK = 3  # days whose mean gain is one observation
BURN = 2  # blocks from which the scale is learned before anything is bet
BETS = (0.25, 0.5, 1.0, 2.0)  # how much is bet on a block, in units of its scale
STAKE = 0.4  # where the evidence begins; the rest of 1 is never bet


def gains(champion: np.ndarray, challenger: np.ndarray, min_lift: float = 0.0) -> np.ndarray:
    """By how much a challenger's loss of each day is lower than the champion's, beyond `min_lift`.

    `champion` and `challenger` are mean losses, of shape (..., days); `min_lift` is a share of the
    champion's loss, of either sign.
    """
    return np.asarray(champion - challenger - min_lift * np.abs(champion))


def evidence(gained: np.ndarray) -> np.ndarray:
    """The evidence after each day that the gains are above 0 on average; of the same shape.

    `gained` is of shape (..., days), in the order of the days: what a day's answers, given before its
    outcomes were known, gained. Every day counts once, when its block is complete.
    """
    gained = np.asarray(gained, dtype=float)
    days = gained.shape[-1]
    blocks = days // BLOCK
    shape = (*gained.shape[:-1], blocks, BLOCK)
    wealth = _wealth(gained[..., : blocks * BLOCK].reshape(shape).mean(axis=-1))
    after_blocks = np.concatenate([np.ones((*gained.shape[:-1], 1)), wealth], axis=-1)
    return STAKE * after_blocks[..., np.arange(1, days + 1) // BLOCK]


def _wealth(means: np.ndarray) -> np.ndarray:
    """What a stake of 1 has become after each block, on average of all bets."""
    counts = np.arange(1, means.shape[-1] + 1)
    scales = np.sqrt(np.cumsum(means**2, axis=-1) / counts)
    z = np.zeros_like(means)
    before = scales[..., BURN - 1 : -1]
    np.divide(means[..., BURN:], before, out=z[..., BURN:], where=before > 0)
    bets = np.array(BETS).reshape(-1, *(1 for _ in means.shape))
    grown = np.cumsum(np.log(2) - np.logaddexp(0, -2 * bets * z), axis=-1)
    return np.asarray(np.exp(np.minimum(grown, 600)).mean(axis=0))


def decided_after(found: np.ndarray, alpha: float) -> int | None:
    """After how many days the evidence has first reached 1/alpha; None if it has not.

    `found` is the evidence after each day, of shape (days,).
    """
    reached = np.flatnonzero(found >= 1 / alpha)
    return int(reached[0]) + 1 if len(reached) else None
