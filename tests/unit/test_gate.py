from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from pipelines.core.config import PromoteParams
from pipelines.core.records import Evaluated, Evaluation, Interval, Refit, Verdict
from pipelines.metrics.bootstrap import day_weights, interval, lift, measure
from pipelines.metrics.classification import ScoredEvents, log_loss
from pipelines.promotion.gate import Blessing, judge, quality
from pipelines.training.selection import choose

GOOD = {
    "quality": Blessing(passed=True, reason="good"),
    "infra": Blessing(passed=True, reason="loads"),
}
TIE = Interval(low=-0.01, mid=0.001, high=0.012)
BETTER = Interval(low=0.002, mid=0.01, high=0.02)
WORSE = Interval(low=-0.02, mid=-0.01, high=-0.002)
UNSURE = Interval(low=-0.02, mid=-0.01, high=0.002)  # below 0, by no more than the interval


def gate(**changes: Any) -> PromoteParams:
    settings: dict[str, Any] = {
        "policy": "ask", "metric": "log_loss", "max_calibration_excess": 0.03, "max_overfit": 0.1, "min_auc": 0.55, "max_refit_distance": 1.0, "max_model_mb": 10,
    }  # fmt: skip
    return PromoteParams(**(settings | changes))


def surely(number: float) -> Interval:
    return Interval(low=number, mid=number, high=number)


def candidate(name: str = "logistic", version: str = "7", **changes: Any) -> Evaluated:
    """One that beats both baselines, unless something is changed."""
    numbers = {"log_loss": 0.4, "calibration_error": 0.02, "auc": 0.7} | changes.pop("metrics", {})
    over = {"log_loss": BETTER, "calibration_error": TIE}
    gains = {one: over | changes.pop(one, {}) for one in ("training-rate", "trailing-rate")}
    gains |= {"champion": {"log_loss": changes.pop("gain")}} if changes.get("gain") else {}
    changes.pop("gain", None)
    made = Evaluated(
        name=name,
        version=version,
        trained_until=date(2013, 9, 1),
        metrics={name: surely(number) for name, number in numbers.items()},
        gains=gains,
        over_nothing=TIE,
        overfit=0.01,
    )
    return made.model_copy(update=changes)


def baseline(name: str, loss: float) -> Evaluated:
    metrics = {"log_loss": surely(loss), "calibration_error": surely(0.01)}
    return Evaluated(name=name, version="", trained_until=None, metrics=metrics)


BASELINES = (baseline("training-rate", 0.44), baseline("trailing-rate", 0.41))


def evaluation(gain: Interval | None, *candidates: Evaluated, **changes: Any) -> Evaluation:
    """Of these candidates; of one with such a gain over the champion, if none is given."""
    made = Evaluation(
        day=date(2013, 10, 1),
        run_id="night",
        first_test_day=date(2013, 9, 3),
        last_test_day=date(2013, 9, 30),
        rows=25_000,
        models=(*(candidates or (candidate(gain=gain),)), *BASELINES),
        chosen="logistic",
        champion="5" if gain else None,
        comparable=gain is not None,
        reason="" if gain else "there is no champion",
    )
    return made.model_copy(update=changes)


def judged(found: Evaluation, *, served: frozenset[str] = frozenset(), **settings: Any) -> Verdict:
    """The verdict when every candidate has both blessings."""
    blessings = {one.name: GOOD for one in found.candidates}
    return judge(found, gate(**settings), blessings, served)


def blessed(one: Evaluated, **changes: Any) -> Blessing:
    return quality(one.name, evaluation(TIE, one, **changes), gate())


def test_a_tie_keeps_the_champion() -> None:
    verdict = judged(evaluation(TIE), policy="auto")

    assert (verdict.outcome, verdict.champion, verdict.blessed) == ("kept", "5", True)
    assert "interval includes 0" in verdict.reason


def test_a_worse_candidate_keeps_the_champion() -> None:
    verdict = judged(evaluation(WORSE), policy="auto")

    assert verdict.outcome == "kept"
    assert "worse" in verdict.reason


def test_a_better_candidate_waits_for_a_person_when_asked_to() -> None:
    verdict = judged(evaluation(BETTER), policy="ask")

    assert (verdict.outcome, verdict.champion) == ("challenger", "5")


def test_a_better_candidate_becomes_champion_by_itself_under_auto() -> None:
    verdict = judged(evaluation(BETTER), policy="auto")

    assert (verdict.outcome, verdict.champion) == ("champion", "7")
    assert verdict.evidence["lift_low"] == BETTER.low


@pytest.mark.parametrize("policy", ["ask", "auto"])
def test_the_first_champion_is_the_gates_under_either_policy(policy: str) -> None:
    verdict = judged(evaluation(None), policy=policy)

    assert (verdict.outcome, verdict.champion) == ("champion", "7")


@pytest.mark.parametrize("blessing", ["quality", "infra"])
def test_without_both_blessings_nothing_moves(blessing: str) -> None:
    blessings = GOOD | {blessing: Blessing(passed=False, reason="it is broken")}

    for gain in (None, BETTER):
        verdict = judge(evaluation(gain), gate(policy="auto"), {"logistic": blessings}, frozenset())
        assert (verdict.outcome, verdict.blessed, verdict.reason) == (
            "refused",
            False,
            "it is broken",
        )
        assert verdict.champion == (None if gain is None else "5")


def test_a_champion_that_saw_the_test_days_is_not_compared() -> None:
    seen = evaluation(
        BETTER,
        comparable=False,
        reason="version 5 has learned from days up to 2013-09-20",
    )

    verdict = judged(seen, policy="auto")

    assert verdict.outcome == "kept"
    assert "2013-09-20" in verdict.reason


@pytest.mark.parametrize(("policy", "outcome"), [("ask", "challenger"), ("auto", "champion")])
def test_without_a_champion_that_can_answer_the_blessed_candidate_is_put_forward(
    policy: str, outcome: str
) -> None:
    why = "version 5 learned from other declarations of wind"
    found = evaluation(None, champion="5", outdated=True, reason=why)

    verdict = judged(found, policy=policy)

    assert (verdict.outcome, verdict.version) == (outcome, "7")
    assert verdict.reason.startswith(
        f"{why}, so it does not answer; logistic passed both blessings"
    )
    assert judged(found, policy=policy, served=frozenset({"7"})).outcome == "kept"


def test_what_somebody_took_down_is_not_put_back() -> None:
    verdict = judged(evaluation(BETTER), policy="auto", served=frozenset({"7"}))

    assert verdict.outcome == "kept"
    assert "taken down" in verdict.reason


def test_a_good_candidate_is_blessed_with_its_figures() -> None:
    blessing = blessed(candidate())

    assert blessing.passed
    assert "+0.0100 (+0.0020 to +0.0200) log loss over the baseline (t" in blessing.reason


@pytest.mark.parametrize("name", ["training-rate", "trailing-rate"])
def test_every_baseline_must_be_beaten_and_the_one_that_is_not_is_named(name: str) -> None:
    blessing = blessed(candidate(**{name: {"log_loss": TIE}}))

    assert not blessing.passed
    assert f"does not beat the baseline ({name}) by more than the interval" in blessing.reason


def test_what_is_surely_worth_less_than_doing_nothing_is_refused() -> None:
    assert not blessed(candidate(over_nothing=WORSE)).passed
    assert (
        "worth less than doing nothing: -0.01 (-0.02 to -0.002)"
        in blessed(candidate(over_nothing=WORSE)).reason
    )
    assert blessed(candidate(over_nothing=TIE)).passed
    assert blessed(candidate(over_nothing=UNSURE)).passed


def test_a_problem_without_a_value_has_no_floor_for_it() -> None:
    assert blessed(candidate(over_nothing=None)).passed


def test_calibration_is_held_against_the_best_baseline() -> None:
    off, slightly = (Interval(low=-by - 0.01, mid=-by, high=-0.01) for by in (0.04, 0.02))
    unsure = Interval(low=-0.09, mid=-0.04, high=0.01)

    refused = blessed(candidate(**{"trailing-rate": {"calibration_error": off}}))

    assert not refused.passed
    assert "not calibrated: its error 0.02 is further from 0 than that of the trailing-rate by 0.04 (0.01 to 0.05), above 0.03" in refused.reason  # fmt: skip
    for passes in (slightly, unsure):
        assert blessed(candidate(**{"trailing-rate": {"calibration_error": passes}})).passed
    assert blessed(candidate(**{"training-rate": {"calibration_error": off}})).passed


@pytest.mark.parametrize(
    ("n_events", "shift", "least", "most"),
    [
        (300, 0.0, 0, 2),
        (672, 0.0, 0, 2),
        (3000, 0.0, 0, 2),
        (672, 0.8, 34, 40),
        (3000, 0.4, 30, 40),
    ],
)
def test_what_is_surely_not_calibrated_is_refused_and_chance_is_not(
    n_events: int, shift: float, least: int, most: int
) -> None:
    """Of forty tests, by true probabilities with their log odds shifted, beside the true rate."""
    refused = 0
    for seed in range(40):
        logits, labels, days = a_world(seed, per_day=n_events // 28, mood=0.1)
        rate = np.full(len(logits), (1 / (1 + np.exp(-logits))).mean())
        weights = day_weights(28, 200, seed)
        mine, other = (
            measure(ScoredEvents(labels, scores, labels, days, 28), weights)
            for scores in (1 / (1 + np.exp(-logits - shift)), rate)
        )
        gain = {"calibration_error": lift(mine, other, "calibration_error")}
        one = candidate(**{"trailing-rate": gain})
        refused += not blessed(one).passed

    assert least <= refused <= most


def test_overfit_alone_blocks_and_says_so() -> None:
    blessing = blessed(candidate(overfit=0.2))

    assert not blessing.passed
    assert "overfits" in blessing.reason


def test_ranking_like_chance_alone_blocks() -> None:
    assert not blessed(candidate(metrics={"auc": 0.52})).passed


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"distance": 1.3}, "1.30 times the spread"),
        ({"gain": WORSE}, "worse when fitted on all days"),
    ],
)
def test_a_refit_that_is_not_like_the_held_out_fit_is_refused(
    changes: dict[str, Any], word: str
) -> None:
    alike = Refit(
        trained_until=date(2013, 9, 30), mean=0.2, held_out_mean=0.3, distance=0.2, gain=TIE
    )

    refused = blessed(candidate(refit=alike.model_copy(update=changes)))

    assert blessed(candidate(refit=alike)).passed
    assert blessed(candidate(refit=alike.model_copy(update={"gain": UNSURE}))).passed
    assert not refused.passed
    assert word in refused.reason


def test_what_was_not_measured_as_a_candidate_is_never_blessed() -> None:
    assert not blessed(candidate(overfit=None)).passed
    assert not quality("nobody", evaluation(TIE), gate()).passed


def test_every_blessed_candidate_is_compared_with_the_champion() -> None:
    favourite, other = candidate(gain=TIE), candidate("boosting", "8", gain=BETTER)

    verdict = judged(evaluation(TIE, favourite, other), policy="auto")

    assert (verdict.outcome, verdict.version, verdict.candidate) == ("champion", "8", "boosting")
    assert verdict.evidence["lift_low"] == BETTER.low


def test_of_several_better_ones_the_favourite_goes_first_and_then_the_surest() -> None:
    surer = Interval(low=0.005, mid=0.008, high=0.01)
    three = [candidate(n, v, gain=g) for n, v, g in (("a", "1", BETTER), ("b", "2", surer), ("c", "3", TIE))]  # fmt: skip

    assert judged(evaluation(TIE, *three, chosen="a")).version == "1"
    assert judged(evaluation(TIE, *three, chosen="c")).version == "2"


def test_what_is_not_blessed_is_not_put_forward_however_good_it_is() -> None:
    favourite, other = candidate(gain=TIE), candidate("boosting", "8", gain=BETTER)
    refused = {"quality": Blessing(passed=False, reason="it leaks")}

    verdict = judge(
        evaluation(TIE, favourite, other),
        gate(policy="auto"),
        {"logistic": GOOD, "boosting": refused},
        frozenset(),
    )

    assert (verdict.outcome, verdict.candidate) == ("kept", "logistic")


def test_without_a_champion_another_serves_when_the_favourite_is_not_blessed() -> None:
    found = evaluation(None, candidate(), candidate("boosting", "8"))
    refused = {"quality": Blessing(passed=False, reason="it is not calibrated")}

    verdict = judge(found, gate(), {"logistic": refused, "boosting": GOOD}, frozenset())

    assert (verdict.outcome, verdict.version) == ("champion", "8")


def test_a_champion_that_is_surely_worse_than_the_best_baseline_is_withheld() -> None:
    def found(training: Interval, trailing: Interval) -> Evaluation:
        gains = {"training-rate": {"log_loss": training}, "trailing-rate": {"log_loss": trailing}}
        champion = Evaluated(
            name="champion", version="5", trained_until=None, metrics={}, gains=gains
        )
        models = (candidate(gain=TIE), champion, *BASELINES)
        return evaluation(TIE).model_copy(update={"models": models})

    assert judged(found(BETTER, TIE)).withheld is None
    assert judged(found(BETTER, UNSURE)).withheld is None
    assert judged(found(WORSE, BETTER)).withheld is None  # the best baseline is the trailing rate
    withheld = judged(found(BETTER, WORSE)).withheld
    assert withheld is not None
    assert "version 5 is worse than the trailing-rate on the days from 2013-09-03" in withheld
    assert "-0.0100 (-0.0200 to -0.0020) log loss" in withheld


def test_a_champion_that_is_replaced_tonight_is_not_withheld() -> None:
    gains = {"trailing-rate": {"log_loss": WORSE}}
    champion = Evaluated(name="champion", version="5", trained_until=None, metrics={}, gains=gains)
    models = (candidate(gain=BETTER), champion, *BASELINES)
    found = evaluation(BETTER).model_copy(update={"models": models})

    assert judged(found, policy="auto").withheld is None
    assert judged(found, policy="ask").withheld is not None


def a_world(
    seed: int, n_days: int = 28, per_day: int = 200, mood: float = 0.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True logits, labels and days; each day has a mood of its own."""
    generator = np.random.default_rng(seed)
    days = np.repeat(np.arange(n_days), per_day)
    logits = generator.normal(-1.2, 0.8, len(days)) + generator.normal(0, mood, n_days)[days]
    labels = (generator.random(len(days)) < 1 / (1 + np.exp(-logits))).astype("float64")
    return logits, labels, days


def noisy(logits: np.ndarray, labels: np.ndarray, days: np.ndarray, seed: int) -> ScoredEvents:
    """A model that knows the logits up to noise of its own, also by day."""
    generator = np.random.default_rng(seed)
    wrong = generator.normal(0, 0.3, len(logits)) + generator.normal(0, 0.15, days.max() + 1)[days]
    scores = 1 / (1 + np.exp(-(logits + wrong)))
    return ScoredEvents(labels, scores, labels, days, int(days.max()) + 1)


def test_of_two_equal_models_the_new_one_is_promoted_at_most_one_time_in_twenty() -> None:
    promoted, n_worlds = 0, 400
    weights = day_weights(28, 500, seed=28)
    for seed in range(n_worlds):
        world = a_world(seed)
        new, old = (log_loss(noisy(*world, seed=1000 * seed + k), weights) for k in (1, 2))
        found = evaluation(interval(old - new, 28))
        promoted += judged(found, policy="auto").outcome == "champion"

    assert 0 < promoted <= n_worlds / 20


def test_one_of_four_equal_models_is_promoted_at_most_one_time_in_twenty() -> None:
    promoted, n_worlds, names = 0, 150, ("logistic", "b", "c", "d")
    weights = day_weights(28, 2000, seed=28)
    for seed in range(n_worlds):
        world = a_world(seed)
        old = log_loss(noisy(*world, seed=10_000 + seed), weights)
        losses = [log_loss(noisy(*world, seed=1000 * seed + k), weights) for k in range(4)]
        gains = [interval(old - new, 28, comparisons=4) for new in losses]
        four = [candidate(name, name, gain=gain) for name, gain in zip(names, gains, strict=True)]
        promoted += judged(evaluation(TIE, *four), policy="auto").outcome == "champion"

    assert promoted <= n_worlds / 20


def test_a_simpler_candidate_wins_although_a_more_complex_one_is_better_by_chance() -> None:
    logits, labels, days = a_world(3)
    weights = day_weights(28, 200, seed=28)
    alike = {
        name: measure(noisy(logits, labels, days, seed), weights) for seed, name in enumerate("ab")
    }
    worst_first = sorted(alike, key=lambda name: -alike[name].mid("log_loss"))

    chosen, reason = choose(worst_first, alike, "log_loss")

    assert alike[worst_first[0]].mid("log_loss") > alike[worst_first[1]].mid("log_loss")
    assert chosen == worst_first[0]
    assert "not measurably worse" in reason


def test_a_more_complex_candidate_wins_when_it_is_better_by_more_than_the_interval() -> None:
    logits, labels, days = a_world(3)
    weights = day_weights(28, 200, seed=28)
    blind = ScoredEvents(labels, np.full(len(labels), labels.mean()), labels, days, 28)
    apart = {
        "blind": measure(blind, weights),
        "seeing": measure(noisy(logits, labels, days, 1), weights),
    }

    chosen, reason = choose(["blind", "seeing"], apart, "log_loss")

    assert chosen == "seeing"
    assert "over blind" in reason
    assert choose(["seeing", "blind"], apart, "log_loss")[0] == "seeing"
