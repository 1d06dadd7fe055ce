"""What somebody should look at in a night, each with how bad it is and the next command to run."""

from __future__ import annotations

from pipelines.monitoring.alerts.alarm import ANSWERING, Alarm, AlertKind
from pipelines.monitoring.alerts.chain import (
    chain_alarms,
    champion_withheld,
    gap_alarm,
    missing_alarm,
    over,
    recipe_alarms,
    shrunk_alarm,
    stage_failed,
)
from pipelines.monitoring.alerts.models import (
    age_alarm,
    drift_alarm,
    harm_alarms,
    live_alarms,
    model_alarms,
)
from pipelines.monitoring.analysis import MonitoringResult, Night
from pipelines.promotion.champion import Ways

__all__ = [
    "ANSWERING",
    "Alarm",
    "AlertKind",
    "age_alarm",
    "champion_withheld",
    "drift_alarm",
    "find_alarms",
    "harm_alarms",
    "missing_alarm",
    "over",
    "recipe_alarms",
    "stage_failed",
]


def find_alarms(night: Night, watched: MonitoringResult, ways: Ways) -> list[Alarm]:
    """Those of the night, urgent ones first, then the strongest.

    `ways` are the versions that could serve instead: nobody is sent to a roll-back that is refused.
    """
    found = [
        *chain_alarms(night, watched.newest),
        *gap_alarm(watched.gaps),
        *recipe_alarms(night, watched.unfitted),
        *missing_alarm(night, watched.missing),
        *shrunk_alarm(night, watched.judged),
        *model_alarms(night, watched, ways),
        *harm_alarms(night, ways),
        *age_alarm(night, watched.limits),
        *live_alarms(night, watched, ways),
        *drift_alarm(night, watched),
    ]
    return sorted(found, key=lambda alarm: (not alarm.urgent, -alarm.strength))
