"""Where outcomes, metrics and incidents are kept, and how people are reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol

from pipelines.data.ports import QuarantineLog
from pipelines.promotion.ports import EvidenceStore, Ledger
from pipelines.serving.ports import ContenderScores, PredictionStore
from pipelines.training.ports import TuningStore

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.core.records import (
        Amount,
        Incident,
        Partition,
    )
    from pipelines.monitoring.drift import Outlier


class OutcomeStore(Protocol):
    """How published events ended."""

    def settle(self, outcomes: pd.DataFrame) -> int:
        """Keep outcomes (day, event_key, label, excluded, known_at); the number that was new or changed."""
        ...

    def unsettled(self, before: date) -> list[date]:
        """Published days before that one of which no outcome is kept, oldest first."""
        ...


class MetricStore(Protocol):
    """Metrics of days, and rows that are kept to look at later."""

    def write_metrics(self, day: date, metrics: Mapping[str, Mapping[str, Amount]]) -> None:
        """Keep a day's metrics by subject (a contender, a feature, the scores) and name."""
        ...

    def read_metrics(
        self, first: date, last: date, subjects: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Kept metrics, all or of these subjects: day, subject, metric, value, and low and high of those
        with an interval, in the order of this key.
        """
        ...

    def keep_rows(
        self,
        table: Partition,
        samples: Mapping[str, Mapping[str, object]],
        outliers: Sequence[Outlier],
    ) -> None:
        """Keep features of some events of a features table, by key, and its outliers: for post-mortems."""
        ...


class IncidentStore(Protocol):
    """What was out of order, and what people were told of it."""

    def incidents(self, since: date) -> list[Incident]:
        """What was out of order on a day since then, or later, oldest first."""
        ...

    def upsert_incidents(self, incidents: Sequence[Incident]) -> None:
        """Keep incidents, in place of what was kept of them."""
        ...


class Warehouse(
    PredictionStore,
    ContenderScores,
    OutcomeStore,
    Ledger,
    EvidenceStore,
    MetricStore,
    IncidentStore,
    TuningStore,
    QuarantineLog,
    Protocol,
):
    """The database of predictions, outcomes, metrics and the ledger."""


class Notifier(Protocol):
    """How people are reached."""

    def tell(self, title: str, text: str) -> str:
        """Send a message; by which ways it left, or nothing when there is none. Raises TemporaryError."""
        ...
