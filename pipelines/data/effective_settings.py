"""What label_maturity_days makes of the settings: the numbers that nights use.

The outcomes of a day E are complete at the cutoff of E + 1 + label_maturity_days, so the newest day
with complete outcomes is `Problem.last_mature_day(day)`. No younger day is trained on, tested on,
judged, or read by features of the outcomes. Every setting that has to reach back as far as that day
is computed here, and nowhere else; with a maturity of 0 each is what params.yaml says.
"""

from __future__ import annotations

from datetime import date, timedelta

from pipelines.core.config import IngestParams, MonitorParams, SettleParams, TrainParams
from pipelines.define.problem import Problem


def embargo_days(params: TrainParams, problem: Problem) -> int:
    """Days between the last one trained on and the first one tested: on the first test day the
    outcomes of those between were not complete.
    """
    return max(params.embargo_days, problem.label_maturity_days)


def refetch_days(params: IngestParams, problem: Problem) -> int:
    """Days of facts that are asked for again: those whose outcomes still come, and as many more as
    params.yaml says.
    """
    return params.refetch_days + problem.label_maturity_days


def settled_days(day: date, params: SettleParams, problem: Problem) -> tuple[date, date]:
    """The first and the last day whose outcomes are joined to what was predicted."""
    return trailing_days(day, params.lookback_days, problem)


def judged_days(day: date, params: MonitorParams, problem: Problem) -> tuple[date, date]:
    """The first and the last published day that is judged by its outcomes."""
    return trailing_days(day, params.lookback_days, problem)


def trailing_days(day: date, count: int, problem: Problem) -> tuple[date, date]:
    """The last `count` days with complete outcomes."""
    last = problem.last_mature_day(day)
    return last - timedelta(days=count - 1), last
