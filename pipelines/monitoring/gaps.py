"""Days without a published night among days with one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from itertools import pairwise

Gap = tuple[date, date]  # its first and its last day


def find_gaps(days: Collection[date]) -> list[Gap]:
    """The spans between these days on which there is none, oldest first."""
    step = timedelta(days=1)
    return [(a + step, b - step) for a, b in pairwise(sorted(set(days))) if b - a > step]


def spell_gaps(gaps: Sequence[Gap]) -> str:
    """Spans of days as people read them."""
    return ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in gaps)
