"""What the report of a night is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from pipelines.core.records import (
    Amount,
    Candidates,
    Evaluation,
    Landed,
    Publication,
    Settlement,
    Validation,
    Verdict,
)
from pipelines.methods.drift import Drift
from pipelines.methods.maturity import Ripeness
from pipelines.methods.quality import Quality
from pipelines.methods.slices import Slice
from pipelines.methods.standing import Standing
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
    standings: Sequence[Standing]  # on these days: of what was published, then of each contender
    shares: Sequence[Standing]  # of champion and challenger, where they shared the keys
    slices: Sequence[Slice]
    maturity: Sequence[Ripeness]
    drift: Sequence[Drift]
    psi_alert: float
    psi_days: int

    @property
    def pooled(self) -> Mapping[str, Amount]:
        """Metrics of all that was published on these days."""
        return self.standings[0].metrics if self.standings else {"events": 0.0}

    @property
    def drifted(self) -> list[Drift]:
        """Features that are further away than they should be."""
        return [drift for drift in self.drift if drift.is_above(self.psi_alert)]
