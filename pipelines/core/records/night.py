"""Records of what a night published, settled and told; and which stage leaves which record."""

from __future__ import annotations

from datetime import date

from pipelines.core.records.base import Record
from pipelines.core.records.data import FeatureTable, IngestResult, Validation
from pipelines.core.records.judgement import Evaluation, Verdict
from pipelines.core.records.models import Candidates


class ScoringRun(Record):
    """Who scores a day, on what, and why."""

    day: date
    run_id: str  # fingerprint of the inputs and the model: the same work has the same id
    answered_by: str
    model_version: str | None
    model_sha256: str | None
    trained_until: date | None  # last day the model learned from
    features_sha256: str
    data_version: str
    reason: str
    events: int
    checksum: str  # SHA-256 over keys and scores, in key order
    landed: int | None = None  # rows of events, as far as the lake knows them …
    quarantined: int | None = None  # … and how many of them were put aside
    rollout: str | None = None  # why some events are answered by another than `answered_by`


class ContenderSummary(Record):
    """How one contender did in a rendezvous."""

    contender: str
    model_version: str | None
    outcome: str  # answered, refused, absent, late, crashed, out of memory, invalid
    reason: str


class Publication(Record):
    """score: the day's predictions, as published."""

    day: date
    run_id: str
    events: int
    scored: int
    answered_by: str  # of score.fallback_order; or `version`, if asked for by number
    model_version: str | None
    model_sha256: str | None
    trained_until: date | None  # last day the model learned from
    reason: str
    checksum: str  # SHA-256 over keys and scores, in key order
    republished: bool  # False: this very publication was there already
    rollout: str | None = None  # why some events were answered by another than `answered_by`
    contenders: tuple[ContenderSummary, ...] = ()  # by name


class Settlement(Record):
    """settle: outcomes that arrived, joined to what was predicted."""

    day: date
    settled: dict[str, int]  # day of the event → outcomes known
    unlabelled: dict[str, int]  # reason → events without a label
    late: tuple[date, ...] = ()  # of the settled days, those that earlier nights had left out
    waiting: int = 0  # more such days, for the next nights
    counted: tuple[date, ...] = ()  # days that are evidence from this night on


class Incident(Record):
    """Something out of order, for as long as it is noticed without a longer pause: told once."""

    subject: str  # what it is about: the same subject again is the same incident
    first_day: date
    last_day: date  # on which it was noticed
    strength: float  # how far beyond its limit, at its worst; 1 is the limit
    sentence: str
    command: str  # the next one to run
    urgent: bool = False  # told whatever the budget
    told: str = "new"  # sending, sent, or why nobody was told
    told_on: date | None = None
    resolved_on: date | None = None  # the day whose night, looked at again, no longer had it


class Report(Record):
    """monitor: how the models and the data are doing, and where to read it."""

    day: date
    page: str  # below the root
    alerts: tuple[str, ...]
    metrics: dict[str, float]


# What each stage leaves in runs/<day>/<stem>.json; a stage that names the stem as an argument gets it.
ARTEFACTS: dict[str, type[Record]] = {
    "landed": IngestResult,
    "validation": Validation,
    "feature_table": FeatureTable,
    "candidates": Candidates,
    "evaluation": Evaluation,
    "verdict": Verdict,
    "publication": Publication,
    "settlement": Settlement,
    "report": Report,
}
