"""The command line: commands are in commands/, errors become exit codes here."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping

import typer
from rich.console import Console
from rich.logging import RichHandler

from pipelines.commands.app import app, data_app
from pipelines.core.errors import ConfigError, RedeyeError
from pipelines.core.faults import VARIABLE, arm

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
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", datefmt="%X", handlers=[handler]
    )
    logging.getLogger("redeye").setLevel(logging.INFO)
    command = " ".join(word for word in argv[:2] if not word.startswith("-"))
    try:
        arm(environ.get(VARIABLE))
        app(argv, obj=dict(environ))
    except RedeyeError as error:
        typer.echo(f"redeye {command}: {error}", err=True)
        return error.exit_code
    except SystemExit as exit_:
        return int(exit_.code or 0)
    except MISTAKES as error:
        where = _yours(error)
        if where is None:
            raise
        said = f"{type(error).__name__}: {error}"
        typer.echo(f"redeye {command}: {where}: {said}; correct the problem there", err=True)
        return ConfigError.exit_code
    return 0


def _yours(error: Exception) -> str | None:
    """Where in the user's own code an error arose, if it did: the file and the line."""
    frames = [
        f"{frame.f_code.co_filename}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if f"{frame.f_globals.get('__name__')}.".startswith(YOURS)
    ]
    return frames[-1] if frames else None
