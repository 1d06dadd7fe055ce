"""A recipe that fails every night is an alarm with its name, and since when."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pandas as pd

from pipelines.monitoring.alerts import recipe_alarms
from pipelines.training.recipes import failing_since, failure_metrics

DAY = date(2013, 10, 1)
WHY = "recipe 'trees': no such setting; correct the recipe in your problem"


def trained(*fitted: str, **failed: str) -> Any:
    return SimpleNamespace(candidates=[SimpleNamespace(name=one) for one in fitted], failed=failed)


def kept(*nights: Any) -> pd.DataFrame:
    """The warehouse's metrics of these nights, the last of them yesterday's."""
    rows = [
        (DAY - timedelta(days=len(nights) - n), subject, name, value)
        for n, night in enumerate(nights)
        for subject, metrics in failure_metrics(night).items()
        for name, value in metrics.items()
    ]
    return pd.DataFrame(rows, columns=["day", "subject", "metric", "value"])


def test_a_recipe_has_failed_since_the_first_night_without_a_break() -> None:
    broken, fine = trained("linear", trees="trees: misspelled"), trained("linear", "trees")
    tonight = trained("linear", trees="trees: misspelled", forest="forest: not kept")

    since = failing_since(tonight, kept(broken, fine, broken, broken, None, broken), DAY)

    assert since == {"trees": DAY - timedelta(days=4), "forest": DAY}


def test_what_was_fitted_tonight_has_not_failed() -> None:
    assert failing_since(trained("linear"), kept(trained(linear="linear: broken")), DAY) == {}
    assert failing_since(None, kept(trained(linear="linear: broken")), DAY) == {}


def test_the_alarm_names_recipe_reason_and_night_and_is_one_as_long_as_it_goes_on() -> None:
    night: Any = SimpleNamespace(day=DAY, candidates=trained(trees=WHY))

    (first,), (later,) = (
        list(recipe_alarms(night, {"trees": day})) for day in (DAY, DAY - timedelta(days=4))
    )

    assert first.sentence == f"The recipe trees gives no model: {WHY}."
    assert later.sentence == f"The recipe trees gives no model, since 2013-09-27: {WHY}."
    assert first.subject == later.subject == "recipe trees failed"
    assert later.command == "redeye train --day 2013-10-01"
    assert later.strength > first.strength
