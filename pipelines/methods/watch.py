"""What the report of a night is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from pipelines.core.records import (
    Candidates,
    Evaluation,
    Landed,
    Publication,
    Settlement,
    Validation,
    Verdict,
)
from pipelines.methods.drift import Drift
from pipelines.methods.quality import Quality
from pipelines.methods.task import Task


@dataclass(frozen=True)
class Night:
    """The records of one night, as far as its stages ran, and what made it."""

    day: date
    landed: Landed | None
    validation: Validation | None
    candidates: Candidates | None
    evaluation: Evaluation | None
    verdict: Verdict | None
    publication: Publication | None
    settlement: Settlement | None
    code: Mapping[str, str]


@dataclass(frozen=True)
class Watched:
    """What monitoring found."""

    task: Task
    scores: pd.Series  # of the day
    known: pd.DataFrame  # published scores of recent days with a label
    quality: Sequence[Quality]  # of these days
    pooled: Mapping[str, float]  # of all of them together
    drift: Sequence[Drift]
    psi_alert: float
    psi_days: int

    @property
    def drifted(self) -> list[Drift]:
        """Features that are further away than they should be."""
        return [drift for drift in self.drift if drift.is_above(self.psi_alert)]
