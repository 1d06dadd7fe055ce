"""One model file, one table, one process: scores come back as a file, or a sentence why not.

Started by workers.py, which says on stdin what is asked. Nothing of a model is understood before its
SHA-256 is checked, nothing but the closed forms of methods/modelfile.py is ever loaded, and whatever
it does to this process ends with it.
"""

from __future__ import annotations

import gc
import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from pipelines.core.errors import RedeyeError

STARVED = (  # how libraries say that there is no memory left
    "MemoryError",
    "bad_alloc",
    "Cannot allocate memory",
    "Unable to allocate",
    "failed to map segment",
    "Resource temporarily unavailable",  # there was none for the stack of a thread
)


def main() -> int:
    """Answer the question on stdin with one line of JSON on stdout."""
    gc.disable()  # it ends with its answer, and what it imports stays until then
    _import_what_takes_long()
    asked = sys.stdin.read()
    if not asked:
        return 0  # nobody asks any more
    question = json.loads(asked)
    resource.setrlimit(resource.RLIMIT_AS, (question["memory_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _check_there_is_room(question["memory_bytes"])
        reply = {"outcome": "answered", "reason": "", **answer(question)}
    except RedeyeError as error:
        # Without memory nothing can be read, and looks broken.
        cause = f"{error.__cause__}"
        starved = any(word in cause for word in STARVED)
        reply = (
            {"outcome": "crashed", "reason": cause}
            if starved
            else {"outcome": "refused", "reason": str(error)}
        )
    except Exception as error:  # noqa: BLE001  an estimator may raise anything; the sentence tells it
        reply = {"outcome": "crashed", "reason": f"{type(error).__name__}: {_first_line(error)}"}
    print(json.dumps(reply))  # noqa: T201  the parent reads it
    gc.freeze()  # the parent waits for the end, which would be a look through all that was imported
    return 0


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Write the scores of the table's rows, in their order; what else there is to say of them."""
    import numpy as np
    import pyarrow.parquet as pq
    from threadpoolctl import threadpool_limits

    from pipelines.methods.modelfile import check_sha256, unpack

    content = Path(question["model"]).read_bytes()
    check_sha256(content, question["sha256"])
    model = unpack(question["form"], content)
    there = set(pq.read_schema(question["table"]).names)
    wanted = [name for name in model.schema if name in there]
    table = pq.read_table(
        question["table"], columns=wanted, page_checksum_verification=True, partitioning=None
    )
    started = time.monotonic()
    # Blocks of their own, each given up when it is converted: half the time and half the memory.
    with threadpool_limits(question["threads"]):
        scores = model.scores(table.to_pandas(split_blocks=True, self_destruct=True))
    seconds = time.monotonic() - started
    with Path(question["scores"]).open("wb") as file:
        np.save(file, scores, allow_pickle=False)
    return {"seconds": seconds, "bounds": model.bounds}


def _check_there_is_room(memory_bytes: int) -> None:
    """With none left before it begins, a library would fail as it likes, and not say of what."""
    if psutil.Process().memory_info().vms > memory_bytes:
        raise MemoryError


def _import_what_takes_long() -> None:
    for name in ("pandas", "pyarrow.parquet", "xgboost", "pipelines.methods.modelfile"):
        importlib.import_module(name)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]


if __name__ == "__main__":
    sys.exit(main())
