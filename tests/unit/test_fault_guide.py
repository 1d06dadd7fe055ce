"""The guides to faults and to security name tests that exist, and every row of them is proved by one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
GUIDE = (TESTS.parent / "docs" / "faults.md").read_text()
SECURITY = (TESTS.parent / "docs" / "security.md").read_text()


@pytest.mark.parametrize(("guide", "least"), [(GUIDE, 90), (SECURITY, 15)])
def test_every_test_that_a_guide_names_exists(guide: str, least: int) -> None:
    named = set(re.findall(r"`(test_\w+)::(\w+)`", guide))

    missing = [f"{file}::{name}" for file, name in sorted(named) if not exists(file, name)]

    assert missing == []
    assert len(named) > least


def test_every_line_of_the_threat_model_is_shown_by_a_test() -> None:
    rows = [line for line in SECURITY.splitlines() if line.startswith("| ")]
    said = [row for row in rows if "shown by" not in row]

    assert len(said) > 10
    assert [row for row in said if not re.search(r"`test_\w+::\w+`[^|]*\|\Z", row)] == []


def test_every_row_is_proved_or_says_that_it_is_not() -> None:
    rows = [line for line in GUIDE.splitlines() if line.startswith("| ")]

    faults = [row for row in rows if not row.startswith("| fault |")]

    assert [row for row in faults if "::" not in row and "not tested" not in row] == []


def exists(file: str, name: str) -> bool:
    found = next(TESTS.rglob(f"{file}.py"), None)
    words = (f"def test_{name}(", f"\n{name} = ")
    return found is not None and any(word in found.read_text() for word in words)
