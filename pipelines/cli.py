"""The command line: commands are in commands/, errors become exit codes here."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.logging import RichHandler

from pipelines.commands.app import app, data_app
from pipelines.core.config import find_places
from pipelines.core.day import parse_day
from pipelines.core.errors import ConfigError, RedeyeError
from pipelines.core.faults import VARIABLE, arm
from pipelines.core.files import open_private
from pipelines.core.masking import mask
from pipelines.core.typed import as_typed

# They add themselves, in the order of the help.
# isort: off
from pipelines.commands import nights, stages, champion, questions, care  # noqa: F401

# isort: on

YOURS = "pipelines.problem."
# What is wrong in code, and will be the next time; a source that does not answer is no mistake.
MISTAKES = (ImportError, SyntaxError, NameError, AttributeError, TypeError, LookupError, ValueError)

app.add_typer(data_app, name="data", rich_help_panel="Questions")


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
        arm(environ.get(VARIABLE))
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
    said = mask(f"{type(error).__name__}: {str(error)[:300]}").replace("\n", " ")
    where = _yours(error) if isinstance(error, MISTAKES) else None
    if where is not None:
        typer.echo(f"redeye {command}: {where}: {said}; correct the problem there", err=True)
        return ConfigError.exit_code
    kept = _keep_traceback(error, argv, environ)
    typer.echo(f"redeye {command}: unexpected {said}; {kept}", err=True)
    return RedeyeError.exit_code


def _keep_traceback(error: Exception, argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """Append the traceback to the night's crash.log; where it is."""
    try:
        runs = find_places(environ).root / "runs"
        folder = runs / _day_of(argv)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "crash.log"
        told = "".join(traceback.format_exception(error))
        with open(path, "a", opener=open_private) as file:
            file.write(
                mask(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC redeye {' '.join(argv)}\n{told}\n")
            )
    except (OSError, RedeyeError) as failed:
        return f"its traceback cannot be kept ({type(failed).__name__})"
    return f"the traceback is in {path}; report it to whoever maintains Redeye"


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


def _yours(error: Exception) -> str | None:
    """Where in the user's own code an error arose, if it did: the file and the line."""
    frames = [
        f"{frame.f_code.co_filename}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if f"{frame.f_globals.get('__name__')}.".startswith(YOURS)
    ]
    return frames[-1] if frames else None
