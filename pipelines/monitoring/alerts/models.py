"""What is wrong with the models, or with what they are told."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pipelines.monitoring.alerts.alarm import Alarm
from pipelines.monitoring.analysis import MonitoringResult, Night
from pipelines.monitoring.degradation import Limits
from pipelines.monitoring.drift import Drift
from pipelines.monitoring.promoted_quality import LOST_SHARE
from pipelines.monitoring.quality import point_estimate
from pipelines.promotion.champion import Ways


def model_alarms(night: Night, watched: MonitoringResult, ways: Ways) -> Iterator[Alarm]:
    """Leaks that the gate found, and the likely cause of what the champion shows."""
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


def harm_alarms(night: Night, ways: Ways) -> Iterator[Alarm]:
    """Those whose place the champion has, and who are proven better than it by settled days.

    A challenger that is proven better is no alarm: the gate puts it forward.
    """
    verdict = night.verdict
    if verdict is None:
        return
    for one in verdict.harm:
        back = verdict.withdrawn == one.of
        done = f" Version {verdict.champion} of it is champion again." if back else ""
        command = f"redeye explain --day {night.day}"
        if one.version in ways.proven.union(verdict.may_serve.values()) and not back:
            command = f"redeye promote --version {one.version} --reason '{one.of} is better'"
        yield Alarm(
            f"{one.of} ahead",
            f"{one.of} is proven better than the champion: {one}.{done}",
            command,
            1 + math.log10(max(one.evidence / one.needed, 1)),
            urgent=back,
            kind="harm",
        )


def age_alarm(night: Night, limits: Limits) -> Iterator[Alarm]:
    """That no night has refreshed the champion for long, with tonight's verdict as the reason."""
    answer, verdict = night.publication, night.verdict
    until = answer.trained_until if answer and answer.answered_by == "champion" else None
    age = (night.day - until).days if until else 0
    if age <= limits.age:
        return
    yield Alarm(
        "old champion",
        f"The champion has learned from days until {until}, {age} days ago "
        f"(monitor.max_champion_age_days: {limits.age}); "
        f"{f'tonight: {verdict.reason}' if verdict else 'no model was judged tonight'}.",
        _instead(night, Ways(), "the champion is old"),  # the one before it is older
        age / limits.age,
        kind="old champion",
    )


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
