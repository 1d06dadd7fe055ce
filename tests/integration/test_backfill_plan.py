"""What a backfill says beforehand of each day is what it then does."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipelines.app.backfill_plan import plan_answers, plan_lines
from pipelines.app.services import Redeye
from pipelines.core.backfill import Backfill
from pipelines.core.errors import GateRefused, UsageError
from tests.integration.serving import DAY, Serving

NEXT = DAY + timedelta(days=1)


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """Version 1 answered DAY; version 2, champion now, has learned from both days."""
    serving = Serving(tmp_path)
    serving.registry.add("1", until=DAY - timedelta(days=9))
    serving.serve("1")
    serving.score()
    serving.registry.add("2", level=0.2, until=DAY + timedelta(days=30))
    serving.serve("2")
    return serving


def plan(
    serving: Serving, model: str, *, republish: bool, stages: str = "score"
) -> dict[date, str]:
    asked = {"from": f"{DAY}", "to": f"{NEXT}", "model": model, "republish": republish}
    backfill = Backfill.of(asked | {"stages": stages.split(",")}, ("features", "score", "settle"))
    services: dict[str, Any] = {
        "registry": lambda: serving.registry,
        "warehouse": lambda: serving.warehouse,
        "problem": lambda: serving.problem,
    }
    url = f"sqlite:///{serving.root}/redeye.db"
    redeye = SimpleNamespace(services=services, places=SimpleNamespace(database_url=url))
    return {one.day: one.answer for one in plan_answers(backfill, cast("Redeye", redeye))}


@pytest.mark.parametrize("model", ["current", "as-of", "2"])
@pytest.mark.parametrize("republish", [False, True])
def test_the_plan_names_who_then_answers(serving: Serving, model: str, republish: bool) -> None:
    planned = plan(serving, model, republish=republish)

    for day, answer in planned.items():
        done = serving.score(day, model=model, republish=republish)
        assert f"{done.answered_by} (version {done.model_version})" in answer
        assert done.trained_until is not None
        learned = done.trained_until >= day
        assert ("has learned from the day itself" in answer) == learned
        assert ("though it learned from days until" in done.reason) == learned
    assert ("left as" in planned[DAY]) == (not republish)
    assert (planned[DAY] == planned[NEXT]) == (republish and model != "as-of")


def test_a_version_that_may_not_serve_is_refused_before_any_day(serving: Serving) -> None:
    serving.registry.judge(serving.registry.versions["1"], passed=False)

    with pytest.raises(GateRefused, match="version 1 may not serve"):
        plan(serving, "as-of", republish=True)
    with pytest.raises(UsageError, match="no version '9'"):
        plan(serving, "9", republish=False)


def test_a_backfill_that_does_not_score_asks_nobody(serving: Serving) -> None:
    serving.registry.down = True

    assert plan(serving, "current", republish=True, stages="settle") == {}
    assert "fallback_order" in plan(serving, "current", republish=True)[DAY]


def test_days_in_a_row_with_the_same_answer_are_one_line(serving: Serving) -> None:
    days = [DAY + timedelta(days=n) for n in range(4)]
    planned = [SimpleNamespace(day=day, answer="ab"[day == NEXT]) for day in days]

    assert plan_lines(cast("Any", planned)) == [
        f"  {DAY}: a",
        f"  {NEXT}: b",
        f"  {days[2]} to {days[3]}: a",
    ]
