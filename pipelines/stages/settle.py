"""settle: outcomes that arrived meet what was predicted."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pandas as pd

from pipelines.core.config import SettleParams
from pipelines.core.contracts import Lake, Problem, Warehouse
from pipelines.core.records import Settlement
from pipelines.methods.effective import settled_days
from pipelines.methods.events import event_keys, label_facts, refuse_twins


def settle(
    day: date, params: SettleParams, problem: Problem, lake: Lake, warehouse: Warehouse
) -> Settlement:
    """Keep the outcomes of the last days as far as they were known at the cutoff.

    Events without a label are counted by their reason. Outcomes are kept whether the event was
    scored or not: a day that is scored later, by a backfill, finds them. A second time changes nothing.
    Raises ConfigError when the database has outcomes of events that were named by another key.
    """
    warehouse.agree(problem.key)
    first, last = settled_days(day, params, problem)
    days = lake.find(f"accepted/{problem.outcomes}", first, last, day)
    settled: dict[str, int] = {}
    unlabelled: Counter[str] = Counter()
    for partition in days:
        outcomes = _outcomes(day, problem, lake.read([partition]).to_pandas())
        warehouse.settle(outcomes)
        settled[partition.day.isoformat()] = int(outcomes["label"].notna().sum())
        unlabelled.update(outcomes["excluded"].dropna())
    return Settlement(day=day, settled=settled, unlabelled=dict(sorted(unlabelled.items())))


def _outcomes(day: date, problem: Problem, facts: pd.DataFrame) -> pd.DataFrame:
    known = facts.loc[facts["known_at"] < problem.cutoff(day)]
    keys = event_keys(known, problem.key)
    refuse_twins(keys, f"accepted/{problem.outcomes} {day}")
    ended = label_facts(known, problem)
    return known[["day", "known_at"]].assign(
        event_key=keys, label=ended["label"], excluded=ended["excluded"]
    )
