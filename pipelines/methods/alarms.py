"""What somebody should look at in a night, each with how bad it is and the next command to run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from pipelines.methods.watch import Night, Watched

ANSWERING = ("champion", "version")  # whose answers are nobody's worry


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
    found = [*_of_the_chain(night), *_of_the_models(night, watched), *_of_features(night, watched)]
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


def _of_features(night: Night, watched: Watched) -> Iterator[Alarm]:
    limits = watched.limits
    for drift in watched.drifted:
        yield Alarm(
            f"drift {drift.feature}",
            f"{drift.feature} looks unlike the training data over the last {limits.days} days: its "
            f"index is {drift.psi:.2f}, above {limits.psi:g} and above the usual {drift.usual:.2f}.",
            f"redeye status --day {night.day}",
            drift.strength(limits.psi),
        )
