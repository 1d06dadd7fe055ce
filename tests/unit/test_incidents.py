"""Alarms that go on are told once, the strongest first, and no more than people will read."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.command_text import as_sent
from pipelines.core.records import Incident
from pipelines.monitoring.alerts import Alarm, drift_alarm
from pipelines.monitoring.drift import Drift, feature_drift
from pipelines.monitoring.incidents import file_alarms, message, tell

DAY = date(2013, 10, 1)


def alarm(subject: str = "drift temp", strength: float = 2.0, urgent: bool = False) -> Alarm:
    return Alarm(
        subject, f"{subject}.", f"redeye status --day {DAY}", strength, urgent, kind="drift"
    )


def nights(*alarms: list[Alarm], budget: int = 5) -> list[list[Incident]]:
    """What every night files of its alarms when all messages arrive."""
    known: dict[tuple[str, date], Incident] = {}
    filed = []
    for n, found in enumerate(alarms):
        day = DAY + timedelta(days=n)
        lately = [one for one in known.values() if one.last_day >= day - timedelta(days=7)]
        tonight = file_alarms(found, lately, day, budget)
        filed.append(tonight)
        for one in tonight:
            sent = {"told": "sent"} if one.told == "sending" else {}
            known[one.subject, one.first_day] = one.model_copy(update=sent)
    return filed


def told(filed: list[list[Incident]]) -> list[list[str]]:
    """Subjects that each night sends."""
    return [[one.subject for one in tonight if one.told == "sending"] for tonight in filed]


def test_features_that_drift_together_are_one_alarm() -> None:
    drifted = [
        Drift(name, psi, 0.1, 0.0, 0.0) for name, psi in zip("abcdef", range(1, 7), strict=True)
    ]
    watched: Any = SimpleNamespace(limits=SimpleNamespace(days=7, psi=0.25), drifted=drifted)
    night: Any = SimpleNamespace(day=DAY)

    (alarm,) = drift_alarm(night, watched)

    assert alarm.sentence.startswith("f looks unlike the training data")
    assert alarm.sentence.endswith("; so do 5 more, as e, d, c.")
    assert alarm.strength == drifted[-1].strength(0.25)


def test_an_alarm_that_goes_on_is_one_incident_and_told_once() -> None:
    filed = nights([alarm()], [alarm(strength=3.0)], [], [alarm()])

    assert told(filed) == [["drift temp"], [], [], []]
    (last,) = filed[-1]
    assert (last.first_day, last.last_day, last.strength) == (DAY, DAY + timedelta(days=3), 3.0)


def test_an_alarm_that_comes_back_after_some_silence_is_told_again() -> None:
    filed = nights([alarm()], [], [], [], [alarm()])

    assert told(filed)[-1] == ["drift temp"]
    assert filed[-1][0].first_day == DAY + timedelta(days=4)


def test_the_strongest_are_told_and_the_rest_is_in_the_report() -> None:
    found = [alarm(f"drift {n}", strength=1.0 + n) for n in range(8)]

    (filed,) = nights(found, budget=3)

    assert told([filed]) == [["drift 7", "drift 6", "drift 5"]]
    assert [one.told for one in filed[3:]] == ["over the budget"] * 5


def test_the_budget_is_for_a_week_and_what_waits_is_told_when_there_is_room() -> None:
    two = [alarm("drift a", 3.0), alarm("drift b", 2.0)]

    filed = nights(*[two] * 8, budget=1)

    assert told(filed) == [["drift a"], *[[]] * 6, ["drift b"]]


def test_an_outage_is_told_whatever_the_budget_and_takes_nothing_of_it() -> None:
    outage = alarm("score failed", urgent=True)

    filed = nights([outage], [alarm()], budget=1)

    assert told(filed) == [["score failed"], ["drift temp"]]
    assert told(nights([outage], budget=0)) == [["score failed"]]
    assert told(nights([outage, alarm()], budget=1)) == [["score failed", "drift temp"]]


def test_what_was_resolved_and_comes_back_is_told_again() -> None:
    (first,) = file_alarms([alarm()], [], DAY, budget=5)
    resolved = first.model_copy(update={"told": "sent", "resolved_on": DAY})

    (again,) = file_alarms([alarm()], [resolved], DAY + timedelta(days=1), budget=5)

    assert (again.told, again.first_day) == ("sending", DAY + timedelta(days=1))


def test_what_nobody_was_told_has_no_day_on_which_it_was() -> None:
    doors: Any = (
        SimpleNamespace(incidents=lambda _: [], upsert_incidents=lambda _: None),
        SimpleNamespace(tell=lambda *_: False),
    )

    (filed,) = tell([alarm()], DAY, 5, "The night", doors)

    assert (filed.told, filed.told_on) == ("there is nobody to tell", None)


def test_a_message_ends_with_the_next_command() -> None:
    (filed,) = nights([alarm("drift a", 3.0), alarm("drift b", 2.0)], budget=1)

    text = message(filed[:1], filed, budget=1)

    assert "1 more in the report only: monitor.alerts_per_week is 1" in text
    assert text.splitlines()[-1] == "  $ " + as_sent("redeye status --day 2013-10-01")
    assert "/bin/redeye status" in text


def test_ten_times_the_rows_are_not_ten_times_the_pages() -> None:
    """Forty features on thirty nights, each a little off, as features are; two of them really."""
    pages = {n: sum(map(len, told(nights(*month(n), budget=1000)))) for n in (300, 3000)}

    assert pages[3000] == pages[300] == 2


def month(rows: int) -> list[list[Alarm]]:
    generator = np.random.default_rng(9)
    names = [f"f{n}" for n in range(40)]
    levels = generator.normal(0, 0.1, 40)  # significant with enough rows, and of no size
    levels[:2] = 1.0
    then = [pd.DataFrame(generator.normal(0, 1, (rows, 40)), columns=names) for _ in range(16)]
    found = []
    for _ in range(5):
        now = pd.DataFrame(generator.normal(levels, 1, (rows, 40)), columns=names)
        drifts = feature_drift(then, [now], names)
        moved = [one for one in drifts if one.is_above(0.25)]
        found.append([alarm(f"drift {one.feature}", one.strength(0.25)) for one in moved])
    return found
