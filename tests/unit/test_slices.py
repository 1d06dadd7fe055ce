"""Slices that block: a candidate that is better overall and surely worse on one of many is not promoted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.core.config import EvaluateParams, PromoteParams
from pipelines.core.records import Blessing, Claim, Evaluated, Evaluation, Interval, SliceGain
from pipelines.evaluation.compare import Comparison, compare
from pipelines.evaluation.slices import with_slices
from pipelines.metrics.bootstrap import lifts
from pipelines.promotion.gate import Lines, describe, judge
from pipelines.promotion.quality import quality
from pipelines.promotion.slices import worse_slices
from pipelines.training.examples import Examples, join_examples, score_events
from tests.integration.flights import PROBLEM
from tests.integration.learning import PROBLEM as LEARNED

DAYS, SLICES = 28, 40
PLACE = "place"
RIDES = replace(PROBLEM, slices=(PLACE,))
GOOD = {name: Blessing(passed=True, reason="good") for name in ("quality", "infra")}
OWN = "logistic@1"


def params(**changes: Any) -> PromoteParams:
    settings: dict[str, Any] = {
        "policy": "auto", "alpha": 0.05, "min_lift": 0.0, "max_regression": 0.01, "max_slice_regression": 0.02, "min_slice_events": 200, "min_slice_days": 7, "on_harm": "alert", "max_calibration_excess": 0.5, "max_overfit": 0.5, "min_auc": 0.5, "max_refit_distance": 1.0, "max_model_mb": 10,
    }  # fmt: skip
    return PromoteParams(**(settings | changes))


def drawing(seed: int) -> EvaluateParams:
    return EvaluateParams(
        bootstrap_samples=200, seed=seed, max_feature_auc=1, max_day_correlation=1
    )


def slice_of(name: str, gain: float, error: float, **changes: Any) -> SliceGain:
    made = SliceGain(name=name, events=1000, days=DAYS, gain=gain, error=error, loss=0.5)
    return made.model_copy(update=changes)


def planted(seed: int, spread: dict[str, tuple[float, float]], slices: int, a_day: int) -> Any:
    """Examples whose log odds are known, and scores that err by as much as `spread` says for the
    places 0 and the others; a day's events share a part of the error.
    """
    rng = np.random.default_rng(seed)
    days = np.repeat(np.arange(DAYS), slices * a_day)
    places = np.tile(np.repeat(np.arange(slices), a_day), DAYS)
    logits = rng.normal(-1, 1.2, len(days))
    labels = (rng.random(len(days)) < 1 / (1 + np.exp(-logits))).astype(float)
    dated = np.datetime64("2013-09-01") + days.astype("timedelta64[D]")
    examples = Examples(
        {PLACE: "category"},
        pd.DataFrame({PLACE: [f"p{one}" for one in places]}),
        labels,
        dated,
        dated.astype("datetime64[us]"),
    )
    scores = {}
    for name, (first, others) in spread.items():
        far = np.where(places == 0, first, others)
        cells = rng.normal(0, 0.5, (DAYS, slices))[days, places]
        scores[name] = 1 / (1 + np.exp(-(logits + far * (cells + rng.normal(0, 1, len(days))))))
    flat = np.full(len(days), labels.mean())
    return examples, scores | {"training-rate": flat, "trailing-rate": flat}


def evaluation(examples: Examples, scores: dict[str, np.ndarray]) -> Evaluation:
    """As the stage makes it, of one candidate and the champion."""
    found = compare(examples, scores, RIDES, (200, 1))
    drawn = found.samples

    def measured(name: str, version: str, **known: Any) -> Evaluated:
        mine = drawn[name]
        numbers = {key: Interval(low=n[0], mid=n[0], high=n[0]) for key, n in mine.numbers.items()}
        others = [one for one in drawn if one != name]
        gains = {one: lifts(mine, drawn[one]) for one in others}
        return Evaluated(name=name, version=version, trained_until=date(2013, 8, 1), metrics=numbers, gains=gains, **known)  # fmt: skip

    models = [measured("logistic", "7", overfit=0.0)]
    models += [measured("champion", "5")] if "champion" in scores else []
    models += [measured(one, "") for one in ("training-rate", "trailing-rate")]
    return Evaluation(
        day=date(2013, 10, 1),
        run_id="night",
        first_test_day=date(2013, 9, 1),
        last_test_day=date(2013, 9, 28),
        rows=len(examples.labels),
        models=with_slices(models, found, examples.columns(RIDES.slices), drawing(1)),
        chosen="logistic",
        champion="5",
        champion_line=OWN,
        comparable=True,
        reason="",
    )


def test_better_overall_and_much_worse_in_one_slice_does_not_replace_the_champion() -> None:
    made = planted(3, {"logistic": (2.0, 0.1), "champion": (0.8, 0.8)}, slices=10, a_day=20)
    found = evaluation(*made)
    lines = Lines({"logistic": OWN}, OWN)

    verdict = judge(found, params(), {"logistic": GOOD}, frozenset(), lines)
    without = judge(found, params(max_slice_regression=100), {"logistic": GOOD}, frozenset(), lines)

    assert found.models[0].gains["champion"]["log_loss"].low > 0
    assert (verdict.outcome, verdict.champion) == ("kept", "5")
    assert "surely worse than the champion on place=p0: gains -0." in verdict.reason
    assert "in 560 events of 28 days, where -0.0" in verdict.reason
    assert "Holm's correction for 10 slices" in verdict.reason
    assert "the champion stays" in verdict.reason
    assert "place=p0" in describe("logistic", verdict, lines)
    assert without.outcome == "champion"


def test_a_proven_line_that_is_surely_worse_on_a_slice_is_not_put_forward() -> None:
    made = planted(3, {"logistic": (2.0, 0.1), "champion": (0.8, 0.8)}, slices=10, a_day=20)
    found = evaluation(*made)
    proven = Lines({"logistic": "other@1"}, OWN, {"other@1": claim(30)})

    verdict = judge(found, params(), {"logistic": GOOD}, frozenset(), proven)

    assert (verdict.outcome, verdict.champion) == ("kept", "5")
    assert verdict.lost["logistic"] in verdict.reason
    assert verdict.lost["logistic"] in describe("logistic", verdict, proven)


def claim(evidence: float) -> Any:
    return Claim(of="other@1", evidence=evidence, needed=20, days=50, gain=0.1, version="7", curve=())  # fmt: skip


def test_what_is_surely_worse_than_the_baseline_on_a_slice_may_not_serve() -> None:
    made = planted(4, {"logistic": (3.0, 0.1)}, slices=20, a_day=12)
    found = evaluation(*made)

    told = quality("logistic", found, params())

    assert not told.passed
    assert "surely worse than the baseline (trailing-rate) on place=p0" in told.reason
    allowed = quality("logistic", found, params(max_slice_regression=100))
    assert allowed.passed
    assert "surely worse on none of 20 slices" in allowed.reason


@pytest.mark.parametrize("small", [{"min_slice_events": 561}, {"min_slice_days": 29}])
def test_a_slice_with_too_little_in_it_says_nothing(small: dict[str, int]) -> None:
    made = planted(3, {"logistic": (2.0, 0.1), "champion": (0.8, 0.8)}, slices=10, a_day=20)
    found = evaluation(*made)

    assert worse_slices(found.models[0].slices["champion"], params())
    assert not worse_slices(found.models[0].slices["champion"], params(**small))


def test_of_forty_equal_slices_one_is_called_worse_in_at_most_five_of_a_hundred_nights() -> None:
    worlds, refused, uncorrected = 200, 0, 0
    equal, strict = {"logistic": (0.5, 0.5), "champion": (0.5, 0.5)}, params(max_slice_regression=0)
    model = Evaluated(name="logistic", version="7", trained_until=None, metrics={}, overfit=0.0)
    for seed in range(worlds):
        examples, scores = planted(seed, equal, SLICES, a_day=8)
        scored = {
            name: score_events(examples, one, lambda labels, _: labels)
            for name, one in scores.items()
        }
        place = examples.frame[PLACE]
        low = place.isin([f"p{n}" for n in range(SLICES // 2)])
        halves = pd.DataFrame({"low": place.where(low), "high": place.where(~low)})
        found = Comparison(scored, {}, np.ones((1, DAYS)), {})
        made = with_slices([model], found, halves, drawing(seed))
        slices = made[0].slices["champion"]
        refused += bool(worse_slices(slices, strict))
        uncorrected += any(worse_slices([one], strict) for one in slices)

    assert len(slices) == SLICES
    assert refused <= 0.05 * worlds
    assert uncorrected > 0.3 * worlds  # so it is the correction that does it


def test_each_slice_is_held_against_those_that_are_left() -> None:
    sure = [slice_of(f"a={n}", -0.05, 0.005) for n in range(3)]
    unsure = [slice_of(f"b={n}", 0.0, 0.005) for n in range(10)]
    near = slice_of("c=0", -0.0132, 0.005)  # alone it is sure enough, among eleven it is not

    assert {one.slice.name for one in worse_slices([*sure, *unsure], params())} == {"a=0", "a=1", "a=2"}  # fmt: skip
    strict = params(max_slice_regression=0)
    assert [one.slice.name for one in worse_slices([near], strict)] == ["c=0"]
    assert not worse_slices([near, *unsure], strict)


def test_the_interval_that_is_told_leaves_out_what_is_allowed() -> None:
    (found,) = worse_slices([slice_of("a=0", -0.05, 0.01)], params())

    assert found.least == pytest.approx(-0.01)
    assert found.gain.high < found.least


def test_scores_that_are_the_same_are_worse_on_no_slice() -> None:
    same = slice_of("a=0", 0.0, 0.0)

    assert not worse_slices([same], params(max_slice_regression=0))


def test_what_is_surely_worth_less_than_the_champion_does_not_replace_it() -> None:
    made = planted(5, {"logistic": (0.1, 0.1), "champion": (0.6, 0.6)}, slices=2, a_day=30)
    found = evaluation(*made)
    lines = Lines({"logistic": OWN}, OWN)
    model = found.models[0]
    poor = Interval(low=-3.0, mid=-2.0, high=-1.0)
    unsure = Interval(low=-3.0, mid=-2.0, high=0.5)

    outcomes = {}
    for value in (poor, unsure):
        over = model.gains | {"champion": model.gains["champion"] | {"value": value}}
        others = found.models[1:]
        models = (model.model_copy(update={"gains": over}), *others)
        worth = found.model_copy(update={"models": models})
        outcomes[value] = judge(worth, params(), {"logistic": GOOD}, frozenset(), lines)

    assert outcomes[poor].outcome == "kept"
    assert "surely worth less than the champion: -2 (-3 to -1) an event" in outcomes[poor].reason
    assert outcomes[unsure].outcome == "champion"


def test_columns_of_the_key_slice_as_features_do_and_stay_beside_their_rows() -> None:
    days, n = [date(2013, 4, 1), date(2013, 4, 2)], 6
    rows = {"day": [days[i % 2] for i in range(n)], "ride": list(range(n)), "line": list("ababab")}
    features = pa.table(rows | {"wind": [float(i) for i in range(n)]})
    known = [datetime(2013, 4, 3)] * n  # noqa: DTZ001  UTC without a zone
    outcomes = pa.table(rows | {"delay": [20.0, 0.0, None, 0.0, 20.0, 0.0]}).append_column(
        "known_at", pa.array(known, pa.timestamp("us"))
    )
    world = replace(LEARNED, key=("ride", "line"), slices=("line", "wind"))
    examples = join_examples(features, outcomes, ["wind"], world, datetime(2013, 4, 4))  # noqa: DTZ001

    late = examples.between(days[1], days[1]).columns(world.slices)

    assert examples.columns(world.slices)["line"].tolist() == list("abbab")
    assert late.to_dict("list") == {"line": ["b", "b", "b"], "wind": [1.0, 3.0, 5.0]}
    assert list(examples.frame) == ["wind"]  # nothing that a model learns from
