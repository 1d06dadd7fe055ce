from __future__ import annotations

from datetime import date

import pytest

from pipelines.core.records import Verdict
from pipelines.methods.alarms import champion_withheld

DAY = date(2013, 10, 1)


@pytest.mark.parametrize(
    ("outcome", "command"),
    [
        ("challenger", "redeye promote --version 7 --reason 'better than the baseline'"),
        ("refused", "redeye explain --day 2013-10-01"),
        ("kept", "redeye explain --day 2013-10-01"),
    ],
)
def test_a_withheld_champion_is_told_with_what_there_is_to_do(outcome: str, command: str) -> None:
    verdict = Verdict.model_validate(
        {
            "day": DAY, "version": "7", "candidate": "linear", "blessed": True, "outcome": outcome,
            "reason": "it leaks", "champion": "5", "evidence": {}, "withheld": "version 5 is worse",
        }
    )  # fmt: skip

    alarm = champion_withheld(verdict, "the champion is withheld: version 5 is worse")

    assert (alarm.subject, alarm.command, alarm.urgent) == ("champion withheld", command, True)
    assert "version 5 is worse" in alarm.sentence
    assert ("it leaks" in alarm.sentence) == (outcome != "challenger")
