"""A stage's command as a process: no shell, heard line by line, stopped together with all it started."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import ConfigError

# Airflow kills a task five seconds after it asked it to stop; what the stage started must be gone by then.
GRACE_SECONDS = 4.0


@dataclass(frozen=True)
class Ending:
    """How a command ended: its exit code (128 + n for signal n), the last sentence it said, and its answer.

    The answer is the last line of stdout alone: what libraries warn of stands on stderr, at any time.
    """

    exit_code: int
    sentence: str
    answer: str = ""


class Command:
    """One command, in a process group of its own."""

    def __init__(self, argv: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> None:
        self._name = argv[1] if len(argv) > 1 else argv[0]
        self._sentence = self._answer = ""
        self._rest: dict[int, bytes] = {}  # of each pipe, the line that has not ended yet
        self._out = -1
        self._process = subprocess.Popen(
            [find_executable(argv[0]), *argv[1:]],
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )

    def follow(self, say: Callable[[str], None]) -> Ending:
        """Say every line as it comes; how the command ended. Nothing of its group is left running."""
        out, err = self._process.stdout, self._process.stderr
        assert out is not None and err is not None  # noqa: S101, PT018  for the type checker: pipes
        self._out, self._rest = out.fileno(), {out.fileno(): b"", err.fileno(): b""}
        with selectors.DefaultSelector() as selector:
            for pipe in self._rest:
                os.set_blocking(pipe, False)
                selector.register(pipe, selectors.EVENT_READ)
            heard = True
            while heard or self._process.poll() is None:
                ready = [key.fd for key, _ in selector.select(timeout=0.2)]
                ready.sort(key=lambda pipe: pipe == self._out)  # what is warned of stands before
                ended = [pipe for pipe in ready if not self._hear(pipe, say)]
                for pipe in ended:
                    selector.unregister(pipe)
                if not selector.get_map():
                    with suppress(subprocess.TimeoutExpired):
                        self._process.wait(timeout=0.2)
                heard = len(ready) > len(ended)
        self._signal(signal.SIGKILL)
        for pipe in self._rest:
            self._lines(pipe, b"\n", say)
        out.close()
        err.close()
        code = self._process.wait()
        return Ending(128 - code if code < 0 else code, self._sentence, self._answer)

    def stop(self) -> None:
        """Ask the whole group to stop, and make it, if it does not within GRACE_SECONDS."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # The group lives on after its leader while anything in it does.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _hear(self, pipe: int, say: Callable[[str], None]) -> bool:
        """Whether there may be more to hear of the pipe."""
        try:
            chunk = os.read(pipe, 65536)
        except BlockingIOError:
            return True
        self._lines(pipe, chunk, say)
        return bool(chunk)

    def _lines(self, pipe: int, chunk: bytes, say: Callable[[str], None]) -> None:
        *lines, self._rest[pipe] = (self._rest[pipe] + chunk).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").rstrip()
            if text:
                say(text)
                self._remember(text)
                if pipe == self._out:
                    self._answer = text

    def _remember(self, text: str) -> None:
        """An error of `redeye` is a line that begins with the command; a crash ends with any line."""
        ours = f"redeye {self._name}: "
        if text.startswith(ours) or not self._sentence.startswith(ours):
            self._sentence = text


def find_executable(name: str) -> str:
    """The command beside this Python, or else on PATH; raises ConfigError if there is none."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise ConfigError(
            f"the command {name!r} is neither beside {sys.executable} nor on PATH; run `make install`"
        )
    return found
