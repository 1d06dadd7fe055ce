"""Nights of the shop, each in its own early morning, by the real command; all in one process, for to
start one costs more than a night of a small problem. Runs in a clone.
"""

from __future__ import annotations

import os
import sys
from datetime import date

from shop import set_clock

from pipelines.__main__ import settle_in


def main(stages: str, *days: str) -> int:
    """The exit code of the first command that failed."""
    from pipelines.cli import main as redeye

    for day in days:
        set_clock(os.environ["REDEYE_SOURCE_URL"], date.fromisoformat(day))
        words = ["backfill", "--from", day, "--to", day, "--stages", stages]
        if code := redeye(words, os.environ):
            return code
    return 0


if __name__ == "__main__":
    settle_in()
    sys.exit(main(*sys.argv[1:]))
