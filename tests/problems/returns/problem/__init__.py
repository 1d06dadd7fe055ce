"""The problem: will an item that is ordered today come back?"""

from __future__ import annotations

from datetime import date

from pipelines.define.problem import Problem, Table
from pipelines.problem.features import FEATURES
from pipelines.problem.label import outcome, value
from pipelines.problem.model import RECIPES

PROBLEM = Problem(
    name="shop",
    label="returned",
    zone="Asia/Kolkata",
    first_day=date(2025, 1, 1),
    tables=(Table("orders", "events"), Table("ends", "facts")),
    events="orders",
    outcomes="ends",
    key=("shop", "number"),
    source="postgresql+psycopg:///shop",
    outcome=outcome,
    features=FEATURES,
    recipes=RECIPES,
    value=value,
    slices=("shop",),
    label_maturity_days=14,  # a return comes within 10 days; who has kept it for 14 keeps it
)
