"""What `redeye doctor` finds: whether whole nights can run from here, a line for each thing that they need.

Each probe has a limit of its own, none ends another, and nothing is changed by any.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.app.terminal import plain
from pipelines.core.command_text import as_typed
from pipelines.core.errors import RedeyeError
from pipelines.core.records import Record
from pipelines.core.text import mask, visible

PROBE_SECONDS = 120.0  # on a busy machine, the libraries alone take half of it to import
WORDS = 500  # of what a server says


class Finding(Record):
    """One line: what was looked at, whether it is as it should be, and the command that mends it."""

    probe: str
    green: bool
    what: str
    next: str = ""


class Diagnosis(Record):
    """doctor: everything that was looked at."""

    findings: tuple[Finding, ...]

    @property
    def red(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if not one.green)


@dataclass(frozen=True)
class Probe:
    """Something to look at; `mend` is the command for when it cannot be looked at."""

    name: str
    look: Callable[[], Iterable[Finding]]
    mend: str


def diagnose(probes: Sequence[Probe], seconds: float = PROBE_SECONDS) -> Diagnosis:
    """Look at everything at once; what has not answered after so many seconds is red."""
    found: dict[str, list[Finding]] = {}
    threads = [threading.Thread(target=_run, args=(one, found), daemon=True) for one in probes]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = f"did not answer within {seconds:g} seconds"
    lines = [found.get(one.name, [_red(one.name, late, one.mend)]) for one in probes]
    return Diagnosis(findings=tuple(finding for lines_ in lines for finding in lines_))


def _run(probe: Probe, found: dict[str, list[Finding]]) -> None:
    try:
        found[probe.name] = list(probe.look())
    except RedeyeError as error:
        found[probe.name] = [_red(probe.name, str(error), probe.mend)]
    except Exception as error:  # noqa: BLE001  what one library raises is not to end the other probes
        told = f"{type(error).__name__}: {error}"
        found[probe.name] = [_red(probe.name, told, probe.mend)]


def _red(probe: str, what: str, mend: str) -> Finding:
    told = " ".join(visible(mask(what)).split())[:WORDS]
    return Finding(probe=probe, green=False, what=told, next=mend)


def show_diagnosis(diagnosis: Diagnosis) -> None:
    """Print each finding on a line, and under a red one the command that mends it."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in _rows(diagnosis):
        table.add_row(*row)
    Console().print(table)


def _rows(diagnosis: Diagnosis) -> Iterator[tuple[Text | str, ...]]:
    for one in diagnosis.findings:
        state = "[green]green[/]" if one.green else "[red]red[/]"
        yield plain(one.probe), state, plain(one.what, "" if one.green else "red")
        if one.next:
            yield "", "", plain(f"next: {as_typed(one.next)}")
