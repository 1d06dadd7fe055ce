"""The process from which models are asked, each in a child of its own: one model file, one table.

Started by pool.py, which says on stdin what is asked; what came of it stands in files beside the
scores. The libraries are imported once, before the children begin. Nothing of a model is understood
before its SHA-256 is checked, nothing but the closed forms of training/model_file.py is ever loaded, and
whatever it does to its process ends with it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from pipelines.core.atomic_files import read_regular
from pipelines.core.errors import RedeyeError

POLL_SECONDS = 0.01
REPLY_BYTES = 2**20  # what a child may write beside its scores: a reason, the names of features
REASON = 2000  # characters of a reason that are told
STARVED = (  # how libraries say that there is no memory left
    "MemoryError",
    "bad_alloc",
    "Cannot allocate memory",
    "Unable to allocate",
    "failed to map segment",
    "Resource temporarily unavailable",  # there was none for the stack of a thread
)


def main() -> int:
    """Start and end children as stdin says, and say on stdout how each ended, until stdin is closed."""
    gc.disable()  # it forks, and what it imports stays until the end
    _import_what_takes_long()
    gc.freeze()
    print(json.dumps({"ready": time.time()}), flush=True)  # noqa: T201  the parent reads it
    children: dict[int, int] = {}
    rest = b""
    while True:
        ready, _, _ = select.select([0], [], [], POLL_SECONDS if children else None)
        if ready:
            said = os.read(0, 2**16)
            if not said:
                break  # nobody asks any more
            *lines, rest = (rest + said).split(b"\n")
            for line in lines:
                _obey(json.loads(line), children)
        _report_ended(children)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return 0


def _obey(order: dict[str, Any], children: dict[int, int]) -> None:
    """A question begins a child; `end` is the number of one that has taken too long."""
    if "end" in order:
        for child, number in children.items():
            if number == order["end"]:
                os.kill(child, signal.SIGKILL)
        return
    child = os.fork()
    if child == 0:
        _be_asked(order)
    children[child] = order["number"]


def _report_ended(children: dict[int, int]) -> None:
    for child in list(children):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            print(json.dumps({"number": children.pop(child), "code": code}), flush=True)  # noqa: T201  the parent reads it


def _be_asked(question: dict[str, Any]) -> None:
    """Answer within limits, and end this process."""
    code = 1
    with suppress(BaseException):  # what is not written is told by the end of the process
        nowhere, told = os.open(os.devnull, os.O_RDWR), os.open(question["told"], os.O_WRONLY)
        for stream, file in ((0, nowhere), (1, nowhere), (2, told)):
            os.dup2(file, stream)
        # Bytes that may be written: eight a score, and the reply.
        written = 8 * question["rows"] + REPLY_BYTES
        for limit, value in (
            (resource.RLIMIT_AS, question["memory_bytes"]),
            (resource.RLIMIT_FSIZE, written),
            (resource.RLIMIT_CORE, 0),
        ):
            hard = resource.getrlimit(limit)[1]  # which nobody may raise
            most = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(limit, (most, most))
        Path(question["reply"]).write_text(json.dumps(_reply(question)))
        code = 0
    os._exit(code)


def _reply(question: dict[str, Any]) -> dict[str, Any]:
    """What came of a question."""
    try:
        _check_there_is_room(question["memory_bytes"])
        return {"outcome": "answered", "reason": "", **answer(question)}
    except RedeyeError as error:
        # Without memory nothing can be read, and looks broken.
        cause = f"{error.__cause__}"
        if any(word in cause for word in STARVED):
            return {"outcome": "crashed", "reason": cause[:REASON]}
        return {"outcome": "refused", "reason": str(error)[:REASON]}
    except Exception as error:  # noqa: BLE001  an estimator may raise anything; the sentence tells it
        return {"outcome": "crashed", "reason": f"{type(error).__name__}: {_first_line(error)}"}


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Write the scores of the table's rows, in their order; what else there is to say of the model."""
    import pyarrow.parquet as pq
    from threadpoolctl import threadpool_limits

    from pipelines.training.model_file import check_sha256, unpack

    content = read_regular(question["model"])
    check_sha256(content, question["sha256"])
    model = unpack(question["form"], content)
    told = {"bounds": model.bounds, "features": list(model.schema)}
    if question["table"] is None:
        return told
    there = set(pq.read_schema(question["table"]).names)
    wanted = [name for name in model.schema if name in there]
    table = pq.read_table(
        question["table"], columns=wanted, page_checksum_verification=True, partitioning=None
    )
    # Blocks of their own, each given up when it is converted: half the time and half the memory.
    with threadpool_limits(question["threads"]):
        scores = model.scores(table.to_pandas(split_blocks=True, self_destruct=True))
    Path(question["scores"]).write_bytes(scores.tobytes())
    return told


def _check_there_is_room(memory_bytes: int) -> None:
    """With none left before it begins, a library would fail as it likes, and not say of what."""
    if psutil.Process().memory_info().vms > memory_bytes:
        raise MemoryError


def _import_what_takes_long() -> None:
    for name in (
        "pandas",
        "pyarrow.dataset",
        "pyarrow.pandas_compat",
        "pyarrow.parquet",
        "xgboost",
        "skops.io",
        "pipelines.training.model_file",
    ):
        importlib.import_module(name)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:REASON]


if __name__ == "__main__":
    sys.exit(main())
