"""The gate: which models may serve, and whether tonight's takes the champion's place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.core.config import PromoteParams
from pipelines.core.records import Evaluated, Evaluation, Interval, LeakCheck, Verdict
from pipelines.methods.task import BINARY, TASKS, Task

Outcome = Literal["champion", "challenger", "kept", "refused"]


@dataclass(frozen=True)
class Blessing:
    """Whether a model passed, and why."""

    passed: bool
    reason: str


def quality(
    model: Evaluated,
    params: PromoteParams,
    task: Task = BINARY,
    leaks: Sequence[LeakCheck] = (),
) -> Blessing:
    """Whether a candidate is good enough to serve at all, whoever the champion is: absolute floors.

    It must beat the baseline's loss by more than the interval, and stay within the task's floors:
    be calibrated and rank better than chance, or be right on average; and not overfit. Nothing is good
    that a leak may have made so.
    """
    gain, overfit, limits = model.over_baseline, model.overfit, task.limits(params)
    if gain is None or overfit is None:
        return Blessing(passed=False, reason=f"{model.name} was not measured as a candidate")
    gained = f"gains {spell(gain)} {task.metrics[task.loss].words}"
    found = {name: metric.mid for name, metric in model.metrics.items()} | {"overfit": overfit}
    failures = [
        floor.failure.format(found[floor.found], limits[floor.setting])
        for floor in task.floors
        if floor.breaks(found[floor.found], limits[floor.setting])
    ]
    if gain.low <= 0:
        failures.insert(0, f"does not beat the baseline by more than the interval: {gained}")
    leaked = [f"leak: {check.reason}" for check in leaks if not check.passed]
    if failures:
        leaked.append(f"{model.name} " + "; ".join(failures))
    if leaked:
        return Blessing(passed=False, reason="; ".join(leaked))
    told = [
        f"{task.metrics[name].words} {found[name]:.3f}" for name in task.told if name != task.loss
    ]
    figures = ", ".join([*told, f"overfit {overfit:+.3f}"])
    return Blessing(passed=True, reason=f"{model.name} {gained} over the baseline; {figures}")


def judge(
    evaluation: Evaluation,
    params: PromoteParams,
    blessings: Mapping[str, Blessing],
    served: frozenset[str],
) -> Verdict:
    """The verdict on the chosen candidate.

    `blessings` maps a blessing's name to how it came out; all must have passed. `served` are the
    versions that have been champion before: the gate never puts one back that somebody took down.
    A tie keeps the champion; without a champion a blessed candidate becomes it under either policy.
    """
    model = next(m for m in evaluation.models if m.name == evaluation.chosen)
    refusals = [blessing.reason for blessing in blessings.values() if not blessing.passed]
    outcome, reason = ("refused", "; ".join(refusals)) if refusals else _compare(evaluation, params)
    if outcome == "champion" and model.version in served:
        outcome, reason = (
            "kept",
            "this version was champion before and was taken down; a person may bring it back",
        )
    return Verdict(
        day=evaluation.day,
        version=model.version,
        candidate=model.name,
        blessed=not refusals,
        outcome=outcome,
        reason=reason,
        champion=model.version if outcome == "champion" else evaluation.champion,
        evidence=_evidence(evaluation, model, params),
    )


def _compare(evaluation: Evaluation, params: PromoteParams) -> tuple[Outcome, str]:
    metric = TASKS[evaluation.task].metrics[params.metric].words
    if evaluation.champion is None:
        return "champion", "there is no champion yet, and the candidate passed both blessings"
    if not evaluation.comparable:
        return "kept", f"cannot be compared with the champion: {evaluation.reason}"
    gain = evaluation.lifts[params.metric]
    if gain.low <= 0:
        worse = gain.high < 0
        why = "it is worse" if worse else "the interval includes 0, and a tie keeps the champion"
        return (
            "kept",
            f"{metric}: {spell(gain)} against the champion (version {evaluation.champion}); {why}",
        )
    better = f"{metric}: {spell(gain)} against the champion (version {evaluation.champion}), better by more than the interval"
    if params.policy == "auto":
        return "champion", better
    return "challenger", f"{better}; a person decides (promote.policy: ask)"


def spell(interval: Interval) -> str:
    """A gain as people read it: +0.0123 (+0.0100 to +0.0150)."""
    return f"{interval.mid:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"


def _evidence(evaluation: Evaluation, model: Evaluated, params: PromoteParams) -> dict[str, float]:
    evidence = {name: measured.mid for name, measured in model.metrics.items()}
    if model.over_baseline is not None:
        evidence |= {
            "gain_over_baseline": model.over_baseline.mid,
            "gain_over_baseline_low": model.over_baseline.low,
        }
    if model.overfit is not None:
        evidence["overfit"] = model.overfit
    if params.metric in evaluation.lifts:
        gain = evaluation.lifts[params.metric]
        evidence |= {"lift_low": gain.low, "lift": gain.mid, "lift_high": gain.high}
    return evidence
