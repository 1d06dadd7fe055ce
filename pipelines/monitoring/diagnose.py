"""What is wrong, if anything: the inputs, the model, or the world. The canary tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.monitoring.degradation import PerformanceTrend

Cause = Literal["as ever", "moved inputs", "broken model", "changed world", "unclear"]


@dataclass(frozen=True)
class Diagnosis:
    """The likeliest cause, why it is thought so, and how far beyond its limit the strongest sign is."""

    cause: Cause
    reason: str
    strength: float = 0.0


def diagnose(
    drifted: Sequence[str],
    champion: PerformanceTrend | None,
    canary: PerformanceTrend | None,
    untold: Sequence[str] = (),
) -> Diagnosis:
    """The cause of what is seen: features that have drifted, and the courses of two models.

    The canary never changes and is asked about the same inputs, so it is the ruler (Dunning & Friedman
    2017, Machine Learning Logistics, ch. 4). What the champion alone shows is its own fault. What both
    show is that of the inputs, if they have moved, and of the world, if they have not. Scores of both
    that move and lose nothing follow inputs within what their past explains, unless there are `untold`
    ones: far away, with too little history to explain it. Without a canary, or with one of which nobody
    knows what it has lost, a broken model and a changed world look alike, and that is said.
    """
    if champion is None or not champion.is_off:
        return _without_loss(drifted, champion)
    if champion.has_lost and canary is not None and canary.lost is None and not canary.is_off:
        canary = None
    if canary is not None and not canary.is_off:
        also = f"; {_names(drifted)} moved too: does only the champion use it?" if drifted else ""
        reason = f"{champion.words}, while {canary.words} on the same inputs{also}"
        return Diagnosis("broken model", reason, champion.strength)
    words = champion.words + (f", and {canary.words}" if canary else "")
    if drifted:
        return Diagnosis(
            "moved inputs", f"{words}, and these moved: {_names(drifted)}", champion.strength
        )
    if canary is None:
        reason = f"{words}; without a canary that can be judged nobody can say whether it is the model or the world"
        return Diagnosis("unclear", reason, champion.strength)
    return _of_both(words, champion, canary, untold)


def _of_both(
    words: str, champion: PerformanceTrend, canary: PerformanceTrend, untold: Sequence[str]
) -> Diagnosis:
    """Both are off, and no input has drifted as far as anybody can tell."""
    if untold:
        reason = f"{words}; there is not enough history to tell whether {_names(untold)} moved"
        return Diagnosis("unclear", reason, champion.strength)
    if not champion.has_lost and not canary.has_lost:
        reason = f"{words}: alike, and no input has moved further than its past explains"
        return Diagnosis("as ever", reason)
    cause: Cause = "changed world" if champion.has_lost and canary.has_lost else "unclear"
    return Diagnosis(cause, f"{words}, while no input has moved", champion.strength)


def _without_loss(drifted: Sequence[str], champion: PerformanceTrend | None) -> Diagnosis:
    if not drifted:
        return Diagnosis("as ever", "no input has moved, and the champion answers as ever")
    so_far = f"; {champion.words} so far" if champion else ""
    return Diagnosis("moved inputs", f"unlike the training data: {_names(drifted)}{so_far}")


def _names(drifted: Sequence[str]) -> str:
    more = f" and {len(drifted) - 3} more" if len(drifted) > 3 else ""
    return ", ".join(drifted[:3]) + more
