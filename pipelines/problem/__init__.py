"""The problem: will a flight that leaves New York today arrive 15 minutes late or more?"""

from __future__ import annotations

from pipelines.define.problem import Problem, Table
from pipelines.problem.features import FEATURES
from pipelines.problem.label import outcome
from pipelines.problem.model import RECIPES
from pipelines.problem.source import FIRST_DAY, ZONE, ReplaySource
from pipelines.problem.value import value

PROBLEM = Problem(
    name="flights",
    label="late",
    zone=ZONE,
    first_day=FIRST_DAY,
    tables=(
        Table("schedule", "events"),
        Table("flights", "facts"),
        Table("weather", "facts"),
        Table("planes", "dimension"),
        Table("airports", "dimension"),
        Table("airlines", "dimension"),
    ),
    events="schedule",
    outcomes="flights",
    key=("carrier", "flight", "origin", "sched_dep_time"),
    source=ReplaySource,
    outcome=outcome,
    features=FEATURES,
    recipes=RECIPES,
    value=value,
    slices=("origin", "carrier"),
    label_maturity_days=1,  # the late land after midnight more often; a night later all is known
)
