"""Evidence after each day of a CSV file of two models' losses, a settled day a row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from pipelines.core.dates import parse_day
from pipelines.core.errors import DataError, UsageError
from pipelines.promotion.evidence import decided_after, evidence, gains

COLUMNS = ("day", "champion_loss", "challenger_loss")
LARGEST = 1e100  # a larger loss cannot be squared


@dataclass(frozen=True)
class Replay:
    """The evidence after each day that counted, up to the one that decided, if one did."""

    days: tuple[date, ...]
    evidence: tuple[float, ...]
    decided: bool

    @property
    def promoted_on(self) -> date | None:
        """The day after which the challenger would have been put forward."""
        return self.days[-1] if self.decided else None


def replay(path: Path, alpha: float, min_lift: float) -> Replay:
    """The evidence that a file's challenger is better than its champion, day by day.

    Raises UsageError when the file cannot be opened or a limit cannot be; DataError, with the line, when
    it does not hold a finite loss of both for each day once.
    """
    if not 0 < alpha < 1:
        raise UsageError(f"--alpha is {alpha:g}, and must be between 0 and 1")
    if not 0 <= min_lift < 1:
        raise UsageError(f"--min-lift is {min_lift:g}, and must be from 0 to below 1")
    losses = dict(sorted(_losses(path).items()))
    champion, challenger = np.array(list(losses.values())).T
    found = evidence(gains(champion, challenger, min_lift))
    last = decided_after(found, alpha)
    days, steps = tuple(losses)[:last], tuple(map(float, found[:last]))
    return Replay(days, steps, decided=last is not None)


def _losses(path: Path) -> Mapping[date, tuple[float, float]]:
    """Both losses of each day of a file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    losses: dict[date, tuple[float, float]] = {}
    for line, day, *pair in _rows(text, path):
        if day in losses:
            raise DataError(f"{path}, line {line}: {day} is there twice; a day counts once")
        losses[day] = (pair[0], pair[1])
    if not losses:
        raise DataError(f"{path}: has no row; write one for each settled day")
    return losses


def _rows(text: str, path: Path) -> Iterator[tuple[int, date, float, float]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(
                f"{path}: has no column {', '.join(missing)}; its first line must name "
                f"{', '.join(COLUMNS)}"
            )
        twice = [name for name in COLUMNS if (reader.fieldnames or []).count(name) > 1]
        if twice:
            raise DataError(f"{path}: its first line names {', '.join(twice)} twice; name it once")
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            day, champion, challenger = (row[name] or "" for name in COLUMNS)
            yield (
                reader.line_num,
                _day(day, where),
                _loss(champion, "champion_loss", where),
                _loss(challenger, "challenger_loss", where),
            )
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: is no CSV: {error}") from error


def _day(text: str, where: str) -> date:
    try:
        return parse_day(text.strip())
    except UsageError as error:
        raise DataError(f"{where}: day is {text[:40]!r}, and must be like 2013-10-01") from error


def _loss(text: str, column: str, where: str) -> float:
    try:
        loss = float(text)
    except ValueError:
        loss = math.nan
    if not abs(loss) <= LARGEST:
        raise DataError(f"{where}: {column} is {text[:40]!r}, and must be a finite number")
    return loss
