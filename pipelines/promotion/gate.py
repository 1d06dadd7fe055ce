"""The gate: whether one of tonight's models takes the champion's place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pipelines.core.config import PromoteParams
from pipelines.core.records import Blessing, Claim, Evaluated, Evaluation, Verdict
from pipelines.evaluation.compare import CHAMPION
from pipelines.metrics.task import TASKS
from pipelines.promotion.claims import RESERVES
from pipelines.promotion.quality import best_baseline, format_interval, hardest_baseline
from pipelines.promotion.slices import lost_to_champion

Outcome = Literal["champion", "challenger", "kept", "refused"]
TAKEN_DOWN = "this version was champion before and was taken down; a person may bring it back"


@dataclass(frozen=True)
class Lines:
    """Which line each of tonight's candidates is of, by its name, and what is claimed of lines."""

    of: Mapping[str, str]
    champion: str | None = None  # the line of the champion
    claims: Mapping[str, Claim] = field(default_factory=dict)  # against the champion's line
    lost: Mapping[str, str] = field(default_factory=dict)  # candidate → why it must not replace it


def judge(
    evaluation: Evaluation,
    params: PromoteParams,
    blessings: Mapping[str, Mapping[str, Blessing]],
    served: frozenset[str],
    lines: Lines,
) -> Verdict:
    """The verdict on tonight's candidates: which one is put forward, if any.

    `blessings` are each candidate's, by the blessing's name; all must have passed. Another line than the
    champion's replaces it when settled days have proven that it is better. The champion's own line,
    trained anew, refreshes it unless it may be worse by more than `max_regression`: nothing new is
    claimed of it. Neither may surely be worse than the champion on a slice, or worth less. Without a
    champion that can answer, the favourite of the blessed ones, chosen without a look at the test days,
    is put forward. Of `served`, who were champion before, the gate puts none back that was taken down.
    """
    blessed = [
        one
        for one in evaluation.candidates
        if all(blessing.passed for blessing in blessings[one.name].values())
    ]
    lines = replace(lines, lost=lost_to_champion(blessed, params, evaluation.task))
    if not blessed:
        model, outcome, reason = _refuse(evaluation, blessings)
    else:
        model, outcome, reason = _choose(evaluation, params, blessed, served, lines)
    return Verdict(
        day=evaluation.day,
        version=model.version,
        candidate=model.name,
        blessed=bool(blessed),
        outcome=outcome,
        reason=reason,
        champion=model.version if outcome == "champion" else evaluation.champion,
        evidence=_figures(evaluation, model),
        withheld=None if outcome == "champion" else _withhold(evaluation),
        may_serve={one.name: one.version for one in blessed},
        lost=dict(lines.lost),
        claims=tuple(sorted(lines.claims.values(), key=lambda one: -one.evidence)),
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
    lines: Lines,
) -> Choice:
    """What becomes of the blessed candidates."""
    if evaluation.champion is None or evaluation.outdated:
        return _choose_alone(evaluation, params, blessed, served)
    proven = _proven(blessed, lines)
    if not proven:
        return _refresh(evaluation, params, blessed, served, lines)
    new = [(claim, one) for claim, one in proven if one.version not in served]
    if not new:
        return _favourite([one for _, one in proven], evaluation), "kept", TAKEN_DOWN
    claim, model = new[0]
    why = (
        f"{model.name} is proven better than the champion (version {evaluation.champion}): {claim}"
    )
    return model, *_put_forward(params, why)


def _choose_alone(
    evaluation: Evaluation,
    params: PromoteParams,
    blessed: Sequence[Evaluated],
    served: frozenset[str],
) -> Choice:
    """The favourite of the blessed candidates, when no champion can answer."""
    new = [one for one in blessed if one.version not in served]
    if not new:
        return _favourite(blessed, evaluation), "kept", TAKEN_DOWN
    model = _favourite(new, evaluation)
    if evaluation.champion is None:
        why = "there is no champion yet, and the candidate passed both blessings"
        return model, "champion", why
    why = f"{evaluation.reason}, so it does not answer; {model.name} passed both blessings"
    return model, *_put_forward(params, why)


def _claimed(blessed: Sequence[Evaluated], lines: Lines) -> list[tuple[Claim, Evaluated]]:
    """Those of another line than the champion's, with its claim, the most evidence first."""
    known = [(lines.claims.get(lines.of[one.name]), one) for one in blessed]
    found = [(claim, one) for claim, one in known if claim]
    return sorted(found, key=lambda pair: -pair[0].evidence)


def _proven(blessed: Sequence[Evaluated], lines: Lines) -> list[tuple[Claim, Evaluated]]:
    """Those that are proven better than the champion, and lost to it in nothing else."""
    claimed = _claimed(blessed, lines)
    return [(claim, one) for claim, one in claimed if claim.reached and one.name not in lines.lost]


def _refresh(
    evaluation: Evaluation,
    params: PromoteParams,
    blessed: Sequence[Evaluated],
    served: frozenset[str],
    lines: Lines,
) -> Choice:
    """The champion's own line, trained anew, unless it may be worse; else why the champion is kept."""
    # A champion of before there were specs is of the line of its name.
    same = [one for one in blessed if lines.champion in (lines.of[one.name], f"{one.name}@")]
    if not same:
        return _wait(evaluation, blessed, lines)
    model = same[0]
    if model.version in served:
        return model, "kept", TAKEN_DOWN
    if not evaluation.comparable:
        return model, "kept", f"cannot be compared with the champion: {evaluation.reason}"
    if model.name in lines.lost:
        return model, "kept", f"{lines.lost[model.name]}; the champion stays"
    loss = TASKS[evaluation.task].loss
    words = TASKS[evaluation.task].metrics[loss].words
    gain, champion = model.gains[CHAMPION][loss], evaluation.model(CHAMPION)
    least = -params.max_regression * champion.metrics[loss].mid if champion else 0.0
    found = (
        f"{model.name}, trained anew, {words}: {format_interval(gain)} against the champion "
        f"(version {evaluation.champion})"
    )
    if gain.low < least:
        why = f"{found}; it may be worse by more than {-least:.4f}, the champion stays"
        return model, "kept", why
    return model, *_put_forward(params, f"{found}, no worse by more than {-least:.4f}: a refresh")


def _wait(evaluation: Evaluation, blessed: Sequence[Evaluated], lines: Lines) -> Choice:
    """None of the blessed is of the champion's line, and none is proven better."""
    claimed = _claimed(blessed, lines)
    if not claimed:
        model = _favourite(blessed, evaluation)
        why = "no settled day has compared them yet"
        return model, "kept", f"{model.name} is of another line than the champion, and {why}"
    claim, model = claimed[0]
    told = f"{model.name} is of another line than the champion: {claim}"
    lost = lines.lost.get(model.name)
    return model, "kept", f"{told}; {lost}, and the champion stays" if lost else told


def _put_forward(params: PromoteParams, why: str) -> tuple[Outcome, str]:
    """As the policy says."""
    if params.policy == "auto":
        return "champion", why
    return "challenger", f"{why}; a person decides (promote.policy: ask)"


def _favourite(models: Sequence[Evaluated], evaluation: Evaluation) -> Evaluated:
    """The one that the fold chose; if it is not among them, the surest of the gains over the baselines."""
    chosen = [one for one in models if one.name == evaluation.chosen]
    if chosen:
        return chosen[0]
    task = TASKS[evaluation.task]
    return max(models, key=lambda one: one.gains[hardest_baseline(one, task)][task.loss].low)


def withdraw(verdict: Verdict, lines: Lines, params: PromoteParams) -> Verdict:
    """The verdict when the line before the champion's is proven better, and `on_harm` is rollback: that
    line gets the place back, and the champion's own is not refreshed. A replacement stays what it is.
    """
    harm = [one for one in verdict.harm if one.of not in RESERVES]
    own = lines.of.get(verdict.candidate) == lines.champion
    if not harm or params.on_harm != "rollback" or (verdict.outcome == "champion" and not own):
        return verdict
    reason = (
        f"{harm[0].of} is proven better than the champion's line: {harm[0]}; it is champion again"
    )
    told = {"outcome": "kept", "reason": reason, "withdrawn": harm[0].of, "withheld": None}
    return verdict.model_copy(update=told)


def describe(name: str, verdict: Verdict, lines: Lines) -> str:
    """What the gate has to say of one of tonight's candidates, for whoever looks at its version."""
    if verdict.candidate == name and verdict.outcome in ("champion", "challenger"):
        return verdict.reason
    told, lost = _described(name, verdict, lines), verdict.lost.get(name, "")
    return told if lost in told else f"{told}; {lost}"


def _described(name: str, verdict: Verdict, lines: Lines) -> str:
    if lines.of[name] == lines.champion:
        told = (
            verdict.reason
            if verdict.candidate == name
            else f"the verdict is on {verdict.candidate}"
        )
        return f"a refresh of the champion's line {lines.champion}: {told}"
    claim = lines.claims.get(lines.of[name])
    if claim is None:
        return "a replacement: no settled day has compared it with the champion yet"
    missing = (
        "it is proven"
        if claim.reached
        else f"missing is a factor of {claim.needed / claim.evidence:.3g}"
    )
    return f"a replacement: {claim}; {missing}"


def _figures(evaluation: Evaluation, model: Evaluated) -> dict[str, float]:
    task = TASKS[evaluation.task]
    figures = {name: measured.mid for name, measured in model.metrics.items()}
    if evaluation.baselines:
        gain = model.gains[hardest_baseline(model, task)][task.loss]
        figures |= {"gain_over_baseline": gain.mid, "gain_over_baseline_low": gain.low}
    if model.overfit is not None:
        figures["overfit"] = model.overfit
    if CHAMPION in model.gains:
        gain = model.gains[CHAMPION][task.loss]
        figures |= {"lift_low": gain.low, "lift": gain.mid, "lift_high": gain.high}
    return figures
