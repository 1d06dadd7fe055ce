"""One thing that somebody should look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

ANSWERING = ("champion", "version")  # whose answers are nobody's worry
AlertKind = Literal[
    "stage failed",
    "validate failed",
    "score failed",
    "still running",
    "another answered",
    "champion withheld",
    "nights missing",
    "recipe failed",
    "settle failed",
    "outcomes missing",
    "test set shrunk",
    "leak",
    "broken model",
    "changed world",
    "moved inputs",
    "unclear",
    "harm",
    "old champion",
    "off",
    "worth less than nothing",
    "lost discrimination",
    "drift",
    "promotion refused",
]


@dataclass(frozen=True)
class Alarm:
    """One thing to look at. The same subject on another night is the same thing, still there.

    `strength` is how far beyond its limit it is, as an effect: more rows do not make it stronger.
    What is urgent is told whatever the budget.
    """

    subject: str
    sentence: str
    command: str
    strength: float = 1.0
    urgent: bool = False
    kind: AlertKind = field(kw_only=True)
