"""Waiting on a busy machine: no deadline, but an end when what is waited for cannot come any more."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

PAUSE_SECONDS = 0.3
TELL_SECONDS = 30.0


@dataclass(frozen=True)
class Patience:
    """Waits for as long as `check` raises nothing, and says now and then what it waits for."""

    check: Callable[[], None]
    say: Callable[[str], None]

    def until(self, ready: Callable[[], bool], what: str) -> None:
        """Ask three times a second until it is ready."""
        began = told = time.monotonic()
        while not ready():
            self.check()
            now = time.monotonic()
            if now - told > TELL_SECONDS:
                told = now
                self.say(f"still waiting for {what} ({now - began:.0f} s); the machine is busy")
            time.sleep(PAUSE_SECONDS)
