from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from pipelines.core.config import PromoteParams
from pipelines.core.records import Evaluated, Evaluation, Interval
from pipelines.methods.bootstrap import day_weights, interval, measure
from pipelines.methods.gate import Blessing, judge, quality
from pipelines.methods.ladder import choose
from pipelines.methods.metrics import Scored, log_loss

GOOD = {
    "quality": Blessing(passed=True, reason="good"),
    "infra": Blessing(passed=True, reason="loads"),
}
TIE = Interval(low=-0.01, mid=0.001, high=0.012)
BETTER = Interval(low=0.002, mid=0.01, high=0.02)
WORSE = Interval(low=-0.02, mid=-0.01, high=-0.002)


def gate(**changes: Any) -> PromoteParams:
    settings: dict[str, Any] = {
        "policy": "ask", "metric": "log_loss", "max_calibration_error": 0.1, "max_overfit": 0.1, "min_auc": 0.55, "max_model_mb": 10,
    }  # fmt: skip
    return PromoteParams(**(settings | changes))


def candidate(**changes: Any) -> Evaluated:
    numbers = {"calibration_error": 0.02, "auc": 0.7} | changes.pop("metrics", {})
    metrics = {
        name: Interval(low=number, mid=number, high=number) for name, number in numbers.items()
    }
    made = Evaluated(
        name="logistic",
        version="7",
        trained_until=date(2013, 9, 1),
        metrics=metrics,
        over_baseline=BETTER,
        overfit=0.01,
    )
    return made.model_copy(update=changes)


def evaluation(gain: Interval | None, **changes: Any) -> Evaluation:
    made = Evaluation(
        day=date(2013, 10, 1),
        run_id="night",
        first_test_day=date(2013, 9, 3),
        last_test_day=date(2013, 9, 30),
        rows=25_000,
        models=(candidate(),),
        lifts={"log_loss": gain} if gain else {},
        chosen="logistic",
        champion="5" if gain else None,
        comparable=gain is not None,
        reason="" if gain else "there is no champion",
    )
    return made.model_copy(update=changes)


def test_a_tie_keeps_the_champion() -> None:
    verdict = judge(evaluation(TIE), gate(policy="auto"), GOOD, frozenset())

    assert (verdict.outcome, verdict.champion, verdict.blessed) == ("kept", "5", True)
    assert "interval includes 0" in verdict.reason


def test_a_worse_candidate_keeps_the_champion() -> None:
    verdict = judge(evaluation(WORSE), gate(policy="auto"), GOOD, frozenset())

    assert verdict.outcome == "kept"
    assert "worse" in verdict.reason


def test_a_better_candidate_waits_for_a_person_when_asked_to() -> None:
    verdict = judge(evaluation(BETTER), gate(policy="ask"), GOOD, frozenset())

    assert (verdict.outcome, verdict.champion) == ("challenger", "5")


def test_a_better_candidate_becomes_champion_by_itself_under_auto() -> None:
    verdict = judge(evaluation(BETTER), gate(policy="auto"), GOOD, frozenset())

    assert (verdict.outcome, verdict.champion) == ("champion", "7")
    assert verdict.evidence["lift_low"] == BETTER.low


@pytest.mark.parametrize("policy", ["ask", "auto"])
def test_the_first_champion_is_the_gates_under_either_policy(policy: str) -> None:
    verdict = judge(evaluation(None), gate(policy=policy), GOOD, frozenset())

    assert (verdict.outcome, verdict.champion) == ("champion", "7")


@pytest.mark.parametrize("blessing", ["quality", "infra"])
def test_without_both_blessings_nothing_moves(blessing: str) -> None:
    blessings = GOOD | {blessing: Blessing(passed=False, reason="it is broken")}

    for gain in (None, BETTER):
        verdict = judge(evaluation(gain), gate(policy="auto"), blessings, frozenset())
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
        lifts={},
        reason="version 5 has learned from days up to 2013-09-20",
    )

    verdict = judge(seen, gate(policy="auto"), GOOD, frozenset())

    assert verdict.outcome == "kept"
    assert "2013-09-20" in verdict.reason


def test_what_somebody_took_down_is_not_put_back() -> None:
    verdict = judge(evaluation(BETTER), gate(policy="auto"), GOOD, frozenset({"7"}))

    assert verdict.outcome == "kept"
    assert "taken down" in verdict.reason


def test_a_good_candidate_is_blessed_with_its_figures() -> None:
    blessing = quality(candidate(), gate())

    assert blessing.passed
    assert "+0.0100 (+0.0020 to +0.0200)" in blessing.reason


def test_calibration_alone_blocks_and_says_so() -> None:
    blessing = quality(candidate(metrics={"calibration_error": 0.11}), gate())

    assert not blessing.passed
    assert "not calibrated: error 0.110 is above 0.1" in blessing.reason


def test_overfit_alone_blocks_and_says_so() -> None:
    blessing = quality(candidate(overfit=0.2), gate())

    assert not blessing.passed
    assert "overfits" in blessing.reason


def test_no_gain_over_the_baseline_alone_blocks() -> None:
    assert not quality(candidate(over_baseline=TIE), gate()).passed


def test_ranking_like_chance_alone_blocks() -> None:
    assert not quality(candidate(metrics={"auc": 0.52}), gate()).passed


def test_what_was_not_measured_as_a_candidate_is_never_blessed() -> None:
    assert not quality(candidate(over_baseline=None), gate()).passed


def a_world(
    seed: int, n_days: int = 28, per_day: int = 200
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True logits, labels and days; each day has a mood of its own."""
    generator = np.random.default_rng(seed)
    days = np.repeat(np.arange(n_days), per_day)
    logits = generator.normal(-1.2, 0.8, len(days)) + generator.normal(0, 0.5, n_days)[days]
    labels = (generator.random(len(days)) < 1 / (1 + np.exp(-logits))).astype("float64")
    return logits, labels, days


def noisy(logits: np.ndarray, labels: np.ndarray, days: np.ndarray, seed: int) -> Scored:
    """A model that knows the logits up to noise of its own, also by day."""
    generator = np.random.default_rng(seed)
    wrong = generator.normal(0, 0.3, len(logits)) + generator.normal(0, 0.15, days.max() + 1)[days]
    scores = 1 / (1 + np.exp(-(logits + wrong)))
    return Scored(labels, scores, labels, days, int(days.max()) + 1)


def test_of_two_equal_models_the_new_one_is_promoted_at_most_one_time_in_twenty() -> None:
    promoted, n_worlds = 0, 400
    weights = day_weights(28, 500, seed=28)
    for seed in range(n_worlds):
        world = a_world(seed)
        new, old = (log_loss(noisy(*world, seed=1000 * seed + k), weights) for k in (1, 2))
        gain = {"log_loss": interval(old - new, 28)}
        promoted += (
            judge(evaluation(TIE, lifts=gain), gate(policy="auto"), GOOD, frozenset()).outcome
            == "champion"
        )

    assert 0 < promoted <= n_worlds / 20


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
    blind = Scored(labels, np.full(len(labels), labels.mean()), labels, days, 28)
    apart = {
        "blind": measure(blind, weights),
        "seeing": measure(noisy(logits, labels, days, 1), weights),
    }

    chosen, reason = choose(["blind", "seeing"], apart, "log_loss")

    assert chosen == "seeing"
    assert "over blind" in reason
    assert choose(["seeing", "blind"], apart, "log_loss")[0] == "seeing"
