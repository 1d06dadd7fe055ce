"""What the guide shows is what runs: every snippet stands so in a problem that is tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "make-it-yours.md"
RAIN = Path(__file__).parents[1] / "problems" / "rain"
SNIPPETS = re.findall(r"```\w+\n(?:#|//) (\S+)\n(.*?)```", GUIDE.read_text(), re.DOTALL)


@pytest.mark.parametrize(("name", "snippet"), SNIPPETS)
def test_a_snippet_stands_in_the_file_it_names(name: str, snippet: str) -> None:
    assert snippet in (RAIN / name).read_text()


def test_no_snippet_is_without_its_file() -> None:
    assert len(SNIPPETS) == len(re.findall(r"```(?:python|json)\n", GUIDE.read_text())) > 5


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", GUIDE.read_text()))
def test_links_lead_somewhere(link: str) -> None:
    assert (GUIDE.parent / link).exists()
