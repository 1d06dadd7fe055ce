"""monitor: what was promised against what came, and one page that tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

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
from pipelines.methods.page import render
from pipelines.methods.quality import daily_quality, measure, score_metrics
from pipelines.methods.report import alerts, view
from pipelines.methods.task import task_of
from pipelines.methods.watch import Night, Watched

LOOKBACK_DAYS = 28  # of published answers whose outcomes are looked at


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
    watched = _watch(
        day, params, problem, warehouse, _drift(params, feature_table, publication, lake)
    )
    _keep(day, settlement, watched, warehouse)
    told = alerts(night, watched)
    pages.write("report.html", render("report.html", view(night, watched, told)))
    return Report(
        day=day, page=f"runs/{day}/report.html", alerts=tuple(told), metrics=_summary(watched)
    )


def _drift(
    params: MonitorParams, table: FeatureTable | None, publication: Publication | None, lake: Lake
) -> tuple[Drift, ...]:
    """The last days' features against those that the model learned from, or all days before them."""
    if table is None:
        return ()
    until = table.day - timedelta(days=params.psi_days)
    recent = [one for one in (*table.history, table.partition) if one.day > until]
    trained = publication.trained_until if publication else None
    last = min(trained, until) if trained else until
    learned = [one for one in table.history if one.day <= last]
    blocks = [
        _frame(lake, learned[place.start : place.stop])
        for place in spread_blocks(len(learned), params.psi_days)
    ]
    return feature_drift(blocks, _frame(lake, recent), table.names)


def _frame(lake: Lake, partitions: Sequence[Partition]) -> pd.DataFrame:
    frame: pd.DataFrame = lake.read(partitions).to_pandas()
    return frame


def _watch(
    day: date,
    params: MonitorParams,
    problem: Problem,
    warehouse: Warehouse,
    drift: Sequence[Drift],
) -> Watched:
    lately = warehouse.predictions(day - timedelta(days=LOOKBACK_DAYS), day - timedelta(days=1))
    known, task = lately.loc[lately["label"].notna()], task_of(problem.task)
    return Watched(
        task=task,
        scores=warehouse.predictions(day, day)["score"],
        known=known,
        quality=daily_quality(lately, problem.value, task),
        pooled=measure(known, problem.value, task),
        drift=drift,
        psi_alert=params.psi_alert,
        psi_days=params.psi_days,
    )


def _keep(day: date, settlement: Settlement | None, watched: Watched, warehouse: Warehouse) -> None:
    """Write daily metrics: of tonight's scores and features, and of days with new outcomes."""
    features = {
        drift.feature: {"psi": drift.psi, "psi_usual": drift.usual} for drift in watched.drift
    }
    warehouse.measure(day, {"scores": score_metrics(watched.scores), **features})
    settled = settlement.settled if settlement else {}
    for quality in watched.quality:
        if quality.day.isoformat() in settled:
            warehouse.measure(quality.day, {quality.subject: quality.metrics})


def _summary(watched: Watched) -> dict[str, float]:
    worst = max((drift.psi for drift in watched.drift), default=None)
    lately = {f"{name}_{LOOKBACK_DAYS}d": value for name, value in watched.pooled.items()}
    drifted = {"psi_max": worst, "features_drifted": float(len(watched.drifted))}
    return {
        **score_metrics(watched.scores),
        **lately,
        **{name: value for name, value in drifted.items() if value is not None},
    }
