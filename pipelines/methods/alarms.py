"""What somebody should look at in a night, each with how bad it is and the next command to run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from pipelines.core.records import Interval, Verdict
from pipelines.methods.quality import middle
from pipelines.methods.standing import CHAMPION, Standing
from pipelines.methods.task import Task
from pipelines.methods.watch import Night, Watched

ANSWERING = ("champion", "version")  # whose answers are nobody's worry
RESERVES = ("previous-champion", "canary", "baseline")  # who should not be better than the champion
AHEAD = 0.05  # of the champion's loss: less is no reason to wake anybody


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


def find_alarms(night: Night, watched: Watched) -> list[Alarm]:
    """Those of the night, urgent ones first, then the strongest."""
    found = [
        *_of_the_chain(night),
        *_of_the_models(night, watched),
        *find_betters(watched.standings, watched.task),
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
    )


def _of_the_chain(night: Night) -> Iterator[Alarm]:
    answer, checks, day = night.publication, night.validation, night.day
    if checks is not None and not checks.passed:
        yield Alarm(
            "validate failed",
            f"The data were blocked: {checks.reason}; see validation.html.",
            f"redeye night --day {day}",
            urgent=True,
        )
    if answer is None:
        yield Alarm(
            "score failed",
            f"No predictions were published for {day}.",
            f"redeye score --day {day}",
            urgent=True,
        )
    elif night.verdict and night.verdict.withheld and answer.answered_by == "baseline":
        yield champion_withheld(night.verdict, answer.reason)
    elif answer.answered_by not in ANSWERING:
        yield Alarm(
            f"{answer.answered_by} answered",
            f"The {answer.answered_by} answered, not the champion: {answer.reason}.",
            f"redeye explain --day {day}",
            urgent=True,
        )
    if night.settlement is None:
        yield Alarm(
            "settle failed",
            "Outcomes were not joined to what was predicted.",
            f"redeye settle --day {day}",
        )


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
    )


def _of_the_models(night: Night, watched: Watched) -> Iterator[Alarm]:
    found, day = watched.diagnosis, night.day
    for check in night.evaluation.leaks if night.evaluation else ():
        if not check.passed:
            yield Alarm(
                f"leak {check.net}",
                f"No model of the night may serve, its features may know the outcome: {check.reason}.",
                f"redeye evaluate --day {day}",
                check.found / check.limit,
            )
    commands = {
        "broken model": "redeye rollback --reason 'broken model'",
        "changed world": f"redeye status --day {day}",
        "moved inputs": f"redeye validate --day {day}",
        "unclear": f"redeye explain --day {day}",
    }
    if found.strength >= 1 and found.cause in commands:
        sentence = f"{found.cause[0].upper()}{found.cause[1:]}: {found.reason}."
        yield Alarm(found.cause, sentence, commands[found.cause], found.strength)


def find_betters(standings: Sequence[Standing], task: Task) -> Iterator[Alarm]:
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
        strength = gain.mid / (middle(champion.metrics[task.loss]) * AHEAD)
        if strength >= 1:
            yield Alarm(
                f"{one.subject} ahead",
                f"{one.subject} has done better than {champion.subject} on {one.n_days} days: its "
                f"{loss.words} is lower by {gain.mid:.4f} ({gain.low:.4f} to {gain.high:.4f}).",
                f"redeye rollback --reason '{one.subject} does better'",
                strength,
            )


def drift_alarm(night: Night, watched: Watched) -> Iterator[Alarm]:
    """One alarm for all of them: what moves the world moves many features."""
    limits = watched.limits
    found = sorted(watched.drifted, key=lambda one: -one.strength(limits.psi))
    if not found:
        return
    first, others = found[0], ", ".join(one.feature for one in found[1:4])
    so_do = f"; so do {len(found) - 1} more, as {others}" if others else ""
    yield Alarm(
        "drift",
        f"{first.feature} looks unlike the training data over the last {limits.days} days: its "
        f"index is {first.psi:.2f}, above {limits.psi:g} and above the usual {first.usual:.2f}{so_do}.",
        f"redeye status --day {night.day}",
        first.strength(limits.psi),
    )
