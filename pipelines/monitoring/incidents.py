"""Alarms that go on are one incident, told once; and no more are told in a week than people will read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta

from pipelines.core.command_text import as_sent
from pipelines.core.errors import ConfigError, RedeyeError, TemporaryError
from pipelines.core.records import Incident
from pipelines.monitoring.alerts import Alarm
from pipelines.monitoring.ports import Notifier, Warehouse

PAUSE_DAYS = 3  # of silence, then the same alarm is a new incident
WEEK = timedelta(days=7)
TOLD = (
    "sending",
    "sent",
)  # what was being sent when a night died may have arrived: it is not sent again
OVER = "over the budget"


def tell(
    alarms: Sequence[Alarm],
    day: date,
    budget: int,
    title: str,
    doors: tuple[Warehouse, Notifier],
) -> list[Incident]:
    """File the alarms of a night, tell people what they have not been told, and say what became of each.

    Whatever happens to the message, the night goes on: what could not be sent waits for the next one.
    """
    warehouse, notifier = doors
    known = warehouse.incidents(day - WEEK)
    filed = file_alarms(alarms, known, day, budget)
    warehouse.upsert_incidents(filed)
    due = [one for one in filed if one.told == "sending" and one.told_on == day]
    if not due:
        return filed
    try:
        told = (
            "sent"
            if notifier.tell(title, message(due, filed, budget))
            else "there is nobody to tell"
        )
    except (TemporaryError, ConfigError) as error:
        told = f"not sent: {error}"
    when = day if told == "sent" else None
    done = {one.subject: one.model_copy(update={"told": told, "told_on": when}) for one in due}
    warehouse.upsert_incidents([*done.values()])
    return [done.get(one.subject, one) for one in filed]


def tell_failure(alarm: Alarm, day: date, title: str, doors: tuple[Warehouse, Notifier]) -> str:
    """Tell people of a stage that failed, once an incident; what became of it.

    When the warehouse does not do its work nobody knows what was told before: people are told.
    """
    try:
        (incident,) = tell([alarm], day, 0, title, doors)
    except RedeyeError:
        how = doors[1].tell(title, as_sent(f"{alarm.sentence}\n  $ {alarm.command}\n"))
        return "sent" if how else "there is nobody to tell"
    return incident.told


def only_file(alarms: Sequence[Alarm], day: date) -> list[Incident]:
    """The alarms of an older night, which is monitored again: for its report, and nobody is told."""
    return [_file(one, [], day).model_copy(update={"told": "an older night"}) for one in alarms]


def file_alarms(
    alarms: Sequence[Alarm], known: Sequence[Incident], day: date, budget: int
) -> list[Incident]:
    """Each alarm as an incident, a known one if it goes on; those to be told now are `sending`.

    Urgent ones are always told. Of the others, so many a week: the strongest first. The rest waits,
    and stands in the report. `known` are the incidents of the last week.
    """
    filed = [_file(alarm, known, day) for alarm in alarms]
    spent = sum(
        one.told in TOLD and not one.urgent and one.told_on is not None and one.told_on > day - WEEK
        for one in {one.subject: one for one in (*known, *filed)}.values()
    )
    return list(_choose(filed, day, budget - spent))


def resolve(over: Collection[str], day: date, warehouse: Warehouse) -> None:
    """Resolve the incidents of a night whose subjects it no longer has, now that it is looked at again."""
    warehouse.upsert_incidents(
        [
            one.model_copy(update={"resolved_on": day})
            for one in warehouse.incidents(day)
            if one.last_day == day and one.resolved_on is None and one.subject in over
        ]
    )


def _choose(filed: Sequence[Incident], day: date, left: int) -> Iterator[Incident]:
    for one in sorted(filed, key=lambda one: (not one.urgent, -one.strength)):
        if one.told in TOLD:
            yield one
        elif one.urgent or left > 0:
            left -= not one.urgent
            yield one.model_copy(update={"told": "sending", "told_on": day})
        else:
            yield one.model_copy(update={"told": OVER})


def _file(alarm: Alarm, known: Sequence[Incident], day: date) -> Incident:
    pause = timedelta(days=PAUSE_DAYS)
    going_on = [
        one
        for one in known
        if one.subject == alarm.subject
        and one.resolved_on is None
        and one.first_day - pause <= day <= one.last_day + pause
    ]
    before = going_on[-1] if going_on else None
    return Incident(
        subject=alarm.subject,
        first_day=before.first_day if before else day,
        last_day=max(before.last_day, day) if before else day,
        strength=max(before.strength, alarm.strength) if before else alarm.strength,
        sentence=alarm.sentence,
        command=alarm.command,
        urgent=alarm.urgent,
        told=before.told if before else "new",
        told_on=before.told_on if before else None,
    )


def message(due: Sequence[Incident], filed: Sequence[Incident], budget: int) -> str:
    """What people are sent: one paragraph an incident, each ending with the next command to run."""
    waiting = sum(one.told == OVER for one in filed)
    more = (
        f"{waiting} more in the report only: monitor.alerts_per_week is {budget}.\n\n"
        if waiting
        else ""
    )
    told = "\n\n".join(f"{one.sentence}\n  $ {one.command}" for one in due)
    return as_sent(f"{more}{told}\n")
