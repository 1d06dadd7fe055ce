"""The problem: will it rain at this airport in these three hours of the day?"""

from __future__ import annotations

from pipelines.define.problem import Problem, Table
from pipelines.problem.features import FEATURES
from pipelines.problem.label import outcome, value
from pipelines.problem.model import RECIPES
from pipelines.problem.source import FIRST_DAY, ZONE, Station

PROBLEM = Problem(
    name="rain",
    label="wet",
    zone=ZONE,
    first_day=FIRST_DAY,
    tables=(
        Table("periods", "events"),
        Table("rainfall", "facts"),
        Table("weather", "facts"),
    ),
    events="periods",
    outcomes="rainfall",
    key=("airport", "hour"),
    source=Station,
    outcome=outcome,
    features=FEATURES,
    recipes=RECIPES,
    value=value,
    slices=("airport", "afternoon"),
)
