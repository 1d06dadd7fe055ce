from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pipelines.core.records import Validation, Verdict
from pipelines.monitoring.alerts import champion_withheld, missing_alarm, over
from pipelines.monitoring.analysis import Night
from pipelines.monitoring.maturity import Missing

DAY = date(2013, 10, 1)
NIGHT = Night(DAY, *[None] * 7, code={})


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


@pytest.mark.parametrize(("missing", "alarms"), [(49, 0), (50, 1), (60, 1)])
def test_outcomes_are_missing_when_half_of_them_are(missing: int, alarms: int) -> None:
    found = Missing(DAY, DAY, events=100, missing=missing)

    assert len(list(missing_alarm(NIGHT, found))) == alarms


def test_a_check_that_was_run_again_and_failed_again_is_not_over() -> None:
    blocked, passed = (Validation.model_construct(passed=one) for one in (False, True))

    assert "validate failed" not in over(replace(NIGHT, validation=blocked))
    assert "validate failed" in over(replace(NIGHT, validation=passed))
