"""The gate: which models may serve, and whether tonight's takes the champion's place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pipelines.core.config import PromoteParams
from pipelines.core.records import Blessing, Evaluated, Evaluation, Interval, Verdict
from pipelines.evaluation.compare import CHAMPION
from pipelines.metrics.task import TASKS, Task

Outcome = Literal["champion", "challenger", "kept", "refused"]


def quality(name: str, evaluation: Evaluation, params: PromoteParams) -> Blessing:
    """Whether a candidate is good enough to serve at all, whoever the champion is: absolute floors.

    It must beat the loss of every baseline by more than the interval, among them the one that `score`
    falls back on; not be surely worth less than never acting; be off by no more than the best baseline
    is, up to a margin; and stay within the task's floors. All that is said of its held-out fit; the
    refit, which is to serve, must answer alike. Nothing is good that a leak may have made so.
    """
    model, task = evaluation.model(name), TASKS[evaluation.task]
    limits = task.limits(params)
    if model is None or model.overfit is None or not evaluation.baselines:
        why = evaluation.unanswered.get(name)
        reason = f"{name} was not measured as a candidate" + (f": {why}" if why else "")
        return Blessing(passed=False, reason=reason)
    leaked = [f"leak: {check.reason}" for check in evaluation.leaks if not check.passed]
    failures = [
        *_unproven(model, task),
        *_idle(model),
        *_off(model, evaluation, task, limits[task.excess.setting]),
        *_floors(model, task, limits),
        *_refitted(model, task, params.max_refit_distance),
    ]
    if failures:
        leaked.append(f"{name} " + "; ".join(failures))
    if leaked:
        return Blessing(passed=False, reason="; ".join(leaked))
    hardest = _hardest(model, task)
    gained = (
        f"gains {format_interval(model.gains[hardest][task.loss])} {task.metrics[task.loss].words}"
    )
    told = [
        f"{task.metrics[one].words} {model.metrics[one].mid:.3f}"
        for one in task.told
        if one != task.loss
    ]
    figures = ", ".join([*told, f"overfit {model.overfit:+.3f}"])
    return Blessing(passed=True, reason=f"{name} {gained} over the baseline ({hardest}); {figures}")


def _unproven(model: Evaluated, task: Task) -> Iterator[str]:
    """That a baseline is not beaten: the one that is hardest to beat."""
    hardest = _hardest(model, task)
    gain = model.gains[hardest][task.loss]
    if gain.low <= 0:
        words = task.metrics[task.loss].words
        yield (
            f"does not beat the baseline ({hardest}) by more than the interval: gains "
            f"{format_interval(gain)} {words}"
        )


def _hardest(model: Evaluated, task: Task) -> str:
    """The baseline over which a candidate's gain in the loss is least sure."""
    over = {name: gains for name, gains in model.gains.items() if name != CHAMPION}
    return min(over, key=lambda name: over[name][task.loss].low)


def best_baseline(evaluation: Evaluation) -> str:
    """The baseline with the least loss on the test days."""
    loss = TASKS[evaluation.task].loss
    return min(evaluation.baselines, key=lambda one: one.metrics[loss].mid).name


def _idle(model: Evaluated) -> Iterator[str]:
    gain = model.over_nothing
    if gain is not None and gain.high < 0:
        yield f"is worth less than doing nothing: {gain.mid:+.4g} ({gain.low:+.4g} to {gain.high:+.4g}) an event"


def _off(model: Evaluated, evaluation: Evaluation, task: Task, limit: float) -> Iterator[str]:
    """That it is off by more than the best baseline, by more than the interval and the limit."""
    best, metric = best_baseline(evaluation), task.excess.found
    gain, own = model.gains[best][metric], model.metrics[metric].mid
    if gain.high < 0 and -gain.mid > limit:
        yield (
            f"{task.excess.failure} {own:.3g} is further from 0 than that of the {best} by "
            f"{-gain.mid:.3g} ({-gain.high:.3g} to {-gain.low:.3g}), above {limit:g}"
        )


def _floors(model: Evaluated, task: Task, limits: Mapping[str, float]) -> Iterator[str]:
    found = {name: metric.mid for name, metric in model.metrics.items()}
    found |= {"overfit": model.overfit or 0.0}
    for floor in task.floors:
        if floor.breaks(found[floor.found], limits[floor.setting]):
            yield floor.failure.format(found[floor.found], limits[floor.setting])


def _refitted(model: Evaluated, task: Task, limit: float) -> Iterator[str]:
    """That the fit which is to serve is not the like of the one that was judged."""
    refit = model.refit
    if refit is None:
        return
    if refit.gain.high < 0:
        yield (
            f"is worse when fitted on all days, on days that it has seen: {format_interval(refit.gain)} "
            f"{task.metrics[task.loss].words} over the held-out fit"
        )
    if refit.distance > limit:
        yield (
            f"answers otherwise when fitted on all days: its scores are {refit.distance:.2f} times the "
            f"spread of the held-out fit's away from them, above {limit:g}"
        )


def judge(
    evaluation: Evaluation,
    params: PromoteParams,
    blessings: Mapping[str, Mapping[str, Blessing]],
    served: frozenset[str],
) -> Verdict:
    """The verdict on tonight's candidates: which one is put forward, if any.

    `blessings` are each candidate's, by the blessing's name; all must have passed. Every blessed
    candidate is compared with the champion. With several comparisons one is won by chance more often,
    so their intervals are Bonferroni's, of as many comparisons as there are candidates; Holm's further
    steps (1979) would not matter, as only one is put forward. Of those that are better, the favourite
    of the fold goes first, which was chosen without a look at these days; else the surest. A tie keeps
    the champion; without a champion a blessed candidate becomes it under either policy.
    `served` are versions that have been champion before: the gate never puts one back that somebody
    took down.
    """
    blessed = [
        one
        for one in evaluation.candidates
        if all(blessing.passed for blessing in blessings[one.name].values())
    ]
    if not blessed:
        model, outcome, reason = _refuse(evaluation, blessings)
    else:
        model, outcome, reason = _choose(evaluation, params, blessed, served)
    return Verdict(
        day=evaluation.day,
        version=model.version,
        candidate=model.name,
        blessed=bool(blessed),
        outcome=outcome,
        reason=reason,
        champion=model.version if outcome == "champion" else evaluation.champion,
        evidence=_evidence(evaluation, model, params),
        withheld=None if outcome == "champion" else _withhold(evaluation),
    )


def _withhold(evaluation: Evaluation) -> str | None:
    """Why the champion had better not answer: on these days it is surely worse than the best baseline."""
    champion, task = evaluation.model(CHAMPION), TASKS[evaluation.task]
    if champion is None:
        return None
    best = best_baseline(evaluation)
    gain = champion.gains[best][task.loss]
    if gain.high >= 0:
        return None
    return (
        f"version {champion.version} is worse than the {best} on the days from "
        f"{evaluation.first_test_day} to {evaluation.last_test_day}: {format_interval(gain)} "
        f"{task.metrics[task.loss].words}"
    )


Choice = tuple[Evaluated, Outcome, str]


def _refuse(evaluation: Evaluation, blessings: Mapping[str, Mapping[str, Blessing]]) -> Choice:
    """Why none may serve, the favourite's reasons first."""
    favourite = _favourite(evaluation.candidates, evaluation)
    leaked = any(
        not check.passed for check in evaluation.leaks
    )  # which blocks all alike: said once
    others = [one for one in evaluation.candidates if one is not favourite and not leaked]
    reasons = [
        blessing.reason
        for name in (favourite.name, *(one.name for one in others), *evaluation.unanswered)
        for blessing in blessings[name].values()
        if not blessing.passed
    ]
    return favourite, "refused", "; ".join(dict.fromkeys(reasons))


def _choose(
    evaluation: Evaluation,
    params: PromoteParams,
    blessed: Sequence[Evaluated],
    served: frozenset[str],
) -> Choice:
    """What becomes of the blessed candidates."""
    alone = evaluation.champion is None or evaluation.outdated
    if not alone and not evaluation.comparable:
        why = f"cannot be compared with the champion: {evaluation.reason}"
        return _favourite(blessed, evaluation), "kept", why
    if alone:
        better = list(blessed)
    else:
        better = [one for one in blessed if one.gains[CHAMPION][params.metric].low > 0]
    if not better:
        return _tie(evaluation, params, blessed)
    new = [one for one in better if one.version not in served]
    if not new:
        why = "this version was champion before and was taken down; a person may bring it back"
        return _favourite(better, evaluation), "kept", why
    model = _favourite(new, evaluation, params.metric)
    if evaluation.champion is None:
        why = "there is no champion yet, and the candidate passed both blessings"
        return model, "champion", why
    if evaluation.outdated:
        why = f"{evaluation.reason}, so it does not answer; {model.name} passed both blessings"
        return model, *_put_forward(params, why)
    words = TASKS[evaluation.task].metrics[params.metric].words
    why = (
        f"{model.name}, {words}: {format_interval(model.gains[CHAMPION][params.metric])} against the champion "
        f"(version {evaluation.champion}), better by more than the interval"
    )
    return model, *_put_forward(params, why)


def _put_forward(params: PromoteParams, why: str) -> tuple[Outcome, str]:
    """As the policy says."""
    if params.policy == "auto":
        return "champion", why
    return "challenger", f"{why}; a person decides (promote.policy: ask)"


def _tie(evaluation: Evaluation, params: PromoteParams, blessed: Sequence[Evaluated]) -> Choice:
    """That none of the blessed is better than the champion, as the nearest of them shows."""
    model = max(blessed, key=lambda one: one.gains[CHAMPION][params.metric].low)
    gain = model.gains[CHAMPION][params.metric]
    why = (
        "it is worse" if gain.high < 0 else "the interval includes 0, and a tie keeps the champion"
    )
    words = TASKS[evaluation.task].metrics[params.metric].words
    return (
        model,
        "kept",
        f"{model.name}, {words}: {format_interval(gain)} against the champion (version {evaluation.champion}); {why}",
    )


def _favourite(models: Sequence[Evaluated], evaluation: Evaluation, metric: str = "") -> Evaluated:
    """The one that the fold chose; if it is not among them, the surest of the gains, or of the losses."""
    chosen = [one for one in models if one.name == evaluation.chosen]
    if chosen:
        return chosen[0]
    if metric and all(CHAMPION in one.gains for one in models):
        return max(models, key=lambda one: one.gains[CHAMPION][metric].low)
    task = TASKS[evaluation.task]
    return max(models, key=lambda one: one.gains[_hardest(one, task)][task.loss].low)


def format_interval(interval: Interval) -> str:
    """A gain as people read it: +0.0123 (+0.0100 to +0.0150)."""
    return f"{interval.mid:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"


def _evidence(evaluation: Evaluation, model: Evaluated, params: PromoteParams) -> dict[str, float]:
    task = TASKS[evaluation.task]
    evidence = {name: measured.mid for name, measured in model.metrics.items()}
    if evaluation.baselines:
        gain = model.gains[_hardest(model, task)][task.loss]
        evidence |= {"gain_over_baseline": gain.mid, "gain_over_baseline_low": gain.low}
    if model.overfit is not None:
        evidence["overfit"] = model.overfit
    if CHAMPION in model.gains:
        gain = model.gains[CHAMPION][params.metric]
        evidence |= {"lift_low": gain.low, "lift": gain.mid, "lift_high": gain.high}
    return evidence
