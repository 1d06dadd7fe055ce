"""settle: outcomes that arrived meet what was predicted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

import pandas as pd

from pipelines.core.config import SettleParams
from pipelines.core.errors import DataError
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import Partition, Settlement
from pipelines.data.effective_settings import settled_days
from pipelines.data.ports import Lake
from pipelines.define.problem import Problem
from pipelines.evaluation.compare import CHAMPION
from pipelines.metrics.task import task_of
from pipelines.monitoring.ports import Warehouse
from pipelines.promotion.claims import day_losses
from pipelines.training.labels import event_keys, label_facts, reject_duplicates


def settle(
    day: date, params: SettleParams, problem: Problem, lake: Lake, warehouse: Warehouse
) -> Settlement:
    """Keep the outcomes of the last days as far as they were known at the cutoff.

    Events without a label are counted by their reason. Outcomes are kept whether the event was
    scored or not: a day that is scored later, by a backfill, finds them. A published day before those,
    which no night has settled, is settled now; of such days as many a night as of the last ones. What the
    contenders lost on a settled day is counted once, as evidence. A second time changes nothing. Raises
    ConfigError when the database has outcomes of events that were named by another key.
    """
    warehouse.agree(problem.key)
    first, last = settled_days(day, params, problem)
    settled: dict[str, int] = {}
    unlabelled: Counter[str] = Counter()
    left_out = _left_out(day, first, problem, lake, warehouse)
    late = left_out[: params.lookback_days]
    latest = lake.find(f"accepted/{problem.outcomes}", first, last, day)
    for partition in (*late, *latest):
        outcomes = _outcomes(day, problem, lake.read([partition]).to_pandas())
        warehouse.settle(outcomes)
        settled[partition.day.isoformat()] = int(outcomes["label"].notna().sum())
        unlabelled.update(outcomes["excluded"].dropna())
    return Settlement(
        day=day,
        settled=settled,
        unlabelled=dict(sorted(unlabelled.items())),
        late=tuple(one.day for one in late),
        waiting=len(left_out) - len(late),
        counted=_count(day, [one.day for one in (*late, *latest)], problem, warehouse),
    )


def _count(
    night: date, settled: Sequence[date], problem: Problem, warehouse: Warehouse
) -> tuple[date, ...]:
    """Count settled days that were not, if the champion had answered before an outcome was kept; the days
    that this night has counted, now or when it ran before.
    """
    kept = warehouse.counted()
    mine = {one.day for one in kept if one.counted_on == night}
    for day in sorted(set(settled) - {one.day for one in kept}):
        answers = warehouse.early_answers(day)
        if CHAMPION not in answers:
            continue
        try:
            scores = warehouse.scores(day, day)
        except DataError:  # not what contenders gave: no evidence, and monitor tells what to do
            continue
        losses = day_losses(answers, scores, task_of(problem.task), night)
        fault_point("settle.before_count")
        warehouse.count(losses)
        mine |= {one.day for one in losses}
    return tuple(sorted(mine))


def _left_out(
    day: date, first: date, problem: Problem, lake: Lake, warehouse: Warehouse
) -> list[Partition]:
    """Outcomes of published days before the first one that no night has settled, oldest first."""
    days = warehouse.unsettled(first)
    if not days:
        return []
    landed = lake.find(f"accepted/{problem.outcomes}", days[0], days[-1], day)
    return [one for one in landed if one.day in set(days) and one.rows]


def _outcomes(day: date, problem: Problem, facts: pd.DataFrame) -> pd.DataFrame:
    known = facts.loc[facts["known_at"] < problem.cutoff(day)]
    keys = event_keys(known, problem.key)
    reject_duplicates(keys, f"accepted/{problem.outcomes} {day}")
    ended = label_facts(known, problem)
    return known[["day", "known_at"]].assign(
        event_key=keys, label=ended["label"], excluded=ended["excluded"]
    )
