"""The command line as a whole, and the options that commands share."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from pipelines.app.services import Redeye
from pipelines.core.dates import refuse_far

HELP = """Every stage, whole nights, who is champion, and questions about all of it.

Data go to stdout, messages and progress to stderr. An error is one sentence: where, what, what to do.
"""

app = typer.Typer(
    name="redeye",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=HELP,
)
data_app = typer.Typer(no_args_is_help=True, help="Versions of the raw data.")
evidence_app = typer.Typer(no_args_is_help=True, help="Evidence in files, for people outside.")
gate_app = typer.Typer(no_args_is_help=True, help="Questions about the gate.")

Day = Annotated[
    str, typer.Option("--day", metavar="YYYY-MM-DD", help="The day whose events are scored.")
]
Force = Annotated[bool, typer.Option("--force", help="Also for a day later than tomorrow.")]
Json = Annotated[bool, typer.Option("--json", help="Print a record for machines.")]


def tell_people(redeye: Redeye, day: date, stage: str, sentence: str) -> str:
    """Tell people, once, that a stage failed; what became of the message."""
    from pipelines.monitoring.alerts import stage_failed
    from pipelines.monitoring.incidents import tell_failure

    problem, warehouse, notifier = (
        redeye.services[name]() for name in ("problem", "warehouse", "notifier")
    )
    alarm = stage_failed(stage, day, sentence)
    return tell_failure(alarm, day, f"Redeye {problem.model}, {day}", (warehouse, notifier))


def check_day(redeye: Redeye, day: date, again: str = "add --force") -> None:
    """Raises UsageError for a day later than the problem's tomorrow. Only commands read the clock."""
    now = datetime.now(UTC)
    if day > now.date():  # else no zone makes a difference
        refuse_far(day, now.astimezone(ZoneInfo(redeye.services["problem"]().zone)).date(), again)
