"""What nobody foresaw, as one sentence; its traceback is kept beside the night's records."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime
from pathlib import Path

from pipelines.core.atomic_files import append_line
from pipelines.core.errors import ConfigError, RedeyeError, TemporaryError
from pipelines.core.text import mask

YOURS = "pipelines.problem."
# What is wrong in code, and will be the next time; a source that does not answer is no mistake.
MISTAKES = (ImportError, SyntaxError, NameError, AttributeError, TypeError, LookupError, ValueError)


def translate(error: Exception, command: str, folder: Path | None) -> RedeyeError:
    """The error in Redeye's words: a mistake in the user's own code is a matter of configuration.

    The traceback of any other is appended to crash.log in the folder, if there is one.
    """
    said = f"{type(error).__name__}: {str(error)[:300]}".replace("\n", " ").removesuffix(": ")
    where = _yours(error) if isinstance(error, MISTAKES) else None
    if where is not None:
        return ConfigError(f"{where}: {said}; correct the problem there")
    return RedeyeError(f"unexpected {said}; {_keep_traceback(error, command, folder)}")


def _keep_traceback(error: Exception, command: str, folder: Path | None) -> str:
    """Append the traceback to crash.log; where it is."""
    if folder is None:
        return "its traceback cannot be kept without a root; correct REDEYE_ROOT"
    path = folder / "crash.log"
    told = "".join(traceback.format_exception(error))
    try:
        append_line(path, mask(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC {command}\n{told}"))
    except TemporaryError as failed:
        return f"its traceback cannot be kept ({type(failed.__cause__).__name__})"
    return f"the traceback is in {path}; report it to whoever maintains Redeye"


def _yours(error: Exception) -> str | None:
    """Where in the user's own code an error arose, if it did: the file and the line."""
    frames = [
        f"{frame.f_code.co_filename}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if f"{frame.f_globals.get('__name__')}.".startswith(YOURS)
    ]
    return frames[-1] if frames else None
