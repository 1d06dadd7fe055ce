"""The command line as a whole, and the options that commands share."""

from __future__ import annotations

from typing import Annotated

import typer

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

Day = Annotated[
    str, typer.Option("--day", metavar="YYYY-MM-DD", help="The day whose events are scored.")
]
Json = Annotated[bool, typer.Option("--json", help="Print a record for machines.")]
