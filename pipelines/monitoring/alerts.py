"""What somebody should look at in a night, each with how bad it is and the next command to run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from pipelines.core.records import Interval, Verdict
from pipelines.evaluation.test_set_size import SHRUNK, Judged
from pipelines.metrics.task import Task
from pipelines.monitoring.analysis import MonitoringResult, Night
from pipelines.monitoring.comparison import CHAMPION, ContenderComparison
from pipelines.monitoring.degradation import Limits
from pipelines.monitoring.drift import Drift
from pipelines.monitoring.maturity import Missing
from pipelines.monitoring.promoted_quality import LOST_SHARE
from pipelines.monitoring.published_quality import Gap, spell_gaps
from pipelines.monitoring.quality import point_estimate
from pipelines.promotion.champion import Ways

ANSWERING = ("champion", "version")  # whose answers are nobody's worry
RESERVES = ("previous-champion", "canary", "baseline")  # who should not be better than the champion
MISSING = 0.5  # share of the outcomes that should be known; a source may leave out some for good
AHEAD = 0.05  # of the champion's loss: less is no reason to wake anybody
AlertKind = Literal[
    "stage failed",
    "validate failed",
    "score failed",
    "still running",
    "another answered",
    "champion withheld",
    "nights missing",
    "recipe failed",
    "settle failed",
    "outcomes missing",
    "test set shrunk",
    "leak",
    "broken model",
    "changed world",
    "moved inputs",
    "unclear",
    "reserve ahead",
    "off",
    "worth less than nothing",
    "lost discrimination",
    "drift",
    "promotion refused",
]


@dataclass(frozen=True)
class Alarm:
    """One thing to look at. The same subject on another night is the same thing, still there.

    `strength` is how far beyond its limit it is, as an effect: more rows do not make it stronger.
    What is urgent is told whatever the budget.
    """

    subject: str
    sentence: str
    command: str
    strength: float = 1.0
    urgent: bool = False
    kind: AlertKind = field(kw_only=True)


def find_alarms(night: Night, watched: MonitoringResult, ways: Ways) -> list[Alarm]:
    """Those of the night, urgent ones first, then the strongest.

    `ways` are the versions that could serve instead: nobody is sent to a roll-back that is refused.
    """
    found = [
        *_of_the_chain(night, watched.newest),
        *gap_alarm(watched.gaps),
        *recipe_alarms(night, watched.unfitted),
        *missing_alarm(night, watched.missing),
        *shrunk_alarm(night, watched.judged),
        *_of_the_models(night, watched, ways),
        *find_betters(watched.standings, watched.task, night.day, ways),
        *live_alarms(night, watched, ways),
        *drift_alarm(night, watched),
    ]
    return sorted(found, key=lambda alarm: (not alarm.urgent, -alarm.strength))


def stage_failed(stage: str, day: date, sentence: str) -> Alarm:
    """That a stage of a night was given up, with the last thing it said."""
    return Alarm(
        f"{stage} failed",
        f"{stage} of {day} failed: {sentence}",
        f"redeye {stage} --day {day}",
        urgent=True,
        kind="stage failed",
    )


def _of_the_chain(night: Night, newest: date | None) -> Iterator[Alarm]:
    answer, checks, day = night.publication, night.validation, night.day
    if checks is not None and not checks.passed:
        yield Alarm(
            "validate failed",
            f"The data were blocked: {checks.reason}; see validation.html.",
            f"redeye night --day {day}",
            urgent=True,
            kind="validate failed",
        )
    if answer is None and night.running:
        yield Alarm(
            "still running",
            f"The night of {day} still runs ({night.running}); nothing is published yet.",
            f"redeye status --day {day}",
            kind="still running",
        )
    elif answer is None:
        yield Alarm(
            "score failed",
            f"No predictions were published for {day}"
            f"{f'; the newest that were are of {newest}' if newest else ''}.",
            f"redeye score --day {day}",
            urgent=True,
            kind="score failed",
        )
    elif night.verdict and night.verdict.withheld and answer.answered_by == "baseline":
        yield champion_withheld(night.verdict, answer.reason)
    elif answer.answered_by not in ANSWERING:
        yield Alarm(
            f"{answer.answered_by} answered",
            f"The {answer.answered_by} answered, not the champion: {answer.reason}.",
            f"redeye explain --day {day}",
            urgent=True,
            kind="another answered",
        )
    if night.settlement is None:
        yield Alarm(
            "settle failed",
            "Outcomes were not joined to what was predicted.",
            f"redeye settle --day {day}",
            kind="settle failed",
        )


def gap_alarm(gaps: Sequence[Gap]) -> Iterator[Alarm]:
    """That nights before this one have published nothing, with the command for the newest of them."""
    if gaps:
        first, last = gaps[-1]
        yield Alarm(
            "nights missing",
            f"No predictions were published for {spell_gaps(gaps)}.",
            f"redeye backfill --from {first} --to {last}",
            float(sum((last - first).days + 1 for first, last in gaps)),
            kind="nights missing",
        )


def recipe_alarms(night: Night, since: Mapping[str, date]) -> Iterator[Alarm]:
    """That a recipe gives no model, night after night: fewer candidates are compared than people think."""
    for name, first in since.items():
        nights = (night.day - first).days + 1
        yield Alarm(
            f"recipe {name} failed",
            f"The recipe {name} gives no model{f', since {first}' if nights > 1 else ''}: "
            f"{night.candidates.failed[name] if night.candidates else ''}.",
            f"redeye train --day {night.day}",
            float(nights),
            kind="recipe failed",
        )


def shrunk_alarm(night: Night, found: Judged | None) -> Iterator[Alarm]:
    """That fewer of the test days' events could be judged than an earlier night could."""
    if found is None or not found.is_shrunk:
        return
    yield Alarm(
        "test set shrunk",
        f"Models were judged on {found.judged:,} of {found.events:,.0f} events from {found.first} to "
        f"{found.last}, {found.share:.0%}; an earlier night had {found.before:.0%}: outcomes or whole days "
        f"are missing. Fetch the outcomes again, then run the night again.",
        f"redeye ingest --day {night.day} --refetch {found.outcomes} --from {found.first} --to {found.last}",
        found.lost / SHRUNK,
        kind="test set shrunk",
    )


def over(night: Night) -> frozenset[str]:
    """Subjects of alarms that the night has done away with: what had failed was done later."""
    checked = night.validation if night.validation and night.validation.passed else None
    made = {
        "ingest": night.landed,
        "validate": checked,
        "train": night.candidates,
        "evaluate": night.evaluation,
        "promote": night.verdict,
        "score": night.publication,
        "settle": night.settlement,
    }
    done = {f"{stage} failed" for stage, record in made.items() if record is not None}
    fitted = (
        {f"recipe {one.name} failed" for one in night.candidates.candidates}
        if night.candidates
        else set()
    )
    return frozenset(done | fitted | ({"still running"} if night.publication else set()))


def champion_withheld(verdict: Verdict, reason: str) -> Alarm:
    """That the baseline was better than the champion on the test days, and what to do about it."""
    if verdict.outcome == "challenger":
        command = f"redeye promote --version {verdict.version} --reason 'better than the baseline'"
        advice = f"Version {verdict.version} is better, and waits for a person"
    else:
        command = f"redeye explain --day {verdict.day}"
        advice = f"No better model was found tonight ({verdict.outcome}: {verdict.reason})"
    return Alarm(
        "champion withheld",
        f"The baseline answered, not the champion: {reason}. {advice}.",
        command,
        urgent=True,
        kind="champion withheld",
    )


def missing_alarm(night: Night, found: Missing | None) -> Iterator[Alarm]:
    """That most outcomes which should be known by now are not: nobody sees how the answers do."""
    if found is None or found.share < MISSING:
        return
    yield Alarm(
        "outcomes missing",
        f"Of {found.events:,} events published from {found.first} to {found.last} the outcomes of "
        f"{found.missing:,} have not come, and they should be complete: ask the source again; if they "
        f"take longer, declare how many days in label_maturity_days of the problem.",
        f"redeye night --day {night.day}",
        found.share / MISSING,
        kind="outcomes missing",
    )


def _of_the_models(night: Night, watched: MonitoringResult, ways: Ways) -> Iterator[Alarm]:
    found, day = watched.diagnosis, night.day
    for check in night.evaluation.leaks if night.evaluation else ():
        if not check.passed:
            yield Alarm(
                f"leak {check.net}",
                f"No model of the night may serve, its features may know the outcome: {check.reason}. "
                f"Correct the feature or leave it out; the next night tries again.",
                f"redeye explain --day {day}",
                check.found / check.limit,
                kind="leak",
            )
    if found.strength >= 1 and found.cause != "as ever":
        commands = {
            "broken model": _instead(night, ways, "broken model"),
            "moved inputs": f"redeye validate --day {day}",
        }
        sentence = f"{found.cause[0].upper()}{found.cause[1:]}: {found.reason}."
        command = commands.get(found.cause, f"redeye explain --day {day}")
        yield Alarm(found.cause, sentence, command, found.strength, kind=found.cause)


def live_alarms(night: Night, watched: MonitoringResult, ways: Ways) -> Iterator[Alarm]:
    """What was published lately was surely off, or surely worth less than doing nothing, by much."""
    live, shown, pooled = watched.live, watched.task.shown, watched.pooled
    days, average = f"on the last {live.n_days} settled days", watched.task.average
    if live.is_off:
        said, came = (
            shown(point_estimate(pooled[f"{average}_{w}"])) for w in ("predicted", "observed")
        )
        yield Alarm(
            "off",
            f"{came} came where {said} was predicted, {days}: the answers are off as a whole.",
            _instead(night, ways, "its answers are off"),
            live.apart,
            kind="off",
        )
    if live.is_wasteful and live.gain is not None:
        yield Alarm(
            "worth less than nothing",
            f"Acting on the answers gained {live.gain.mid:+.4g} an event over doing nothing "
            f"({live.gain.low:+.4g} to {live.gain.high:+.4g}), {days}.",
            _instead(night, ways, "worth less than doing nothing"),
            live.wasted,
            kind="worth less than nothing",
        )
    yield from _lost_discrimination(night, watched, ways)


def _lost_discrimination(night: Night, watched: MonitoringResult, ways: Ways) -> Iterator[Alarm]:
    found, words = watched.discrimination, watched.task.metrics[watched.task.skill].words
    if found.is_lost and found.lost is not None:
        lost = found.lost
        yield Alarm(
            "lost discrimination",
            f"The answers tell events apart less than was promised: {words} {found.came:.3f} came on "
            f"{found.n_days} settled days where {found.promised:.3f} was promised; of what that is beyond "
            f"chance {lost.mid:.0%} is lost ({lost.low:.0%} to {lost.high:.0%}).",
            _instead(night, ways, "it tells events apart no more"),
            lost.mid / LOST_SHARE,
            kind="lost discrimination",
        )


def _instead(night: Night, ways: Ways, why: str) -> str:
    """The command that lets another version answer, if there is one that may; else one that says more."""
    verdict = night.verdict
    if verdict is not None and verdict.outcome == "challenger":
        return f"redeye promote --version {verdict.version} --reason '{why}'"
    if ways.back is not None:
        return f"redeye rollback --reason '{why}'"
    return f"redeye explain --day {night.day}"


def find_betters(
    standings: Sequence[ContenderComparison], task: Task, day: date, ways: Ways
) -> Iterator[Alarm]:
    """Those who should not do better than the champion, and surely do, by a share of its loss.

    A challenger that is ahead is no alarm: the gate puts it forward.
    """
    champion = next((one for one in standings if one.subject.startswith(CHAMPION)), None)
    loss = task.metrics[task.loss]
    for one in standings:
        gain = one.gains.get(task.loss)
        if champion is None or not one.subject.startswith(RESERVES):
            continue
        if not isinstance(gain, Interval) or gain.low <= 0:
            continue
        strength = gain.mid / (point_estimate(champion.metrics[task.loss]) * AHEAD)
        if strength >= 1:
            yield Alarm(
                f"{one.subject} ahead",
                f"{one.subject} has done better than {champion.subject} on {one.n_days} days: its "
                f"{loss.words} is lower by {gain.mid:.4f} ({gain.low:.4f} to {gain.high:.4f}).",
                _to_the_better(one.subject, day, ways),
                strength,
                kind="reserve ahead",
            )


def _to_the_better(subject: str, day: date, ways: Ways) -> str:
    """The command that makes the better version champion, if it has a number and may serve."""
    version = subject.rpartition(" ")[2]
    if version in ways.proven:
        return f"redeye promote --version {version} --reason '{subject} does better'"
    return f"redeye explain --day {day}"


def drift_alarm(night: Night, watched: MonitoringResult) -> Iterator[Alarm]:
    """One alarm for all of them: what moves the world moves many features."""
    limits = watched.limits
    found = sorted(watched.drifted, key=lambda one: -one.strength(limits.psi))
    if not found:
        return
    first, others = found[0], ", ".join(one.feature for one in found[1:4])
    so_do = f"; so do {len(found) - 1} more, as {others}" if others else ""
    yield Alarm(
        "drift",
        f"{first.feature} {_drift_words(first, limits)}{so_do}.",
        f"redeye features --day {night.day} --known now",
        first.strength(limits.psi),
        kind="drift",
    )


def _drift_words(drift: Drift, limits: Limits) -> str:
    if drift.is_gross:
        return (
            f"is on another scale: {drift.beyond:.0%} of the newest day's values are beyond "
            f"anything seen before by more than its whole range"
        )
    return (
        f"looks unlike the training data over the last {limits.days} days: its index is "
        f"{drift.psi:.2f}, above {limits.psi:g} and above the {drift.usual:.2f} that its past explains"
    )
