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


def as_typed(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """The text, with `redeye …` written so that it works when typed where the command was started."""
    name = _program(environ)
    if environ.get(EXPERIMENT) or environ.get("DVC_STAGE"):  # else it would act on production
        name = f"{EXPERIMENT}=yes {name}"
    return _COMMAND.sub(lambda _: f"{name} ", text)


def _program(environ: Mapping[str, str]) -> str:
    """`redeye` where the shell finds this very program by that name, and its path where it does not."""
    own = Path(sys.executable).parent / "redeye"
    # make puts the environment on PATH for its own commands only, not for who types the next one.
    borrowed = "MAKELEVEL" in environ and "VIRTUAL_ENV" not in environ
    found = None if borrowed else shutil.which("redeye", path=environ.get("PATH", ""))
    if not own.exists() or (found and Path(found).resolve() == own.resolve()):
        return "redeye"
    here = Path.cwd()
    return shlex.quote(str(own.relative_to(here) if own.is_relative_to(here) else own))
