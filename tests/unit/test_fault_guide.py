"""The guide to faults names tests that exist, and every row of it is proved by one."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
GUIDE = (TESTS.parent / "docs" / "faults.md").read_text()


def test_every_test_that_the_guide_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)::(\w+)`", GUIDE))

    missing = [f"{file}::{name}" for file, name in sorted(named) if not exists(file, name)]

    assert missing == []
    assert len(named) > 90


def test_every_row_is_proved_or_says_that_it_is_not() -> None:
    rows = [line for line in GUIDE.splitlines() if line.startswith("| ")]

    faults = [row for row in rows if not row.startswith("| fault |")]

    assert [row for row in faults if "::" not in row and "not tested" not in row] == []


def exists(file: str, name: str) -> bool:
    found = next(TESTS.rglob(f"{file}.py"), None)
    words = (f"def test_{name}(", f"\n{name} = ")
    return found is not None and any(word in found.read_text() for word in words)
