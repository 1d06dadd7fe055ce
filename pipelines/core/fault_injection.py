"""Named points at which a process can be made to fail, so that it can be seen that nothing is lost.

`REDEYE_FAULT=point:action[:nth]` fails the nth time that the point is reached (the first, unless told
otherwise); the point `any` is every one of them. Actions: `kill` the process as the kernel does when
memory runs out, `error` as when a service does not answer, `enospc` as when the disk is full, and
`delay`. Without the variable a point costs a comparison.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from pipelines.core.errors import ConfigError, TemporaryError

VARIABLE = "REDEYE_FAULT"
ANY = "any"
DELAY_SECONDS = 2.0
ACTIONS = ("kill", "error", "enospc", "delay")
POINTS = frozenset(
    {
        "files.before_write",
        "files.before_sync",
        "files.before_rename",
        "files.before_folder_sync",
        "sharing.waits",
        "attic.before_remove",
        "prune.before_remove",
        "prune.after_manifest",
        "prune.after_aside",
        "checkout.before_keep",
        "checkout.before_aside",
        "checkout.before_exchange",
        "checkout.before_clean",
        "lake.before_manifest",
        "lake.after_manifest",
        "versions.before_keep",
        "versions.before_push",
        "versions.before_pointer",
        "versions.after_pointer",
        "database.before_statement",
        "database.before_commit",
        "database.after_commit",
        "publish.before_stage",
        "publish.before_batch",
        "publish.before_audit",
        "publish.before_flip",
        "publish.after_flip",
        "registry.before_call",
        "registry.before_version",
        "registry.after_version",
        "registry.before_blessing",
        "validate.before_accept",
        "features.before_write",
        "train.before_register",
        "evaluate.before_log",
        "promote.before_previous",
        "promote.before_champion",
        "promote.before_ledger",
        "score.before_publish",
        "score.before_keep",
        "settle.before_write",
        "settle.before_count",
        "stage.before_record",
        "stage.after_record",
    }
)


@dataclass
class Fault:
    """What is to fail, and how often each point was reached since."""

    point: str
    action: str
    nth: int
    met: Counter[str] = field(default_factory=Counter)
    fired: str = ""  # the point at which it did
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def meet(self, point: str) -> None:
        """Count the point; fail if it is its turn."""
        with self._lock:
            self.met[point] += 1
            count = self.met.total() if self.point == ANY else self.met[point]
            mine = self.point in (ANY, point) and count == self.nth and not self.fired
            self.fired = point if mine else self.fired
        if mine:
            self._act(point)

    def _act(self, point: str) -> None:
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.action == "delay":
            time.sleep(DELAY_SECONDS)
        elif self.action == "enospc":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        else:
            raise TemporaryError(
                f"{point}: failed because {VARIABLE} asked for it; run the same command again"
            )


_armed: Fault | None = None


def activate(text: str | None) -> Fault | None:
    """Make the points fail as the text says; without one, none of them does. Raises ConfigError."""
    global _armed  # noqa: PLW0603  one process, one fault: a point must cost nothing
    _armed = parse_fault(text) if text else None
    return _armed


def parse_fault(text: str) -> Fault:
    """The fault in `point:action[:nth]`; raises ConfigError for what is none."""
    point, _, rest = text.partition(":")
    action, _, nth = rest.partition(":")
    if point != ANY and point not in POINTS:
        raise ConfigError(
            f"{VARIABLE}: no point {point[:40]!r}; known are {ANY}, {', '.join(sorted(POINTS))}"
        )
    if action not in ACTIONS:
        raise ConfigError(f"{VARIABLE}: no action {action[:40]!r}; known are {', '.join(ACTIONS)}")
    if action == "enospc" and not point.startswith("files."):
        raise ConfigError(f"{VARIABLE}: only files.… can find the disk full, not {point}")
    if nth and not (nth.isascii() and nth.isdigit() and int(nth)):
        raise ConfigError(f"{VARIABLE}: {nth[:40]!r} is no count; write 1, 2, …")
    return Fault(point, action, int(nth or 1))


def fault_point(point: str) -> None:
    """Say that the point is reached."""
    if _armed is not None:
        _armed.meet(point)


def counted() -> Counter[str]:
    """How often each point was reached since a fault was armed."""
    return Counter() if _armed is None else Counter(_armed.met)
