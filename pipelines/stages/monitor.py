"""monitor: what was promised against what came, and one page that tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby

import pandas as pd

from pipelines.core.config import MonitorParams
from pipelines.core.contracts import Lake, Pages, Problem, Warehouse
from pipelines.core.records import (
    Candidates,
    Evaluation,
    FeatureTable,
    Landed,
    Partition,
    Publication,
    Report,
    Settlement,
    Validation,
    Verdict,
)
from pipelines.methods.drift import Drift, feature_drift, spread_blocks
from pipelines.methods.events import event_keys
from pipelines.methods.maturity import maturity
from pipelines.methods.oddities import draw, find_outliers
from pipelines.methods.page import render
from pipelines.methods.quality import daily_quality, middle, published_quality, score_metrics
from pipelines.methods.report import alerts, view
from pipelines.methods.slices import find_slices
from pipelines.methods.standing import shares, standings
from pipelines.methods.task import task_of
from pipelines.methods.watch import Night, Watched


def monitor(
    day: date,
    params: MonitorParams,
    problem: Problem,
    landed: Landed | None,
    validation: Validation | None,
    feature_table: FeatureTable | None,
    candidates: Candidates | None,
    evaluation: Evaluation | None,
    verdict: Verdict | None,
    publication: Publication | None,
    settlement: Settlement | None,
    lake: Lake,
    warehouse: Warehouse,
    code: Mapping[str, str],
    pages: Pages,
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
    )
    scores = warehouse.scores(day - timedelta(days=params.lookback_days), day)
    lately = _slice(problem, feature_table, lake, scores.loc[scores["day"] < day])
    blocks = _blocks(params, feature_table, publication, lake)
    watched = _watch(
        night, params, problem, scores, lately, _drift(params, feature_table, blocks, lake)
    )
    _keep_rows(problem, feature_table, blocks, lake, warehouse)
    _keep(night, params, problem, watched, lately, warehouse)
    told = alerts(night, watched)
    pages.write("report.html", render("report.html", view(night, watched, told)))
    return Report(
        day=day,
        page=f"runs/{day}/report.html",
        alerts=tuple(told),
        metrics=_summary(watched, params),
    )


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
) -> list[pd.DataFrame]:
    """Days that stand for those that the model learned from, or for all before the last ones."""
    if table is None:
        return []
    until = table.day - timedelta(days=params.psi_days)
    trained = publication.trained_until if publication else None
    last = min(trained, until) if trained else until
    learned = [one for one in table.history if one.day <= last]
    return [
        _frame(lake, learned[place.start : place.stop])
        for place in spread_blocks(len(learned), params.psi_days)
    ]


def _drift(
    params: MonitorParams, table: FeatureTable | None, blocks: Sequence[pd.DataFrame], lake: Lake
) -> tuple[Drift, ...]:
    """The last days' features against those learned from."""
    if table is None:
        return ()
    until = table.day - timedelta(days=params.psi_days)
    recent = [one for one in (*table.history, table.partition) if one.day > until]
    return feature_drift(blocks, _frame(lake, recent), table.names)


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


def _watch(
    night: Night,
    params: MonitorParams,
    problem: Problem,
    scores: pd.DataFrame,
    lately: pd.DataFrame,
    drift: Sequence[Drift],
) -> Watched:
    published, task = lately.loc[lately["answers"]], task_of(problem.task)
    columns = [name for name in problem.slices if name in lately]
    return Watched(
        task=task,
        scores=scores.loc[(scores["day"] == night.day) & scores["answers"], "score"],
        known=published.loc[published["label"].notna()],
        quality=published_quality(lately, problem.value, task),
        standings=standings(lately, problem.value, task),
        shares=shares(lately, problem.value, task),
        slices=find_slices(published, columns, problem.value, task),
        maturity=maturity(published, night.day, problem.cutoff, problem.value, task),
        drift=drift,
        psi_alert=params.psi_alert,
        psi_days=params.psi_days,
    )


def _keep(
    night: Night,
    params: MonitorParams,
    problem: Problem,
    watched: Watched,
    lately: pd.DataFrame,
    warehouse: Warehouse,
) -> None:
    """Write daily metrics: of tonight's scores and features, of everybody lately, and once more of
    each day whose outcomes are still arriving.
    """
    features = {
        drift.feature: {"psi": drift.psi, "psi_usual": drift.usual} for drift in watched.drift
    }
    named = {
        one.subject: one.named(params.lookback_days)
        for one in (*watched.standings, *watched.shares)
    }
    warehouse.measure(night.day, {"scores": score_metrics(watched.scores), **features, **named})
    settled = night.settlement.settled if night.settlement else {}
    arriving = lately.loc[lately["day"].astype(str).isin(settled)]
    columns = [name for name in problem.slices if name in lately]
    for day, of_day in groupby(
        daily_quality(arriving, problem.value, watched.task, columns), lambda one: one.day
    ):
        warehouse.measure(day, {one.subject: one.metrics for one in of_day})


def _summary(watched: Watched, params: MonitorParams) -> dict[str, float]:
    worst = max((drift.psi for drift in watched.drift), default=None)
    days = f"{params.lookback_days}d"
    lately = {f"{name}_{days}": middle(value) for name, value in watched.pooled.items()}
    drifted = {"psi_max": worst, "features_drifted": float(len(watched.drifted))}
    return {
        **score_metrics(watched.scores),
        **lately,
        **{name: value for name, value in drifted.items() if value is not None},
    }
