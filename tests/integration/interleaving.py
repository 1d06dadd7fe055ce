"""A scheduler that lets two threads take turns at fault points, and tries every order of their steps.

One thread runs at a time, from one point to the next. Who waits for a lock says so at `sharing.waits`,
and has its turn again once the other has taken a step. So an order is a list of choices, and the same
choices give the same run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

import pytest

from pipelines.core import fault_injection as faults

WAITS = "sharing.waits"
LIMIT_SECONDS = 60


@dataclass
class ScheduledContender:
    """One thread: what it does, where it stands, and how it ended."""

    work: Callable[[], None]
    go: threading.Event = field(default_factory=threading.Event)
    stands: threading.Event = field(default_factory=threading.Event)
    waits: bool = False
    done: bool = False
    error: BaseException | None = None


class Scheduler:
    """Stands in for an armed fault: whoever reaches one of the points waits there for its turn."""

    def __init__(self, points: Collection[str], works: Collection[Callable[[], None]]) -> None:
        self._points = {*points, WAITS}
        self._turns = [ScheduledContender(work) for work in works]
        self._mine = threading.local()

    def meet(self, point: str) -> None:
        turn: ScheduledContender | None = getattr(self._mine, "turn", None)
        if turn is not None and point in self._points:
            turn.waits = point == WAITS
            self._pause(turn)

    def run(self, choices: list[int]) -> list[int]:
        """Run as the choices say, then always the first; how many could be chosen at each step."""
        threads = [threading.Thread(target=self._live, args=(turn,)) for turn in self._turns]
        for thread, turn in zip(threads, self._turns, strict=True):
            thread.start()
            assert turn.stands.wait(LIMIT_SECONDS)
        widths: list[int] = []
        while ready := [turn for turn in self._turns if not (turn.done or turn.waits)]:
            chosen = choices[len(widths)] if len(widths) < len(choices) else 0
            widths.append(len(ready))
            self._step(ready[chosen])
        for thread in threads:
            thread.join(LIMIT_SECONDS)
        assert all(turn.done for turn in self._turns), "both wait for ever"
        for turn in self._turns:
            if turn.error:
                raise turn.error
        return widths

    def _step(self, turn: ScheduledContender) -> None:
        turn.stands.clear()
        turn.go.set()
        assert turn.stands.wait(LIMIT_SECONDS)
        for other in self._turns:
            if other is not turn:
                other.waits = False

    def _live(self, turn: ScheduledContender) -> None:
        self._mine.turn = turn
        try:
            self._pause(turn)
            turn.work()
        except BaseException as error:  # noqa: BLE001  it is raised by the test's own thread
            turn.error = error
        turn.done = True
        turn.stands.set()

    def _pause(self, turn: ScheduledContender) -> None:
        turn.stands.set()
        assert turn.go.wait(LIMIT_SECONDS)
        turn.go.clear()


def every_order(
    monkeypatch: pytest.MonkeyPatch,
    points: Collection[str],
    works: Callable[[int], Collection[Callable[[], None]]],
) -> Iterator[list[int]]:
    """Run two works in every order of their steps; `works` gives them anew for each, by its number."""
    choices: list[int] | None = []
    number = 0
    while choices is not None:
        scheduler = Scheduler(points, works(number))
        monkeypatch.setattr(faults, "_armed", scheduler)
        widths = scheduler.run(choices)
        monkeypatch.setattr(faults, "_armed", None)
        taken = [*choices, *([0] * (len(widths) - len(choices)))]
        yield taken
        number += 1
        choices = _next(taken, widths)


def _next(taken: list[int], widths: list[int]) -> list[int] | None:
    """The next order, depth first; None after the last."""
    for place in range(len(taken) - 1, -1, -1):
        if taken[place] + 1 < widths[place]:
            return [*taken[:place], taken[place] + 1]
    return None
