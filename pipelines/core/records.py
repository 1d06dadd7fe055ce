"""What stages hand to each other: frozen records that refuse what they do not know."""

from __future__ import annotations

import json
from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from pipelines.core.errors import DataError

TaskName = Literal["binary", "regression"]


class Record(BaseModel):
    """A frozen set of named values, kept as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def to_json(self) -> str:
        """The record's one spelling: equal records have equal bytes."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> Self:
        """Read a record back; raises DataError that names `where` it came from."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise DataError(
                f"{where}: not a {cls.__name__} record ({error.error_count()} problems, first: "
                f"{error.errors()[0]['msg']}); delete the file and run its stage again"
            ) from error


class Partition(Record):
    """One day of one dataset, at one revision. Without a file: it was asked for and not to be had."""

    dataset: str
    day: date
    revision: int
    rows: int
    sha256: str
    file: str  # below the data folder
    origin: str = ""  # what it was made from, if that matters to whoever made it
    night: date | None = None  # the night that made this revision current; None: it always was
    for_all: bool = (
        False  # fetched anew for all nights: what was known when, its rows' known_at says
    )

    @property
    def there(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.file)


class IngestResult(Record):
    """ingest: what arrived, and the version of all raw data after it."""

    day: date
    version: str  # the DVC version: MD5 of the whole of data/raw
    recorded: str  # where the version's pointer is kept: a git commit, or why there is none
    partitions: tuple[Partition, ...]  # every raw partition that this night needs
    new: int  # how many of them arrived with this night
    rows: dict[str, int]  # rows that arrived with this night, by table
    missing: tuple[str, ...] = ()  # "flights 2013-09-03": not to be had; the next night asks again


class Finding(Record):
    """One rule that was not met."""

    table: str
    day: date
    rule: str
    severity: Literal["critical", "warning", "info"]
    rows: int  # rows that break it; 0 for a rule about the whole table
    observed: str
    expected: str


class TableCheck(Record):
    """What validation decided about one partition."""

    table: str
    day: date
    landed: int
    accepted: int
    quarantined: int
    passed: bool
    source: str  # SHA-256 of the raw partition that was judged


class Validation(Record):
    """validate: which partitions may be used, and what was wrong with the rest."""

    day: date
    passed: bool
    reason: str
    checks: tuple[TableCheck, ...]
    findings: tuple[Finding, ...]


class FeatureTable(Record):
    """features: the kept table of the day, and of every earlier day that training may read."""

    day: date
    names: tuple[str, ...]  # the features, in declared order
    partition: Partition
    history: tuple[Partition, ...]  # earlier days' tables, oldest first
    fingerprint: str  # SHA-256 over the declaration and every partition named here
    meanings: dict[str, str] = {}  # feature → hash of its declaration

    @property
    def declared(self) -> dict[str, str]:
        """Every feature, with the hash of its declaration if it is known."""
        return {name: self.meanings.get(name, "") for name in self.names}


class Learned(Record):
    """What a registered version learned from, as training knew it; MLflow's tags of it are for people."""

    candidate: str  # its recipe
    trained_until: date  # last day that the model which serves has seen
    features: tuple[str, ...]
    meanings: dict[str, str]  # feature → hash of its declaration
    held_out_sha256: str  # of the file of the fit that its evidence comes from …
    held_out_until: date  # … and the last day that one learned from


class Candidate(Record):
    """A model trained tonight."""

    name: str
    version: str  # of the registered model
    sha256: str  # of its model file
    trained_until: date  # last day it learned from
    held_out_sha256: str  # of the same recipe's fit that has not seen the test days …
    held_out_until: date  # … and the last day that one learned from
    golden: tuple[float, ...]  # its scores of rows of the golden batch, as training computed them
    seconds: float
    metrics: dict[str, float]
    features: tuple[str, ...] = ()  # that it reads; none: an older record
    meanings: dict[str, str] = {}  # feature → hash of the declaration that it learned from

    @property
    def learned(self) -> Learned | None:
        """What its version is to be held against; None when the record is too old to know."""
        names = Learned.model_fields.keys() - {"candidate"}
        known = {name: getattr(self, name) for name in names}
        return Learned(candidate=self.name, **known) if self.features else None


class Candidates(Record):
    """train: tonight's models, simplest first, and the one that is put forward."""

    day: date
    run_id: str  # the night's MLflow run
    fingerprint: str  # of everything that training read
    chosen: str
    reason: str
    first_test_day: date  # from here on, no held-out fit has seen an outcome
    baseline: float  # its answer: the rate, or mean, of the labels learned from
    candidates: tuple[Candidate, ...]
    failed: dict[str, str] = {}  # recipe that could not be fitted or kept → why


class ModelVersion(Record):
    """A registered model, as far as the registry tells: whether it may serve, the warehouse says."""

    version: str
    store: str = ""  # which registry of all, whatever its address; the number is unique in …
    model: str = ""  # … this registered model of it
    candidate: str
    run_id: str
    sha256: str
    trained_until: date  # newest day that the model which serves has seen
    features: tuple[str, ...]
    meanings: dict[str, str] = {}  # feature → hash of its declaration; none: an older version
    shown: dict[str, str] = {}  # what its tags say of its blessings, which anybody may write
    unreadable: str = ""  # which of its facts is none that can be; then the others are not known
    held_out_sha256: str = (
        ""  # of the fit that its evidence comes from; empty: it is the one that serves
    )
    held_out_until: date | None = None


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


class LedgerEntry(Record):
    """One move of the champion."""

    version: str
    before: str | None
    actor: str  # gate, command line, or mlflow: whoever moved the alias there
    reason: str
    # refused: the alias points to a version that may not serve; gone: it, or its version, was deleted
    # released: rows of a table's day came back from quarantine; `version` names them
    kind: Literal["promoted", "rolled back", "refused", "gone", "released"] = "promoted"


class Interval(Record):
    """A number and the 95 % interval around it."""

    low: float
    mid: float
    high: float


Amount = float | Interval  # a metric, with its interval where there is one


class Refit(Record):
    """How the model that is to serve, fitted on all days, answers on the test days it has seen."""

    trained_until: date
    mean: float  # score; the held-out fit's is …
    held_out_mean: float
    distance: float  # of both fits' scores, over the spread of the held-out fit's; levels aside
    gain: Interval  # in the task's loss, over the held-out fit


class Evaluated(Record):
    """How one model, or a baseline, did on the test days."""

    name: str
    version: str  # of a registered model; a baseline has none
    trained_until: date | None
    metrics: dict[str, Interval]
    # Opponent → metric → how much better this one is, on the same draws of the same days: of candidates
    # over each baseline and the champion, of the champion over each baseline.
    gains: dict[str, dict[str, Interval]] = {}
    over_nothing: Interval | None = (
        None  # its value less that of never acting; None: no value is known
    )
    overfit: float | None = None  # how much worse on test days than on training days; of candidates
    refit: Refit | None = None  # of candidates


class Blessing(Record):
    """Whether a model passed, and why."""

    passed: bool
    reason: str


class Evidence(Record):
    """The figures that a version was judged on: what it was blessed with is what it promises."""

    day: date  # of the night that judged it
    first_test_day: date
    last_test_day: date
    rows: int  # events of the test days
    figures: Evaluated | None  # of its held-out fit on them; None: it was not measured


class BlessingEntry(Record):
    """One judgement of one version, as the warehouse keeps it. It is of exactly this file."""

    store: str
    model: str
    version: str
    sha256: str  # of its model file
    verdict: Literal["passed", "refused"]  # passed: it may serve
    quality: Blessing  # good enough to serve, by the gate's floors
    infra: Blessing  # loaded from the registry, it answered as in training
    evidence: dict[str, JsonValue]  # an Evidence, as the program that judged wrote it
    actor: str
    learned: Learned | None = None  # None: judged by a program that did not keep it

    @property
    def lacking(self) -> tuple[str, ...]:
        """The names of the blessings that it lacks; none: it may serve."""
        given = {"quality": self.quality.passed, "infra": self.infra.passed}
        lacking = tuple(name for name, passed in given.items() if not passed)
        return lacking or (() if self.verdict == "passed" else tuple(given))

    @property
    def promised(self) -> Evidence:
        """The figures that it was judged on. Raises DataError when another program wrote them otherwise."""
        where = f"blessing of version {self.version}"
        return Evidence.from_json(json.dumps(self.evidence), where)


class LeakCheck(Record):
    """Whether one net of the leak gate caught something."""

    net: Literal["feature", "day", "time", "shuffle"]
    subject: str  # the feature, or what else was looked at, that came nearest to the limit
    found: float
    limit: float
    passed: bool
    reason: str


class Evaluation(Record):
    """evaluate: every contender on the same unseen days."""

    day: date
    run_id: str
    first_test_day: date
    last_test_day: date
    rows: int
    models: tuple[Evaluated, ...]  # candidates, simplest first, then champion, then baselines
    chosen: str  # on the fold, before anybody looked at the test days
    champion: str | None  # version
    comparable: bool
    reason: str  # why not: it has seen the test days, or cannot score them
    outdated: bool = (
        False  # the champion's features are declared otherwise now, or not: it cannot answer
    )
    task: TaskName = "binary"
    leaks: tuple[LeakCheck, ...] = ()
    unanswered: dict[str, str] = {}  # candidate that could not be measured → why

    @property
    def baselines(self) -> tuple[Evaluated, ...]:
        """What answers without a model."""
        return tuple(model for model in self.models if not model.version)

    @property
    def candidates(self) -> tuple[Evaluated, ...]:
        """Tonight's models, simplest first."""
        return tuple(model for model in self.models if model.overfit is not None)

    def model(self, name: str) -> Evaluated | None:
        """What was measured under a name."""
        return next((model for model in self.models if model.name == name), None)


class Verdict(Record):
    """promote: what the gate decided, why, and on what evidence."""

    day: date
    version: str
    candidate: str
    blessed: bool  # may serve
    outcome: Literal["champion", "challenger", "kept", "refused"]
    reason: str
    champion: str | None  # the version that serves after this verdict
    evidence: dict[str, float]
    withheld: str | None = None  # why that champion's answers are not published tonight
    mended: tuple[str, ...] = ()  # versions whose tags said otherwise than the warehouse


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
