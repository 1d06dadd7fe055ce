"""The command line: commands are in commands/, errors become exit codes here."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress

import typer
from rich.console import Console
from rich.logging import RichHandler

from pipelines.commands.app import app, data_app, evidence_app, gate_app
from pipelines.core.command_text import as_typed
from pipelines.core.config import find_places
from pipelines.core.crash import translate
from pipelines.core.dates import parse_day
from pipelines.core.errors import RedeyeError
from pipelines.core.fault_injection import VARIABLE, activate
from pipelines.core.text import mask

# They add themselves, in the order of the help.
# isort: off
from pipelines.commands import nights, stages, champion  # noqa: F401
from pipelines.commands import inspect as questions  # noqa: F401
from pipelines.commands import score_card  # noqa: F401
from pipelines.commands import maintenance as care  # noqa: F401
from pipelines.commands import doctor, prune  # noqa: F401
from pipelines.commands import evidence, gate, tune  # noqa: F401

# isort: on

app.add_typer(data_app, name="data", rich_help_panel="Questions")
app.add_typer(evidence_app, name="evidence", rich_help_panel="Care")
app.add_typer(gate_app, name="gate", rich_help_panel="Questions")


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    """Run one command; its exit code."""
    handler = RichHandler(
        console=Console(stderr=True), show_path=False, show_level=False, markup=False
    )
    handler.setFormatter(_Masked("%(message)s", "%X"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("redeye").setLevel(logging.INFO)
    command = " ".join(word for word in argv[:2] if not word.startswith("-"))
    try:
        activate(environ.get(VARIABLE))
        app(argv, obj=dict(environ))
    except RedeyeError as error:
        typer.echo(f"redeye {command}: {as_typed(str(error))}", err=True)
        return error.exit_code
    except SystemExit as exit_:
        return int(exit_.code or 0)
    except Exception as error:  # noqa: BLE001  the last net: one sentence, and the traceback kept
        return _report(error, command, argv, environ)
    return 0


def _report(error: Exception, command: str, argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Say in one sentence what nobody foresaw, or what is wrong in the user's own code."""
    folder = None
    with suppress(RedeyeError):
        folder = find_places(environ).root / "runs" / _day_of(argv)
    told = translate(error, f"redeye {' '.join(argv)}", folder)
    typer.echo(f"redeye {command}: {told}", err=True)
    return told.exit_code


def _day_of(argv: Sequence[str]) -> str:
    """The day that a command is about; nothing when it names none."""
    for option, value in zip(argv, [*argv[1:], ""], strict=True):
        if option == "--day":
            try:
                return parse_day(value).isoformat()
            except RedeyeError:
                return ""
    return ""


class _Masked(logging.Formatter):
    """Messages of libraries without passwords and keys."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))
