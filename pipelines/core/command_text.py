"""Commands in what a person reads, as his shell takes them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from pipelines.core.config import EXPERIMENT

# A command, not the "redeye score: …" with which an error begins, and not one that has its path already.
_COMMAND = re.compile(r"(?<![\w./-])redeye (?=[a-z]+\b(?!:))")
# … also one that another process has spelled as it is typed in the project's folder.
_SPELLED = re.compile(r"(?<![\w./-])(?:\.?[\w./-]*/bin/)?redeye (?=[a-z]+\b(?!:))")


def as_typed(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """The text, with `redeye …` written so that it works when typed where the command was started."""
    name = _staying(_program(environ), environ)
    return _COMMAND.sub(lambda _: f"{name} ", text)


def as_sent(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """The text, for a reader in another shell: with the program's whole path in every command.

    For messages, pages and what Airflow shows: nobody knows the PATH or the folder of who reads them.
    """
    own = _own()
    name = _staying(shlex.quote(str(own)) if own.exists() else "redeye", environ)
    return _SPELLED.sub(lambda _: f"{name} ", text)


def _staying(name: str, environ: Mapping[str, str]) -> str:
    """The program's name, in an experiment such that it stays there: else it would act on production."""
    is_experiment = environ.get(EXPERIMENT) or environ.get("DVC_STAGE")
    return f"{EXPERIMENT}=yes {name}" if is_experiment else name


def _own() -> Path:
    """The program that belongs to this Python."""
    return Path(sys.executable).parent / "redeye"


def _program(environ: Mapping[str, str]) -> str:
    """`redeye` where the shell finds this very program by that name, and its path where it does not."""
    own = _own()
    # make puts the environment on PATH for its own commands only, not for who types the next one.
    borrowed = "MAKELEVEL" in environ and "VIRTUAL_ENV" not in environ
    found = None if borrowed else shutil.which("redeye", path=environ.get("PATH", ""))
    if not own.exists() or (found and Path(found).resolve() == own.resolve()):
        return "redeye"
    here = Path.cwd()
    return shlex.quote(str(own.relative_to(here) if own.is_relative_to(here) else own))
