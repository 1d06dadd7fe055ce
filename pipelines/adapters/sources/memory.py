"""A limit of memory for what may unpack to more than the machine has."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATM = Path("/proc/self/statm")


@contextmanager
def limited_memory(most_bytes: int) -> Iterator[None]:
    """Within, this process may take so much address space more; who asks for more gets a MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    if not STATM.exists():  # not Linux
        yield
        return
    now = int(STATM.read_text().split()[0]) * resource.getpagesize()
    limits = [now + most_bytes, *(one for one in before if one != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
