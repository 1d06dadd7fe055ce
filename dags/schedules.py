"""When each DAG runs by itself, as params.yaml says; no DAG file names a place or an hour."""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable

from night_timetable import NightTimetable
from operators import REPOSITORY
from pipelines.core.config import read_params

TOLD = read_params(REPOSITORY / "params.yaml").schedule
AT_NIGHT = NightTimetable(f"{TOLD.night:%H:%M}", zone=TOLD.zone, catch_up=TOLD.catch_up_nights)
IN_THE_MORNING = NightTimetable(f"{TOLD.watch:%H:%M}", zone=TOLD.zone)
# A question is of no day: anybody may ask it at any time.
QUESTION = CronTriggerTimetable(f"{TOLD.watch.minute} {TOLD.watch.hour} * * *", timezone=TOLD.zone)
