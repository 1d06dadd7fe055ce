"""Records of models: tonight's candidates, the registry's versions, and what is kept of both."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Literal

from pipelines.core.records.base import Interval, Record


class Learned(Record):
    """What a registered version learned from, as training knew it; MLflow's tags of it are for people."""

    candidate: str  # its recipe
    trained_until: date  # last day that the model which serves has seen
    features: tuple[str, ...]
    meanings: dict[str, str]  # feature → hash of its declaration
    held_out_sha256: str  # of the file of the fit that its evidence comes from …
    held_out_until: date  # … and the last day that one learned from
    spec: str = ""  # hash of how it is made; none: an older version


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
    spec: str = ""  # hash of how it is made, whatever the data: estimator, settings, features

    @property
    def line(self) -> str:
        """The name of all versions that are made alike, on newer and newer data."""
        return f"{self.name}@{self.spec}"

    @property
    def learned(self) -> Learned | None:
        """What its version is to be held against; None when the record is too old to know."""
        names = Learned.model_fields.keys() - {"candidate"}
        known = {name: getattr(self, name) for name in names}
        return Learned(candidate=self.name, **known) if self.features else None


class CandidateScore(Record):
    """A line of the scoreboard: a candidate's fit on the days before the fold, measured on the fold."""

    name: str
    loss: Interval  # on the fold's days
    behind: Interval | None  # what the best candidate gains over it there; None: it is the best
    best_in: float  # share of the resamples of whole days in which it is the best
    gap: float  # how much worse it does on the fold than on the days that it learned from
    fit_seconds: float
    score_microseconds: float  # a row
    bytes: int  # of its file
    leaves: int  # of its trees
    weights: int  # numbers that it holds beside them
    curve: tuple[tuple[int, float], ...]  # days learned from, and the loss on the fold then


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
    # Those that were compared, simplest first; none: there was only one, or the record is an older one.
    scoreboard: tuple[CandidateScore, ...] = ()


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
    spec: str = ""  # hash of how it is made; none: an older version, or one that nobody judged

    @property
    def line(self) -> str:
        """The name of all versions that are made alike, on newer and newer data."""
        return f"{self.candidate}@{self.spec}"


class Tuned(Record):
    """Settings that a search found for a model spec; with them it is a candidate of its own."""

    spec: str
    found_on: date
    settings: dict[str, bool | int | float | str | None]

    @property
    def name(self) -> str:
        """The candidate's; the same settings have the same name, whenever they are found."""
        told = json.dumps(self.settings, sort_keys=True)
        return f"{self.spec}-tuned-{hashlib.sha256(told.encode()).hexdigest()[:6]}"


class Tuning(Record):
    """What is a candidate from the night of a search on, and what came of the search."""

    day: date
    tuned: tuple[Tuned, ...]
    told: dict[str, str]  # spec → in a sentence


class LedgerEntry(Record):
    """One move of the champion."""

    version: str
    before: str | None
    actor: str  # gate, command line, or mlflow: whoever moved the alias there
    reason: str
    # refused: the alias points to a version that may not serve; gone: it, or its version, was deleted
    # released: rows of a table's day came back from quarantine; `version` names them
    kind: Literal["promoted", "rolled back", "refused", "gone", "released"] = "promoted"


class Blessing(Record):
    """Whether a model passed, and why."""

    passed: bool
    reason: str
