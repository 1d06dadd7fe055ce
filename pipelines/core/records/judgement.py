"""Records of how models did, and what the gate made of it."""

from __future__ import annotations

import json
from datetime import date
from typing import Literal

from pydantic import JsonValue

from pipelines.core.records.base import Interval, Record
from pipelines.core.records.models import Blessing, Learned

TaskName = Literal["binary", "regression"]


class Refit(Record):
    """How the model that is to serve, fitted on all days, answers on the test days it has seen."""

    trained_until: date
    mean: float  # score; the held-out fit's is …
    held_out_mean: float
    distance: float  # of both fits' scores, over the spread of the held-out fit's; levels aside
    gain: Interval  # in the task's loss, over the held-out fit


class SliceGain(Record):
    """How much better one model is than another on the events that share a value."""

    name: str  # of the slice, such as origin=EWR
    events: int
    days: int  # on which there are any
    gain: float  # in the task's loss
    error: float  # standard error of the gain, by resampling its days
    loss: float  # the other's


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
    slices: dict[str, tuple[SliceGain, ...]] = {}  # opponent → slices; of candidates
    # Mean score, mean label and number of events, of tenths of the events by score; none: an older record.
    calibration: tuple[tuple[float, float, int], ...] = ()


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


class Evidence(Record):
    """The figures that a version was judged on: what it was blessed with is what it promises."""

    day: date  # of the night that judged it
    first_test_day: date
    last_test_day: date
    rows: int  # events of the test days
    figures: Evaluated | None  # of its held-out fit on them; None: it was not measured


class DayLoss(Record):
    """What a contender lost on one settled day, by an answer given before an outcome of it was kept."""

    day: date
    contender: str
    line: str | None  # of its version; the baseline has none
    model_version: str | None
    loss: float  # the task's, of an event, on average
    events: int  # with an outcome
    counted_on: date  # the night that counted the day; no later one counts it again


class Claim(Record):
    """How much evidence there is that something is better than the champion."""

    of: str  # a line, or a contender whose model is not tonight's
    evidence: float  # the most that there has been, of …
    needed: float  # … what decides
    days: int  # counted, since the champion's line came
    gain: float  # mean of the days' gains, as a share of the champion's loss
    version: str | None  # that answered on the last day
    curve: tuple[tuple[date, float], ...]  # evidence after each of the last days

    @property
    def reached(self) -> bool:
        """Whether it is proven."""
        return self.evidence >= self.needed

    def __str__(self) -> str:
        return (
            f"evidence {self.evidence:.3g} of {self.needed:g} after {self.days} "
            f"day{'s' * (self.days != 1)}, on which its loss was {abs(self.gain):.2%} "
            f"{'lower' if self.gain >= 0 else 'higher'}"
        )


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
    champion_line: str | None = None
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
    may_serve: dict[str, str] = {}  # tonight's blessed candidates and their versions
    contenders: dict[str, str] = {}  # tonight's candidates that load: all of them are asked
    lost: dict[str, str] = {}  # blessed candidate → why it must not replace the champion
    claims: tuple[Claim, ...] = ()  # of tonight's lines against the champion's, the strongest first
    harm: tuple[Claim, ...] = ()  # of those whose place the champion has, against it
    withdrawn: str | None = None  # the line that the champion's place was given back to tonight
    mended: tuple[str, ...] = ()  # versions whose tags said otherwise than the warehouse
