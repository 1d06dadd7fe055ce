"""What MLflow tells of a challenger is shown to the person who approves it, and is no markup."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from operators import TaskFailed
from pipelines.core.text import as_markdown
from promotion_tasks import PromoteApproved, Propose

EVIL = (
    "[click](javascript:alert(1)) <img src=x onerror=alert(1)> `a` **b** https://evil \u202e\n# c"
)


def test_words_are_shown_as_they_are() -> None:
    text = as_markdown(EVIL)

    assert "\n" not in text
    assert "\u202e" not in text
    assert "https://" not in text
    for mark in "[]()<>`*#":
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
    assert given["candidate"] == given["reason"] == as_markdown(EVIL)


@pytest.mark.parametrize(
    "answer",
    ["", "UserWarning: x", "[]", "7", "null", "{}", '{"challenger": 7}', '{"challenger": {}}',
     '{"challenger": {"version": "7", "candidate": 1, "reason": "a", "trained_until": "b"}, "serving": 1}',
     "[" * 100_000],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_ends_the_proposal_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    propose: Any = Propose(task_id="propose")
    monkeypatch.setattr(Propose, "command", lambda *_: answer)

    with pytest.raises(TaskFailed, match=r"\Aexit 2: what this task was told"):
        propose.execute({})


@pytest.mark.parametrize("proposed", [None, [], "7", {}, 7])
@pytest.mark.parametrize("approved", [None, [], "yes", {"responded_by_user": 7}])
def test_an_approval_that_cannot_be_read_ends_in_one_sentence(proposed: Any, approved: Any) -> None:
    given = {"propose": proposed, "approve": approved}
    pushed: dict[str, Any] = {}
    instance = SimpleNamespace(
        xcom_pull=lambda task_ids: given[task_ids], xcom_push=pushed.__setitem__, try_number=1
    )

    with pytest.raises(TaskFailed, match=r"\Aexit 2: what this task was told"):
        PromoteApproved(task_id="promote").execute({"ti": instance})
