"""What went wrong in the chain of a night: stages, answers, outcomes, nights that are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from pipelines.core.dates import Gap, spell_gaps
from pipelines.core.records import Verdict
from pipelines.evaluation.test_set_size import SHRUNK, Judged
from pipelines.monitoring.alerts.alarm import ANSWERING, Alarm
from pipelines.monitoring.analysis import Night
from pipelines.monitoring.maturity import Missing

MISSING = 0.5  # share of the outcomes that should be known; a source may leave out some for good


def stage_failed(stage: str, day: date, sentence: str) -> Alarm:
    """That a stage of a night was given up, with the last thing it said."""
    return Alarm(
        f"{stage} failed",
        f"{stage} of {day} failed: {sentence}",
        f"redeye {stage} --day {day}",
        urgent=True,
        kind="stage failed",
    )


def chain_alarms(night: Night, newest: date | None) -> Iterator[Alarm]:
    """That data were blocked, that nobody or another than the champion answered, or nothing was settled."""
    checks, day = night.validation, night.day
    if checks is not None and not checks.passed:
        yield Alarm(
            "validate failed",
            f"The data were blocked: {checks.reason}; see validation.html.",
            f"redeye night --day {day}",
            urgent=True,
            kind="validate failed",
        )
    yield from _answer_alarms(night, newest)
    if night.settlement is None:
        yield Alarm(
            "settle failed",
            "Outcomes were not joined to what was predicted.",
            f"redeye settle --day {day}",
            kind="settle failed",
        )


def _answer_alarms(night: Night, newest: date | None) -> Iterator[Alarm]:
    """That nobody answered, or another than the champion."""
    answer, day = night.publication, night.day
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
