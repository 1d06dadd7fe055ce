"""The blessing for quality: whether a model is good enough to serve at all, whoever the champion is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipelines.core.config import PromoteParams
from pipelines.core.records import Blessing, Evaluated, Evaluation, Interval
from pipelines.evaluation.compare import CHAMPION, trailing_name
from pipelines.metrics.task import TASKS, Task
from pipelines.promotion.slices import slice_failures, telling


def quality(name: str, evaluation: Evaluation, params: PromoteParams) -> Blessing:
    """Whether a candidate is good enough to serve at all, whoever the champion is: absolute floors.

    It must beat the loss of every baseline by more than the interval, among them the one that `score`
    falls back on; not be surely worth less than never acting; be surely worse than that one on no slice,
    beyond a margin; be off by no more than the best baseline is, up to a margin; and stay within the task's floors. All that is said of its held-out fit; the
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
        *slice_failures(model, trailing_name(task), params, evaluation.task),
        *_off(model, evaluation, task, limits[task.excess.setting]),
        *_floors(model, task, limits),
        *_refitted(model, task, params.max_refit_distance),
    ]
    if failures:
        leaked.append(f"{name} " + "; ".join(failures))
    if leaked:
        return Blessing(passed=False, reason="; ".join(leaked))
    hardest = hardest_baseline(model, task)
    gained = (
        f"gains {format_interval(model.gains[hardest][task.loss])} {task.metrics[task.loss].words}"
    )
    told = [
        f"{task.metrics[one].words} {model.metrics[one].mid:.3f}"
        for one in task.told
        if one != task.loss
    ]
    figures = ", ".join([*told, f"overfit {model.overfit:+.3f}"])
    slices = len(telling(model.slices.get(trailing_name(task), ()), params))
    figures += f"; surely worse on none of {slices} slices" if slices else ""
    return Blessing(passed=True, reason=f"{name} {gained} over the baseline ({hardest}); {figures}")


def _unproven(model: Evaluated, task: Task) -> Iterator[str]:
    """That a baseline is not beaten: the one that is hardest to beat."""
    hardest = hardest_baseline(model, task)
    gain = model.gains[hardest][task.loss]
    if gain.low <= 0:
        words = task.metrics[task.loss].words
        yield (
            f"does not beat the baseline ({hardest}) by more than the interval: gains "
            f"{format_interval(gain)} {words}"
        )


def hardest_baseline(model: Evaluated, task: Task) -> str:
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


def format_interval(interval: Interval) -> str:
    """A gain as people read it: +0.0123 (+0.0100 to +0.0150)."""
    return f"{interval.mid:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"
