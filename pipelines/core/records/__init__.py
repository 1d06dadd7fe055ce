"""What stages hand to each other: frozen records that refuse what they do not know."""

from __future__ import annotations

from pipelines.core.records.base import Amount, Interval, Record
from pipelines.core.records.data import (
    FeatureTable,
    Finding,
    IngestResult,
    Partition,
    TableCheck,
    Validation,
)
from pipelines.core.records.judgement import (
    BlessingEntry,
    Claim,
    DayLoss,
    Evaluated,
    Evaluation,
    Evidence,
    LeakCheck,
    Refit,
    SliceGain,
    TaskName,
    Verdict,
)
from pipelines.core.records.models import (
    Blessing,
    Candidate,
    Candidates,
    Learned,
    LedgerEntry,
    ModelVersion,
    Tuned,
    Tuning,
)
from pipelines.core.records.night import (
    ARTEFACTS,
    ContenderSummary,
    Incident,
    Publication,
    Report,
    ScoringRun,
    Settlement,
)

__all__ = [
    "ARTEFACTS",
    "Amount",
    "Blessing",
    "BlessingEntry",
    "Candidate",
    "Candidates",
    "Claim",
    "ContenderSummary",
    "DayLoss",
    "Evaluated",
    "Evaluation",
    "Evidence",
    "FeatureTable",
    "Finding",
    "Incident",
    "IngestResult",
    "Interval",
    "LeakCheck",
    "Learned",
    "LedgerEntry",
    "ModelVersion",
    "Partition",
    "Publication",
    "Record",
    "Refit",
    "Report",
    "ScoringRun",
    "Settlement",
    "SliceGain",
    "TableCheck",
    "TaskName",
    "Tuned",
    "Tuning",
    "Validation",
    "Verdict",
]
