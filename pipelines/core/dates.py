"""Days, times of the clock and zones, checked as text from outside; the cutoff of a night."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from pipelines.core.errors import UsageError

# Windows and histories reach back and forth from a day; pandas keeps instants from 1677 to 2262.
FIRST_DAY, LAST_DAY = date(1800, 1, 1), date(2200, 12, 31)
Gap = tuple[date, date]  # the first and the last day of a span
_SHAPE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", flags=re.ASCII)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", flags=re.ASCII)


def parse_day(text: object) -> date:
    """The day in ISO form, ten ASCII characters; raises UsageError for anything else."""
    if not isinstance(text, str) or not _SHAPE.fullmatch(text):
        shown = str(text)[:40]
        raise UsageError(f"{shown!r} is not a day; write it as YYYY-MM-DD, such as 2013-10-01")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a day of the calendar ({error}); write YYYY-MM-DD"
        ) from error
    if not FIRST_DAY <= day <= LAST_DAY:
        raise UsageError(f"{text} is out of range; give a day from {FIRST_DAY} to {LAST_DAY}")
    return day


def day_of_name(name: str) -> date | None:
    """The day that a file or folder is named after; None for a name that is no day in ISO form."""
    try:
        day = date.fromisoformat(name)
    except ValueError:
        return None
    return day if day.isoformat() == name else None


def refuse_far(day: date, today: date, again: str) -> None:
    """Raises UsageError for a day later than tomorrow: a slip, for nobody knows its events yet.

    `again` is what to say if it is meant.
    """
    if day > today + timedelta(days=1):
        raise UsageError(
            f"{day} is later than tomorrow, {today + timedelta(days=1)}; correct the day, or {again} if you mean it"
        )


def parse_days(first: object, last: object) -> list[date]:
    """Every day from `first` to `last`, both included; raises UsageError if they are no range."""
    start, end = parse_day(first), parse_day(last)
    if end < start:
        raise UsageError(f"from {start} to {end} is no range; swap them")
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def clock_time(text: object) -> time:
    """The time of day in the form HH:MM; raises UsageError for anything else."""
    found = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise UsageError(
            f'{str(text)[:40]!r} is no time of the day; write it in quotes as HH:MM, from "00:00" to "23:59"'
        )
    return time(int(found[1]), int(found[2]))


def parse_zone(text: object) -> str:
    """The name of a zone in the IANA database; raises UsageError for anything else, with the nearest name."""
    if isinstance(text, str) and text in (zones := available_timezones()) and text != "localtime":
        return text
    near = difflib.get_close_matches(str(text), zones, n=1) if isinstance(text, str) else []
    raise UsageError(
        f"{str(text)[:40]!r} is no zone of the IANA database; "
        + (
            f"did you mean {near[0]!r}?"
            if near
            else "write one such as 'America/New_York' or 'UTC'"
        )
    )


def night_cutoff(day: date, zone: str) -> datetime:
    """00:00 of the day in the zone, as UTC without a zone: nothing that became known later is read."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)


def find_gaps(days: Collection[date]) -> list[Gap]:
    """The spans between these days on which there is none, oldest first."""
    step = timedelta(days=1)
    return [(a + step, b - step) for a, b in pairwise(sorted(set(days))) if b - a > step]


def spell_gaps(gaps: Sequence[Gap]) -> str:
    """Spans of days as people read them."""
    return ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in gaps)
