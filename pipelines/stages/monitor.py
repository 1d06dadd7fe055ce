"""monitor: what was promised against what came, and one page that tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby

import pandas as pd

from pipelines.core.config import MonitorParams
from pipelines.core.dates import Gap, find_gaps
from pipelines.core.records import (
    Candidates,
    Evaluation,
    FeatureTable,
    Incident,
    IngestResult,
    Partition,
    Publication,
    Report,
    Settlement,
    Validation,
    Verdict,
)
from pipelines.data.effective_settings import judged_days
from pipelines.data.ports import Lake
from pipelines.define.problem import Problem
from pipelines.evaluation.test_set_size import find_test_set
from pipelines.metrics.task import task_of
from pipelines.monitoring.alerts import Alarm, find_alarms, over
from pipelines.monitoring.analysis import MonitoringInputs, Night, night_metrics, summary, watch
from pipelines.monitoring.drift import Drift, draw, feature_drift, find_outliers, spread_blocks
from pipelines.monitoring.incidents import only_file, resolve, tell
from pipelines.monitoring.maturity import known_by_all
from pipelines.monitoring.ports import Notifier, Warehouse
from pipelines.monitoring.promoted_quality import Promises, promise_of, read_promises
from pipelines.monitoring.quality import daily_quality
from pipelines.promotion.champion import find_ways
from pipelines.promotion.ports import Registry
from pipelines.reports.ports import RunFiles
from pipelines.reports.render import render
from pipelines.reports.run_report import view
from pipelines.training.labels import event_keys
from pipelines.training.recipes import failure_metrics


def monitor(
    day: date,
    params: MonitorParams,
    problem: Problem,
    landed: IngestResult | None,
    validation: Validation | None,
    feature_table: FeatureTable | None,
    candidates: Candidates | None,
    evaluation: Evaluation | None,
    verdict: Verdict | None,
    publication: Publication | None,
    settlement: Settlement | None,
    lake: Lake,
    registry: Registry,
    warehouse: Warehouse,
    notifier: Notifier,
    code: Mapping[str, str],
    pages: RunFiles,
    running: str | None,
) -> Report:
    """Measure the day's scores, the quality of days whose outcomes are known, and drift; write report.html.

    Whatever did not run tonight is left out, and said.
    """
    night = Night(
        day=day,
        landed=landed,
        validation=validation,
        candidates=candidates,
        evaluation=evaluation,
        verdict=verdict,
        publication=publication,
        settlement=settlement,
        code=code,
        running=running,
    )
    first, complete = judged_days(day, params, problem)
    scores = known_by_all(warehouse.scores(first, day), complete)
    scores = _slice(problem, feature_table, lake, scores)
    _keep_settled(night, problem, scores, warehouse)
    blocks, unlearned = _blocks(params, feature_table, publication, lake)
    drift = _drift(params, feature_table, blocks, unlearned, lake)
    learned = blocks[: len(blocks) - unlearned]
    _keep_rows(problem, feature_table, learned, lake, warehouse)
    measured = warehouse.read_metrics(first, day - timedelta(days=1))
    judged = find_test_set(problem.outcomes, evaluation, feature_table, measured)
    gaps = _gaps(scores, day, warehouse)
    seen = MonitoringInputs(scores, measured, drift, _promises(scores, warehouse), judged, gaps)
    watched = watch(night, params, problem, seen)
    kept = night_metrics(watched, params.lookback_days)
    warehouse.write_metrics(day, kept | failure_metrics(candidates))
    declared = feature_table.declared if feature_table else None
    alarms = find_alarms(night, watched, find_ways(registry, warehouse, declared))
    incidents = _tell(alarms, night, params, problem, (warehouse, notifier))
    shown = {"model": problem.model, **view(night, watched, incidents)}
    pages.write("report.html", render("report.html", shown))
    return Report(
        day=day,
        page=f"runs/{day}/report.html",
        alerts=tuple(f"{one.sentence} Run `{one.command}`." for one in incidents),
        metrics=summary(watched, params.lookback_days),
    )


def _gaps(scores: pd.DataFrame, day: date, warehouse: Warehouse) -> list[Gap]:
    """Days before this one on which nothing was published, since the oldest that is looked at.

    A published day without events has no scores.
    """
    scored = {*scores.loc[scores["answers"], "day"], day}
    first = min(scored)
    others = {first + timedelta(days=n) for n in range((day - first).days)} - scored
    return find_gaps(scored | {one for one in others if warehouse.published(one) is not None})


def _promises(scores: pd.DataFrame, warehouse: Warehouse) -> Promises:
    """What the versions that were asked lately were promoted with."""
    subjects = [promise_of(str(one)) for one in scores["model_version"].dropna().unique()]
    return read_promises(warehouse.read_metrics(date.min, date.max, subjects))


def _tell(
    alarms: Sequence[Alarm],
    night: Night,
    params: MonitorParams,
    problem: Problem,
    doors: tuple[Warehouse, Notifier],
) -> list[Incident]:
    """Tell people of the newest night; of one before it only the report tells."""
    day, later = night.day, night.day + timedelta(days=params.lookback_days)
    if (doors[0].read_metrics(day + timedelta(days=1), later)["subject"] == "scores").any():
        return only_file(alarms, day)
    resolve(over(night), day, doors[0])
    title = f"Redeye {problem.model}, {day}"
    return tell(alarms, day, params.alerts_per_week, title, doors)


def _slice(
    problem: Problem, table: FeatureTable | None, lake: Lake, scores: pd.DataFrame
) -> pd.DataFrame:
    """The scores, each with its event's values of the columns that quality is sliced by."""
    if table is None or not problem.slices or scores.empty:
        return scores
    days = set(scores["day"])
    kept = lake.read([one for one in (*table.history, table.partition) if one.day in days])
    events = kept.select(list(dict.fromkeys(["day", *problem.key, *problem.slices]))).to_pandas()
    columns = events[list(problem.slices)].assign(event_key=event_keys(events, problem.key))
    return scores.merge(columns, on="event_key", how="left")


def _blocks(
    params: MonitorParams, table: FeatureTable | None, publication: Publication | None, lake: Lake
) -> tuple[list[pd.DataFrame], int]:
    """Blocks of days that stand for all before the last ones, and how many of them came after training."""
    if table is None:
        return [], 0
    until = table.day - timedelta(days=params.psi_days)
    trained = publication.trained_until if publication else None
    earlier = [one for one in table.history if one.day <= until]
    places = spread_blocks(len(earlier), params.psi_days)
    unlearned = sum(trained is not None and earlier[one.stop - 1].day > trained for one in places)
    return [_frame(lake, earlier[one.start : one.stop]) for one in places], unlearned


def _drift(
    params: MonitorParams,
    table: FeatureTable | None,
    blocks: Sequence[pd.DataFrame],
    unlearned: int,
    lake: Lake,
) -> tuple[Drift, ...]:
    """The last days' features against those learned from."""
    if table is None:
        return ()
    until = table.day - timedelta(days=params.psi_days)
    recent = [one for one in (*table.history, table.partition) if one.day > until]
    return feature_drift(blocks, [_frame(lake, [one]) for one in recent], table.names, unlearned)


def _keep_rows(
    problem: Problem,
    table: FeatureTable | None,
    blocks: Sequence[pd.DataFrame],
    lake: Lake,
    warehouse: Warehouse,
) -> None:
    """Keep what a person will want to see of the day's features when something was wrong with it."""
    if table is None or not table.partition.rows:
        return
    kept = lake.read([table.partition])
    events, names = kept.to_pandas(), list(table.names)
    keys = event_keys(events, problem.key)
    places = draw(keys)
    drawn = json.loads(events.iloc[places][names].to_json(orient="records", double_precision=15))
    then = pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame()
    samples = dict(zip(keys.iloc[places], drawn, strict=True))
    warehouse.keep_rows(table.partition, samples, find_outliers(then, events, keys, names))


def _frame(lake: Lake, partitions: Sequence[Partition]) -> pd.DataFrame:
    frame: pd.DataFrame = lake.read(partitions).to_pandas()
    return frame


def _keep_settled(
    night: Night, problem: Problem, scores: pd.DataFrame, warehouse: Warehouse
) -> None:
    """Write the quality of each day whose outcomes are still arriving, in place of what it was."""
    settled = night.settlement.settled if night.settlement else {}
    arriving = scores.loc[scores["day"].astype(str).isin(settled)]
    columns = [name for name in problem.slices if name in scores]
    found = daily_quality(arriving, problem.worth, task_of(problem.task), columns)
    for day, of_day in groupby(found, lambda one: one.day):
        warehouse.write_metrics(day, {one.subject: one.metrics for one in of_day})
