"""What monitoring finds in a night, and which of it is kept as metrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from pipelines.core.config import MonitorParams
from pipelines.core.dates import Gap
from pipelines.core.records import (
    Amount,
    Candidates,
    Evaluation,
    IngestResult,
    Publication,
    Settlement,
    Validation,
    Verdict,
)
from pipelines.define.problem import Problem
from pipelines.evaluation.test_set_size import SUBJECT as JUDGED
from pipelines.evaluation.test_set_size import Judged
from pipelines.metrics.task import Task, task_of
from pipelines.monitoring.comparison import (
    CANARY,
    CHAMPION,
    ContenderComparison,
    last_versions,
    of_version,
    shares,
    standings,
)
from pipelines.monitoring.degradation import (
    Diagnosis,
    Limits,
    PerformanceTrend,
    diagnose,
    find_course,
)
from pipelines.monitoring.drift import Drift
from pipelines.monitoring.earnings import Earnings, find_earnings
from pipelines.monitoring.expected_quality import Reconciled, estimate_day, reconcile
from pipelines.monitoring.maturity import LabelMaturity, Missing, find_missing, maturity
from pipelines.monitoring.promoted_quality import Discrimination, Promises, compare_discrimination
from pipelines.monitoring.published_quality import Live, find_live
from pipelines.monitoring.quality import (
    PUBLISHED,
    Quality,
    Slice,
    Worth,
    find_slices,
    point_estimate,
    published_quality,
    score_metrics,
    subject,
)
from pipelines.training.recipes import failing_since


@dataclass(frozen=True)
class Night:
    """The records of one night, as far as its stages ran, and what made it."""

    day: date
    landed: IngestResult | None
    validation: Validation | None
    candidates: Candidates | None
    evaluation: Evaluation | None
    verdict: Verdict | None
    publication: Publication | None
    settlement: Settlement | None
    code: Mapping[str, str]
    running: str | None = None  # what it did last, if it still runs and has not published


@dataclass(frozen=True)
class MonitoringResult:
    """What monitoring found."""

    task: Task
    scores: pd.Series  # of the day
    known: pd.DataFrame  # published scores of recent days with a label
    live: Live  # these scores against what came
    discrimination: Discrimination  # … and against what their versions promised
    promises: Promises  # of the versions that were asked lately
    quality: Sequence[Quality]  # of these days
    standings: Sequence[
        ContenderComparison
    ]  # on these days: of what was published, then of each contender
    shares: Sequence[ContenderComparison]  # of champion and challenger, where they shared the keys
    slices: Sequence[Slice]
    earnings: Earnings | None  # of these days; None: nobody can say
    maturity: Sequence[LabelMaturity]
    missing: Missing | None  # outcomes that should have come
    expected: Mapping[str, Mapping[str, Amount]]  # of the day's answers, by subject and metric
    reconciled: Sequence[Reconciled]
    drift: Sequence[Drift]
    diagnosis: Diagnosis
    limits: Limits
    judged: Judged | None  # the night's test set
    gaps: Sequence[Gap]  # days without a published night, between nights that were
    newest: date | None  # published before the night's own day
    unfitted: Mapping[str, date]  # recipes without a model tonight → since when

    @property
    def pooled(self) -> Mapping[str, Amount]:
        """Metrics of all that was published on these days."""
        return self.standings[0].metrics if self.standings else {"events": 0.0}

    @property
    def drifted(self) -> list[Drift]:
        """Features that are further away than they should be."""
        return [drift for drift in self.drift if drift.is_above(self.limits.psi)]


@dataclass(frozen=True)
class MonitoringInputs:
    """What there is to look at."""

    scores: (
        pd.DataFrame
    )  # the warehouse's, of the day and those before it, with the slices' columns
    measured: pd.DataFrame  # the warehouse's metrics of the days before
    drift: Sequence[Drift]
    promises: Promises
    judged: Judged | None
    gaps: Sequence[Gap]


def watch(
    night: Night, params: MonitorParams, problem: Problem, seen: MonitoringInputs
) -> MonitoringResult:
    """Everything that can be said of the day's answers, and of those before it."""
    scores, task, worth = seen.scores, task_of(problem.task), problem.worth
    tonight, lately = scores.loc[scores["day"] == night.day], scores.loc[scores["day"] < night.day]
    published, reconciled = lately.loc[lately["answers"]], reconcile(seen.measured)
    columns = [name for name in problem.slices if name in lately]
    complete = problem.last_mature_day(night.day)
    limits = _limits(params, problem)
    drifted = [one.feature for one in seen.drift if one.is_above(limits.psi)]
    untold = [one.feature for one in seen.drift if one.is_untold(limits.psi)]
    courses = _courses(seen, night.day, limits, (worth, task))
    known = published.loc[published["label"].notna()]
    return MonitoringResult(
        task=task,
        scores=tonight.loc[tonight["answers"], "score"],
        known=known,
        live=find_live(known, problem),
        discrimination=compare_discrimination(known, seen.promises, (worth, task)),
        promises=seen.promises,
        quality=published_quality(lately, worth, task),
        standings=standings(lately, worth, task),
        shares=shares(lately, worth, task),
        slices=find_slices(published, columns, worth, task),
        earnings=find_earnings(lately, problem),
        maturity=maturity(
            published.loc[published["day"] <= complete], night.day, problem.cutoff, worth, task
        ),
        missing=find_missing(published, complete, params.psi_days),
        expected=estimate_day(tonight, lately, worth, task, reconciled),
        reconciled=reconciled,
        drift=seen.drift,
        diagnosis=diagnose(drifted, courses.get(CHAMPION), courses.get(CANARY), untold),
        limits=limits,
        judged=seen.judged,
        gaps=seen.gaps,
        newest=published["day"].max() if len(published) else None,
        unfitted=failing_since(night.candidates, seen.measured, night.day),
    )


def _courses(
    seen: MonitoringInputs, day: date, limits: Limits, judge: tuple[Worth, Task]
) -> dict[str, PerformanceTrend]:
    versions, scores = last_versions(seen.scores), seen.scores
    return {
        name: find_course(
            subject(name, versions[name]),
            of_version(scores, name, versions),
            day,
            limits,
            (*judge, seen.promises.get(str(versions[name]), {})),
        )
        for name in (CHAMPION, CANARY)
        if name in versions
    }


def night_metrics(watched: MonitoringResult, days: int) -> dict[str, dict[str, Amount]]:
    """Metrics of the day itself: its scores and features, what to expect of its answers, and how
    everybody has done lately.
    """
    metrics: defaultdict[str, dict[str, Amount]] = defaultdict(dict)
    metrics["scores"].update(score_metrics(watched.scores))
    for drift in watched.drift:
        usual = {} if drift.usual is None else {"psi_usual": drift.usual}
        metrics[drift.feature].update({"psi": drift.psi, **usual})
    for name, expected in watched.expected.items():
        metrics[name].update(expected)
    for standing in (*watched.standings, *watched.shares):
        metrics[standing.subject].update(standing.named(days))
    if watched.judged is not None:
        metrics[JUDGED].update(watched.judged.metrics)
    return metrics


def summary(watched: MonitoringResult, days: int) -> dict[str, float]:
    """What the night's record tells of it."""
    worst = max((drift.psi for drift in watched.drift), default=None)
    lately = {f"{name}_{days}d": point_estimate(value) for name, value in watched.pooled.items()}
    expected = watched.expected.get(PUBLISHED, {})
    drifted = {"psi_max": worst, "features_drifted": float(len(watched.drifted))}
    return {
        **score_metrics(watched.scores),
        **{name: point_estimate(value) for name, value in expected.items()},
        **lately,
        **{name: value for name, value in drifted.items() if value is not None},
    }


def _limits(params: MonitorParams, problem: Problem) -> Limits:
    return Limits(
        days=params.psi_days,
        psi=params.psi_threshold,
        lost=params.max_skill_loss,
        maturity=problem.label_maturity_days,
        age=params.max_champion_age_days,
    )
