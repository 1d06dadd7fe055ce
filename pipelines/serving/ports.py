"""Where predictions are kept and published."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.core.records import (
        ScoringRun,
    )
    from pipelines.serving.rendezvous import ContenderResult


class PredictionStore(Protocol):
    """Published predictions: staged, audited, then one move of a pointer."""

    def agree(self, key: Sequence[str]) -> None:
        """Keep the columns that name an event; raises ConfigError when those that are kept are others."""
        ...

    def acquire_token(self, day: date) -> int:
        """A token for publishing the day: whoever claims later overtakes whoever claimed earlier."""
        ...

    def publish(self, run: ScoringRun, predictions: pd.DataFrame, token: int) -> tuple[str, bool]:
        """Stage, audit and publish a day's predictions: (run id that is published, whether it is new).

        `predictions` has event_key and score, unique and not null, in key order, with the contender
        and model_version that answer. `token` was claimed before anything was read that the scores
        depend on. Raises DataError when the audit fails and BusyError when a later token has
        published; the day's earlier publication then stays.
        """
        ...

    def published(self, day: date, *, first: bool = False) -> ScoringRun | None:
        """The run whose predictions of the day are current; or the one that was published first."""
        ...

    def check(self, run: ScoringRun) -> None:
        """Raise DataError unless what is kept of a published run is what it published."""
        ...

    def roll_back(self, day: date) -> ScoringRun:
        """Point the day to the run that was published before. Raises GateRefused when there is none."""
        ...

    def predictions(self, first: date, last: date) -> pd.DataFrame:
        """Rows of prediction_current, with `label` where the outcome is known, NaN elsewhere, and
        `excluded`: why there will be none.
        """
        ...


class ContenderScores(Protocol):
    """What every contender said, beside what was published."""

    def save_contender_scores(
        self, run: ScoringRun, token: int, fared: Sequence[ContenderResult]
    ) -> None:
        """Keep how every contender fared beside the run that was published, and all their scores."""
        ...

    def scores(self, first: date, last: date) -> pd.DataFrame:
        """All that contenders said beside the published runs: day, event_key, contender, model_version,
        score, answers (whether it is the published one), label, excluded and known_at. Raises DataError
        when scores are not those that a contender gave.
        """
        ...
