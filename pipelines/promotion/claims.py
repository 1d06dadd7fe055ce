"""Who is better than the champion, as far as settled days prove it.

A day's losses are of answers that all gave before an outcome of it was kept; it counts once. Compared are
lines: all versions that are made alike, refreshed night by night (forecasters that change from day to
day: Choe & Ramdas 2023). A process begins when another line becomes champion, and never anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from pipelines.core.config import PromoteParams
from pipelines.core.records import Claim, DayLoss
from pipelines.evaluation.compare import CHAMPION
from pipelines.metrics.classification import ScoredEvents
from pipelines.metrics.task import Task
from pipelines.promotion.evidence import evidence, gains

DRAWN = 90  # days of a curve
RESERVES = ("previous-champion", "canary", "baseline")  # whose place the champion has


@dataclass(frozen=True)
class Contest:
    """Losses of the champion's line and of something else, on the days on which both answered."""

    of: str
    days: tuple[date, ...]
    champion: np.ndarray  # losses, of shape (days,)
    other: np.ndarray
    version: str | None  # of the other one, on the last day

    def equals(self, other: Contest) -> bool:
        """Whether the two have the same losses on the same days, as of one version by two names."""
        return self.days == other.days and np.array_equal(self.other, other.other)

    def curve(self, min_lift: float) -> np.ndarray:
        """The evidence after each day that the other one is better by more than `min_lift`, shape (days,)."""
        return evidence(gains(self.champion, self.other, min_lift))

    def claim(self, needed: float, min_lift: float = 0.0) -> Claim:
        """How much evidence there is, at its highest."""
        mean = float((self.champion - self.other).mean())
        scale = float(np.abs(self.champion).mean()) or 1.0
        curve = self.curve(min_lift)
        return Claim(
            of=self.of,
            evidence=float(curve.max()),
            needed=needed,
            days=len(self.days),
            gain=mean / scale,
            version=self.version,
            curve=tuple(zip(self.days[-DRAWN:], map(float, curve[-DRAWN:]), strict=True)),
        )


def day_losses(
    answers: Mapping[str, tuple[str | None, str | None]],
    scores: pd.DataFrame,
    task: Task,
    night: date,
) -> list[DayLoss]:
    """What each contender lost on one day: `answers` is contender → line and version, `scores` the
    warehouse's of that day.

    Whoever has not scored all events that the champion has, is left out: losses are of the same events.
    """
    known = scores.loc[scores["label"].notna()]
    found = []
    for contender, (line, version) in sorted(answers.items()):
        rows = known.loc[known["contender"] == contender]
        same = rows["model_version"] == version if version else rows["model_version"].isna()
        if rows.empty or not same.all():
            continue
        labels, given = (rows[name].to_numpy(dtype=float) for name in ("label", "score"))
        nothing = np.zeros(len(rows))
        events = ScoredEvents(labels, given, nothing, nothing.astype(int), 1, task.name)
        found.append(
            DayLoss(
                day=rows["day"].iloc[0],
                contender=contender,
                line=line,
                model_version=version,
                loss=task.metrics[task.loss].of(events),
                events=len(rows),
                counted_on=night,
            )
        )
    most = {one.events for one in found if one.contender == CHAMPION}
    return [one for one in found if {one.events} == most]


def contests(losses: Sequence[DayLoss], line: str) -> list[Contest]:
    """Every other line, and every reserve, against the champion's line since it came.

    Of several versions of a line on one day the newest one is taken, whatever it lost.
    """
    champion = {one.day: one for one in losses if one.contender == CHAMPION}
    others = [day for day, one in champion.items() if one.line != line]
    since = {day: one for day, one in champion.items() if day > max(others, default=date.min)}
    found: dict[str, dict[date, DayLoss]] = {}
    for one in losses:
        if one.contender == CHAMPION or one.day not in since:
            continue
        names = [one.contender] if one.contender in RESERVES else []
        names += [one.line] if one.line and one.line != line else []
        for name in names:
            rival = found.setdefault(name, {}).setdefault(one.day, one)
            if _number(one) > _number(rival):
                found[name][one.day] = one
    return [_contest(name, of, since) for name, of in sorted(found.items())]


def line_before(losses: Iterable[DayLoss], line: str) -> str | None:
    """The line that was champion before this one; None when none was."""
    before = [one for one in losses if one.contender == CHAMPION and one.line != line]
    return max(before, key=lambda one: one.day).line if before else None


def _contest(name: str, of: Mapping[date, DayLoss], since: Mapping[date, DayLoss]) -> Contest:
    days = tuple(sorted(of))
    return Contest(
        of=name,
        days=days,
        champion=np.array([since[day].loss for day in days]),
        other=np.array([of[day].loss for day in days]),
        version=of[days[-1]].model_version,
    )


def _number(one: DayLoss) -> int:
    version = one.model_version or ""
    return int(version) if version.isdecimal() else 0


def line_claims(
    compared: Mapping[str, Contest], tonight: Iterable[str], params: PromoteParams
) -> dict[str, Claim]:
    """How much evidence there is for each of tonight's lines against the champion's.

    The more lines are compared, the more likely one of them wins by chance: each needs as many times the
    evidence (Bonferroni), of all lines that were ever compared with this one.
    """
    rivals = [name for name in compared if name not in RESERVES]
    needed = max(len(rivals), 1) / params.alpha
    ours = [compared[name] for name in dict.fromkeys(tonight) if name in compared]
    return {one.of: one.claim(needed, params.min_lift) for one in ours}


def harm_claims(
    compared: Mapping[str, Contest], before: str | None, params: PromoteParams
) -> tuple[Claim, ...]:
    """Who is proven better than the champion's line, of those whose place it has: the line before it
    first, then the reserves.

    The more of them there are, the more likely one is so by chance: each needs as many times the evidence
    (Bonferroni). A reserve with the very losses of one before it is no other.
    """
    found: list[Contest] = []
    for name in (*([before] if before else []), *RESERVES):
        one = compared.get(name)
        if one is not None and not any(one.equals(known) for known in found):
            found.append(one)
    claims = [one.claim(len(found) / params.alpha) for one in found]
    return tuple(one for one in claims if one.reached)
