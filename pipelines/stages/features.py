"""features: what was knowable of each event at the cutoff; kept, for training and scoring alike."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

import pyarrow as pa

from pipelines.core.config import FeatureParams
from pipelines.core.errors import DataError
from pipelines.core.records import FeatureTable, Partition, Validation
from pipelines.data.ports import Lake, Validator
from pipelines.define.problem import Problem
from pipelines.features.coverage import check_tonight
from pipelines.features.inputs import find_accepted, fingerprint
from pipelines.features.meaning import meanings
from pipelines.features.ports import Engine
from pipelines.features.tables import FeatureTables

DATASET = "features"
DATASET_NOW = "features-known-now"


def features(
    day: date,
    params: FeatureParams,
    problem: Problem,
    validation: Validation,
    lake: Lake,
    engine: Engine,
    validator: Validator,
) -> FeatureTable:
    """The table of the day, and of every earlier day with events that training may read.

    Each is made from what was known for its own day, whatever has landed since. What was made by the
    same declaration from the same partitions stays as it is; the rest is computed: usually one day,
    on the first night a year. Raises DataError when a table is missing, when a file in the day's
    windows is not the one that was accepted, or when the day's features break their suite, and nothing of
    the day is kept then; also when a feature is there tonight and not on the days before, or reversed.
    """
    if not validation.passed:
        raise DataError(
            f"features {day}: {validation.reason}; run validate again once it is mended"
        )
    first = max(problem.first_day, day - timedelta(days=params.training_days))
    tables = FeatureTables(find_accepted(problem, lake, first, day), engine)
    kept = tables.keep(DATASET, partial(_judge, validator, day))
    earlier = [kept[known] for known in tables.reads if known < day]
    table = FeatureTable(
        day=day,
        names=problem.features.names,
        partition=kept[day],
        history=tuple(earlier),
        fingerprint=fingerprint(tables.text, [*earlier, kept[day]]),
        meanings=meanings(problem),
    )
    check_tonight(problem, table, lake)
    return table


def features_known_now(day: date, problem: Problem, lake: Lake, engine: Engine) -> Partition:
    """The day's table from the newest revision of everything, kept apart from what was served.

    It tells what corrections since then would have changed; nothing is trained on it or scored.
    """
    tables = FeatureTables(find_accepted(problem, lake, day, day, now=True), engine)
    return tables.keep(DATASET_NOW, lambda *_: None)[day]


def _judge(validator: Validator, tonight: date, day: date, rows: pa.Table) -> None:
    """The night's own table only: those of earlier nights were judged in theirs."""
    if day != tonight:
        return
    results = validator.judge(DATASET, rows.to_pandas())
    broken = [one for one in results if one.severity == "critical" and not one.passed]
    if broken:
        raise DataError(
            f"features {day}: {broken[0].rule} expects {broken[0].expected} and found "
            f"{broken[0].observed} ({len(broken)} critical rules broken); mend the data or "
            f"expectations/{DATASET}.json, and run features again"
        )
