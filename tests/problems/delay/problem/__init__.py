"""The problem: how many minutes after its schedule will a flight from LaGuardia arrive?"""

from __future__ import annotations

from datetime import date

from pipelines.define.problem import Problem, Table
from pipelines.problem.features import FEATURES
from pipelines.problem.label import outcome, value
from pipelines.problem.model import RECIPES

PLANNED = "day, carrier, flight, tailnum, dest, sched_dep_time, sched_arr_time, distance"

PROBLEM = Problem(
    name="laguardia",
    label="delay",
    task="regression",
    zone="America/New_York",
    first_day=date(2013, 1, 1),
    tables=(
        Table("schedule", "events", f"SELECT {PLANNED} FROM flights WHERE day = :day"),
        Table(
            "arrivals",
            "facts",
            f"SELECT {PLANNED}, arr_delay, known_at FROM flights WHERE day = :day",
        ),
    ),
    events="schedule",
    outcomes="arrivals",
    key=("carrier", "flight", "sched_dep_time"),
    source="sqlite:///flights.db",
    outcome=outcome,
    features=FEATURES,
    recipes=RECIPES,
    value=value,
    slices=("carrier",),
)
