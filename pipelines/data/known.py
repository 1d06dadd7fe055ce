"""Which revision of a partition a night may read: the one that was current then.

The second of two clocks. The first is a fact's own `known_at`; this one says when the lake was told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pipelines.core.records import Partition


def as_of(revisions: Sequence[Partition], night: date | None) -> Partition | None:
    """The last revision that had landed by the night; None when it was not to be had.

    `revisions` are of one partition, oldest first. What the first night that asked for it ended with
    counts for all nights before its own: the history that it loads is known by its `known_at`. Events
    of the night's own day are what it is asked, not what it knows: if they came late, they count from
    when they came. A revision `for_all` nights, of a history that was fetched anew, counts as if it had
    been the first. Without a night, the newest.
    """
    found = revisions[0]  # nearly always the only one
    if len(revisions) > 1:
        until = date.max if night is None else max(night, _night(revisions[0]))
        found = [one for one in revisions if one.for_all or _night(one) <= until][-1]
    if not found.file and found.day == night:
        found = next((one for one in revisions if one.there), found)
    return found if found.file else None


def _night(revision: Partition) -> date:
    return revision.night or date.min
