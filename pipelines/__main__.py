"""The process: settings that must stand before any library loads, then the command line."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType

from pipelines.core.supervisor import supervise

QUIET = {
    # Threads that spin while they wait make training several times slower on shared cores.
    "OMP_WAIT_POLICY": "PASSIVE",
    # Nothing phones home.
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is for data
    # A registry that is down is known in a minute, not in four.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MPLBACKEND": "Agg",
}


def settle_in() -> None:
    """What holds for the whole process."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    # Modules and queries live as long as the command: to look through them for garbage as often as
    # Python does by itself costs a sixth of the imports.
    gc.set_threshold(50_000, 20, 50)


def run() -> None:
    """Start of the `redeye` command."""
    settle_in()
    # A task that is cleared or out of time gets SIGTERM: leave by the way of any other error, so
    # that locks are released and files half written are removed.
    signal.signal(signal.SIGTERM, _stop)
    if sys.argv[1:2] == ["night"]:
        supervise()  # from here on in a child
    from pipelines.cli import main

    code = main(sys.argv[1:], os.environ)
    gc.freeze()  # to look through all that was imported once more takes Python most of a second
    sys.exit(code)


def _stop(signum: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signum)


if __name__ == "__main__":
    run()
