"""What report.html shows: one night, and how the models have done lately."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.core.records import Amount, Incident, Interval
from pipelines.monitoring.alerts import ANSWERING
from pipelines.monitoring.analysis import MonitoringResult, Night
from pipelines.monitoring.comparison import ContenderComparison
from pipelines.monitoring.expected_quality import PREFIX
from pipelines.monitoring.quality import PUBLISHED, point_estimate
from pipelines.reports.run_charts import charts, drift_chart, earnings_chart, slices_chart
from pipelines.reports.scoreboard import scoreboard

LISTED = 5  # incidents that are seen at once


def view(
    night: Night, watched: MonitoringResult, incidents: Sequence[Incident]
) -> dict[str, object]:
    """The values of the template report.html."""
    return {
        "night": night,
        "title_day": f"{night.day:%A}, {night.day.day} {night.day:%B %Y}",
        "incidents": incidents,
        "listed": LISTED,
        "headline": _headline(night),
        "tables": _tables(night),
        "models": _models(night),
        "scoreboard": scoreboard(night.candidates, watched.task),
        "metrics": {name: metric.words for name, metric in watched.task.metrics.items()},
        "promised": _promised(night, watched),
        "unpromised": _unpromised(night, watched),
        "discrimination": watched.discrimination,
        "means": _means(watched),
        "off": watched.live.apart >= 1,
        "live": watched.live,
        "skill": _skill(watched),
        "known_days": len(watched.quality),
        "diagnosis": watched.diagnosis,
        "expected": _expected(watched),
        "reconciled": _reconciled(watched),
        "charts": charts(night, watched),
        "standings": [(one, _ahead(one, watched)) for one in watched.standings],
        "shares": [(one, _ahead(one, watched)) for one in watched.shares],
        "told": {name: watched.task.metrics[name].words for name in watched.task.watched},
        "loss": watched.task.loss,
        "earnings": watched.earnings,
        "earnings_chart": earnings_chart(watched.earnings),
        "slices_chart": slices_chart(watched),
        "slices": watched.slices,
        "maturity": _matured(watched),
        "drift_chart": drift_chart(watched),
        "drift": watched.drift,
        "drifted": {drift.feature for drift in watched.drifted},
        "facts": _facts(night),
    }


def _headline(night: Night) -> tuple[str, str]:
    """A word's colour and the night in one sentence."""
    answer = night.publication
    if answer is None:
        return "bad", "No predictions were published for this day."
    who = answer.answered_by + (
        f", version {answer.model_version}," if answer.model_version else ""
    )
    good = answer.answered_by in ANSWERING
    return (
        "good" if good else "warn"
    ), f"{answer.scored:,} events were scored; the {who} answered."


def _tables(night: Night) -> list[tuple[str, int, int, int, int]]:
    """Table, partitions judged, rows landed, accepted and quarantined."""
    checks = night.validation.checks if night.validation else ()
    return [
        (
            name,
            sum(check.table == name for check in checks),
            sum(check.landed for check in checks if check.table == name),
            sum(check.accepted for check in checks if check.table == name),
            sum(check.quarantined for check in checks if check.table == name),
        )
        for name in dict.fromkeys(check.table for check in checks)
    ]


def _models(night: Night) -> list[tuple[str, str, bool, dict[str, Interval]]]:
    """Name, version, whether chosen, and metrics of every model of the evaluation."""
    if night.evaluation is None:
        return []
    chosen = night.evaluation.chosen
    return [(m.name, m.version, m.name == chosen, m.metrics) for m in night.evaluation.models]


def _ahead(
    standing: ContenderComparison, watched: MonitoringResult
) -> tuple[str, str, Amount] | None:
    """A word's colour, the word, and the gain over the champion in the loss, if there is one."""
    gain = standing.gains.get(watched.task.loss)
    if gain is None:
        return None
    if not isinstance(gain, Interval) or gain.low <= 0 <= gain.high:
        return "info", "as good", gain
    return ("good", "ahead", gain) if gain.low > 0 else ("warn", "behind", gain)


def _expected(watched: MonitoringResult) -> tuple[str, Amount] | None:
    """The loss to expect of the day's answers, by its name."""
    loss = watched.task.loss
    found = watched.expected.get(PUBLISHED, {}).get(f"{PREFIX}{loss}")
    return None if found is None else (watched.task.metrics[loss].words, found)


def _reconciled(watched: MonitoringResult) -> list[tuple[str, int, float, float]]:
    """Metric, days, mean estimate less what came, and mean distance, of what was published."""
    mine = [one for one in watched.reconciled if one.subject == PUBLISHED]
    found = []
    for name, metric in watched.task.metrics.items():
        errors = [-one.error for one in mine if one.metric == name]
        if errors:
            apart = sum(map(abs, errors)) / len(errors)
            found.append((metric.words, len(errors), sum(errors) / len(errors), apart))
    return found


def _means(watched: MonitoringResult) -> dict[str, str | None]:
    """What was said for today, and lately said and observed, as people write it."""
    average, pooled = watched.task.average, watched.pooled
    found = {"today": watched.scores.mean() if len(watched.scores) else None}
    for which in ("predicted", "observed"):
        amount = pooled.get(f"{average}_{which}")
        found[which] = None if amount is None else point_estimate(amount)
    shown = watched.task.shown
    return {name: None if mean is None else shown(mean) for name, mean in found.items()}


def _skill(watched: MonitoringResult) -> tuple[str, float] | None:
    """How well published scores tell events apart lately: its words and the number.

    The baseline does not try to: it says one number a day.
    """
    name = watched.task.skill
    if name not in watched.pooled or watched.known["model_version"].isna().all():
        return None
    return watched.task.metrics[name].words, point_estimate(watched.pooled[name])


def _matured(watched: MonitoringResult) -> str:
    """How outcomes arrive, in a sentence."""
    curve = watched.maturity
    if not curve:
        return ""
    loss, first = watched.task.metrics[watched.task.loss].words, curve[0]
    moved = (
        f"; by then the day's {loss} is {first.moved:.4f} from its last value"
        if first.moved
        else ""
    )
    last = curve[-1]
    more = f", {last.arrived:.2%} after {last.nights} nights" if len(curve) > 1 else ""
    return f"{first.arrived:.2%} of a day's outcomes are known one night later{moved}{more}."


def _promised(night: Night, watched: MonitoringResult) -> list[tuple[str, Interval, Amount, bool]]:
    """Metric, what the answering version was promoted with, what came of its scores, whether within."""
    version = night.publication.model_version if night.publication else None
    promise = watched.promises.get(str(version), {})
    mine = next((one for one in watched.standings if one.subject.endswith(f" {version}")), None)
    if mine is None:
        return []
    pairs = [
        (metric.words, promise[name], mine.metrics[name])
        for name, metric in watched.task.metrics.items()
        if name in promise and name in mine.metrics
    ]
    return [(name, span, came, _within(span, came)) for name, span, came in pairs]


def _within(promised: Interval, came: Amount) -> bool:
    """Whether what came may be what was promised: their intervals meet."""
    if isinstance(came, Interval):
        return came.low <= promised.high and promised.low <= came.high
    return promised.low <= came <= promised.high


def _unpromised(night: Night, watched: MonitoringResult) -> str | None:
    """The version that answered, if nobody knows what it was promoted with."""
    version = night.publication.model_version if night.publication else None
    return version if version and version not in watched.promises else None


def _facts(night: Night) -> list[tuple[str, str]]:
    """Where everything came from."""
    answer = night.publication
    facts = {
        "scoring run": answer.run_id if answer else None,
        "checksum of the scores": answer.checksum if answer else None,
        "model version": answer.model_version if answer else None,
        "model file (SHA-256)": answer.model_sha256 if answer else None,
        "trained until": f"{answer.trained_until or ''}" if answer else None,
        "tonight's run in MLflow": night.candidates.run_id if night.candidates else None,
        "data version": night.landed.version if night.landed else None,
        "kept at": night.landed.recorded if night.landed else None,
        "code (git commit)": night.code.get("git_commit"),
        "lock (SHA-256)": night.code.get("lock_sha256"),
    }
    return [(name, value) for name, value in facts.items() if value]
