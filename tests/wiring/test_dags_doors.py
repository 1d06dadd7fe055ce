"""What MLflow tells of a challenger is shown to the person who approves it, and is no markup."""

from __future__ import annotations

import json
from typing import Any

import pytest

from doors import Propose, as_text

EVIL = (
    "[click](javascript:alert(1)) <img src=x onerror=alert(1)> `a` **b** https://evil \u202e\n# c"
)


def test_words_are_shown_as_they_are() -> None:
    text = as_text(EVIL)

    assert "\n" not in text
    assert "\u202e" not in text
    for mark in "[]()<>`*#:":
        assert text.count(mark) == text.count(f"\\{mark}")


def test_a_challenger_is_proposed_without_the_markup_of_its_tags(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    challenger = {"version": "7", "candidate": EVIL, "reason": EVIL, "trained_until": "2013-09-30"}
    told = json.dumps({"serving": "6", "challenger": challenger})
    propose: Any = Propose(task_id="propose")
    monkeypatch.setattr(Propose, "command", lambda *_: told)

    given = propose.execute({})

    assert (given["serving"], given["version"]) == ("6", "7")
    assert given["candidate"] == given["reason"] == as_text(EVIL)
