"""Names in the code are the glossary's."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def replaced() -> set[str]:
    """The last column of the glossary's tables."""
    rows = [
        line.split("|") for line in (ROOT / "docs" / "glossary.md").read_text().splitlines() if line
    ]
    cells = [row[4] for row in rows if len(row) == 6]
    return {word.strip() for cell in cells for word in cell.split(",")} - {"", "not", "---"}


def declared() -> Iterator[str]:
    for folder in ("pipelines", "dags", "infra"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef | ast.FunctionDef):
                    yield node.name


def test_nothing_is_called_by_a_word_that_the_glossary_replaced() -> None:
    assert len(replaced()) > 30
    assert replaced().isdisjoint(declared())
