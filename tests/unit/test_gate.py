from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from pipelines.core.config import PromoteParams
from pipelines.core.records import Blessing, Claim, Evaluated, Evaluation, Interval, Refit, Verdict
from pipelines.metrics.bootstrap import day_weights, lift, measure
from pipelines.metrics.classification import ScoredEvents
from pipelines.promotion.gate import Lines, describe, judge
from pipelines.promotion.quality import quality
from pipelines.training.selection import choose

GOOD = {
    "quality": Blessing(passed=True, reason="good"),
    "infra": Blessing(passed=True, reason="loads"),
}
TIE = Interval(low=-0.01, mid=0.001, high=0.012)
BETTER = Interval(low=0.002, mid=0.01, high=0.02)
WORSE = Interval(low=-0.02, mid=-0.01, high=-0.002)
UNSURE = Interval(low=-0.02, mid=-0.01, high=0.002)  # below 0, by no more than the interval


OWN = "logistic@1"  # the champion's line


def gate(**changes: Any) -> PromoteParams:
    settings: dict[str, Any] = {
        "policy": "ask", "alpha": 0.05, "min_lift": 0.0, "max_regression": 0.01, "max_slice_regression": 0.02, "min_slice_events": 200, "min_slice_days": 7, "on_harm": "alert", "max_calibration_excess": 0.03, "max_overfit": 0.1, "min_auc": 0.55, "max_refit_distance": 1.0, "max_model_mb": 10,
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
        champion_line=OWN if gain else None,
        comparable=gain is not None,
        reason="" if gain else "there is no champion",
    )
    return made.model_copy(update=changes)


def lines_of(found: Evaluation, **evidence: float) -> Lines:
    """Each candidate of a line of its own, `logistic` of the champion's; evidence by name, of 20."""
    of = {one.name: f"{one.name}@1" for one in found.candidates}
    claims = {
        of[name]: Claim(
            of=of[name],
            evidence=much,
            needed=20,
            days=50,
            gain=0.02,
            version="8",
            curve=(),
        )
        for name, much in evidence.items()
    }
    return Lines(of, found.champion_line, claims)


def judged(
    found: Evaluation,
    *,
    served: frozenset[str] = frozenset(),
    evidence: dict[str, float] | None = None,
    **settings: Any,
) -> Verdict:
    """The verdict when every candidate has both blessings."""
    blessings = {one.name: GOOD for one in found.candidates}
    return judge(found, gate(**settings), blessings, served, lines_of(found, **(evidence or {})))


def blessed(one: Evaluated, **changes: Any) -> Blessing:
    return quality(one.name, evaluation(TIE, one, **changes), gate())


CHAMPION = Evaluated(
    name="champion",
    version="5",
    trained_until=None,
    metrics={"log_loss": surely(0.4)},
    gains={one: {"log_loss": BETTER} for one in ("training-rate", "trailing-rate")},
)


def beside(found: Evaluation, champion: Evaluated = CHAMPION) -> Evaluation:
    """The evaluation with the champion's own figures: a log loss of 0.4."""
    return found.model_copy(update={"models": (*found.models, champion)})


@pytest.mark.parametrize(
    ("gain", "outcome"),
    [
        (Interval(low=-0.0039, mid=0.0, high=0.0039), "champion"),
        (Interval(low=-0.0041, mid=0.0, high=0.0039), "kept"),
        (BETTER, "champion"),
        (WORSE, "kept"),
    ],
)
def test_the_champions_own_line_trained_anew_refreshes_it_unless_it_may_be_worse(
    gain: Interval, outcome: str
) -> None:
    verdict = judged(beside(evaluation(gain)), policy="auto", max_regression=0.01)

    assert (verdict.outcome, verdict.blessed) == (outcome, True)
    assert verdict.champion == ("7" if outcome == "champion" else "5")
    assert ("a refresh" if outcome == "champion" else "may be worse") in verdict.reason
    assert verdict.evidence["lift_low"] == gain.low


def test_a_refresh_waits_for_a_person_when_asked_to() -> None:
    verdict = judged(beside(evaluation(TIE)), policy="ask", max_regression=0.1)

    assert (verdict.outcome, verdict.champion) == ("challenger", "5")


@pytest.mark.parametrize(("policy", "outcome"), [("ask", "challenger"), ("auto", "champion")])
def test_another_line_replaces_the_champion_on_evidence_and_not_on_an_interval(
    policy: str, outcome: str
) -> None:
    found = beside(evaluation(TIE, candidate("boosting", "8", gain=BETTER)))

    assert judged(found, policy=policy).outcome == "kept"
    assert judged(found, policy=policy, evidence={"boosting": 19.9}).outcome == "kept"
    verdict = judged(found, policy=policy, evidence={"boosting": 20.0})
    assert (verdict.outcome, verdict.version) == (outcome, "8")
    assert "boosting is proven better than the champion (version 5): evidence 20 of 20 after 50 days" in verdict.reason  # fmt: skip


def test_a_proven_line_goes_before_a_refresh_and_the_most_evidence_first() -> None:
    three = [candidate(n, v, gain=TIE) for n, v in (("logistic", "7"), ("boosting", "8"), ("trees", "9"))]  # fmt: skip
    found = beside(evaluation(TIE, *three))

    assert judged(found, policy="auto", max_regression=0.1).version == "7"
    assert judged(found, evidence={"boosting": 25.0}, policy="auto").version == "8"
    assert judged(found, evidence={"boosting": 25.0, "trees": 26.0}, policy="auto").version == "9"


def test_what_waits_for_evidence_says_how_much_there_is() -> None:
    found = beside(evaluation(TIE, candidate("boosting", "8", gain=BETTER)))

    verdict = judged(found, evidence={"boosting": 3.21}, policy="auto")

    assert (verdict.outcome, verdict.version) == ("kept", "8")
    assert verdict.reason == "boosting is of another line than the champion: evidence 3.21 of 20 after 50 days, on which its loss was 2.00% lower"  # fmt: skip
    assert [one.evidence for one in verdict.claims] == [3.21]
    assert "no settled day has compared them yet" in judged(found).reason


def test_a_champion_of_before_there_were_specs_is_refreshed_by_the_candidate_of_its_name() -> None:
    found = beside(evaluation(TIE, champion_line="logistic@"))

    assert judged(found, policy="auto", max_regression=0.1).outcome == "champion"


@pytest.mark.parametrize("policy", ["ask", "auto"])
def test_the_first_champion_is_the_gates_under_either_policy(policy: str) -> None:
    verdict = judged(evaluation(None), policy=policy)

    assert (verdict.outcome, verdict.champion) == ("champion", "7")


@pytest.mark.parametrize("blessing", ["quality", "infra"])
def test_without_both_blessings_nothing_moves(blessing: str) -> None:
    blessings = GOOD | {blessing: Blessing(passed=False, reason="it is broken")}

    for gain in (None, BETTER):
        found = evaluation(gain)
        verdict = judge(
            found, gate(policy="auto"), {"logistic": blessings}, frozenset(), lines_of(found)
        )
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
    served = frozenset({"7"})
    verdict = judged(beside(evaluation(BETTER)), policy="auto", served=served)
    other = evaluation(TIE, candidate("boosting", "7", gain=TIE))

    assert verdict.outcome == "kept"
    assert (
        judged(other, evidence={"boosting": 99.0}, policy="auto", served=served).outcome == "kept"
    )
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


def test_what_is_not_blessed_is_not_put_forward_however_good_it_is() -> None:
    favourite, other = candidate(gain=TIE), candidate("boosting", "8", gain=BETTER)
    refused = {"quality": Blessing(passed=False, reason="it leaks")}

    found = beside(evaluation(WORSE, favourite, other))
    verdict = judge(
        found,
        gate(policy="auto"),
        {"logistic": GOOD, "boosting": refused},
        frozenset(),
        lines_of(found, boosting=99.0),
    )

    assert (verdict.outcome, verdict.candidate) == ("kept", "logistic")
    assert list(verdict.may_serve) == ["logistic"]


def test_without_a_champion_another_serves_when_the_favourite_is_not_blessed() -> None:
    found = evaluation(None, candidate(), candidate("boosting", "8"))
    refused = {"quality": Blessing(passed=False, reason="it is not calibrated")}

    blessings = {"logistic": refused, "boosting": GOOD}
    verdict = judge(found, gate(), blessings, frozenset(), lines_of(found))

    assert (verdict.outcome, verdict.version) == ("champion", "8")


def test_a_champion_that_is_surely_worse_than_the_best_baseline_is_withheld() -> None:
    def found(training: Interval, trailing: Interval) -> Evaluation:
        gains = {"training-rate": {"log_loss": training}, "trailing-rate": {"log_loss": trailing}}
        champion = CHAMPION.model_copy(update={"gains": gains})
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
    champion = champion.model_copy(update={"metrics": {"log_loss": surely(0.4)}})
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


def test_a_version_is_told_its_own_reason_and_no_other_candidates() -> None:
    verdict = Verdict(
        day=date(2013, 10, 1), version="8", candidate="trees", blessed=True, outcome="kept",
        reason="trees is not proven", champion="3", evidence={},
    )  # fmt: skip
    lines = Lines({"logistic": OWN, "trees": "trees@1"}, OWN)
    refreshed = verdict.model_copy(update={"candidate": "logistic", "reason": "it follows"})

    assert describe("logistic", verdict, lines).endswith("the verdict is on trees")
    assert describe("logistic", refreshed, lines).endswith(": it follows")
    assert "no settled day" in describe("trees", verdict, lines)
