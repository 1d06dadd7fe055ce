"""Contenders are compared on the same events of the same days."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from pipelines.core.records import Interval
from pipelines.metrics.task import BINARY
from pipelines.monitoring.comparison import ContenderComparison, shares, standings
from pipelines.monitoring.quality import find_slices, point_estimate
from pipelines.problem.value import value

DAY = date(2013, 10, 1)
PER_DAY = 200


def said(contender: str, version: str | None, skill: float, days: int = 14) -> pd.DataFrame:
    """What a contender with so much skill said of the same events as every other."""
    generator = np.random.default_rng(5)
    parts = []
    for back in range(days, 0, -1):
        day = DAY - timedelta(days=back)
        truth = generator.normal(generator.normal(-1, 0.3), 1, PER_DAY)
        labels = (generator.random(PER_DAY) < 1 / (1 + np.exp(-truth))).astype(float)
        scores = 1 / (1 + np.exp(-(skill * (truth + 1) - 1)))
        keys = [f"{day}|{n:03d}" for n in range(PER_DAY)]
        parts.append(
            pd.DataFrame({"day": day, "event_key": keys, "score": scores, "label": labels})
        )
    return pd.concat(parts).assign(
        contender=contender, model_version=version, answers=contender == "champion"
    )


def found(scores: pd.DataFrame) -> dict[str, ContenderComparison]:
    return {one.subject: one for one in standings(scores, value, BINARY)}


def gain(standing: ContenderComparison) -> Interval:
    amount = standing.gains["log_loss"]
    assert isinstance(amount, Interval)
    return amount


def test_a_better_challenger_is_ahead_and_a_worse_canary_behind() -> None:
    scores = pd.concat(
        [said("champion", "1", 0.5), said("challenger", "2", 1.0), said("canary", "0", 0.0)]
    )

    table = found(scores)

    assert list(table) == ["published", "champion 1", "challenger 2", "canary 0"]
    assert gain(table["challenger 2"]).low > 0
    assert gain(table["canary 0"]).high < 0
    assert table["published"].metrics == table["champion 1"].metrics
    assert table["champion 1"].gains == {}


def test_an_equal_contender_is_neither() -> None:
    other = said("challenger", "2", 0.5)
    jitter = np.random.default_rng(2).normal(0, 0.02, len(other))

    table = found(
        pd.concat([said("champion", "1", 0.5), other.assign(score=other["score"] + jitter)])
    )

    assert gain(table["challenger 2"]).low < 0 < gain(table["challenger 2"]).high


def test_a_version_is_the_same_contender_whatever_it_was_called_before() -> None:
    """Version 2 was the challenger for a week, then it became champion."""
    first, second = said("champion", "1", 0.2), said("challenger", "2", 1.0)
    later = second["day"] >= DAY - timedelta(days=7)
    first.loc[later.to_numpy(), "contender"] = "previous-champion"
    second.loc[later, "contender"] = "champion"

    table = found(pd.concat([first, second]))

    assert table["champion 2"].n_days == 14
    assert table["previous-champion 1"].n_days == 14
    assert gain(table["previous-champion 1"]).high < 0


def test_a_share_of_the_keys_has_its_own_comparison() -> None:
    champion, challenger = said("champion", "1", 0.3), said("challenger", "2", 1.0)
    mine = (champion["event_key"].str[-1] < "3").to_numpy() & (
        champion["day"] >= DAY - timedelta(days=7)
    ).to_numpy()
    scores = pd.concat([champion.assign(answers=~mine), challenger.assign(answers=mine)])

    kept, tried = shares(scores, value, BINARY)

    assert (kept.subject, tried.subject) == ("champion 1 on its share", "challenger 2 on its share")
    assert (kept.n_days, tried.n_days) == (7, 7)
    assert tried.metrics["events"] == 7 * 60
    assert kept.metrics["events"] == 7 * 140
    assert kept.gains == {}
    assert gain(tried).low > 0


def test_without_a_share_there_is_no_such_comparison() -> None:
    assert (
        shares(pd.concat([said("champion", "1", 1.0), said("challenger", "2", 1.0)]), value, BINARY)
        == []
    )
    assert shares(said("champion", "1", 1.0), value, BINARY) == []
    assert shares(said("champion", "1", 1.0).iloc[:0], value, BINARY) == []


def test_a_days_numbers_are_told_under_the_window_they_are_of() -> None:
    table = found(pd.concat([said("champion", "1", 0.5), said("canary", "0", 0.0)]))

    named = table["canary 0"].named(28)

    assert point_estimate(named["gain_log_loss_28d"]) < 0
    assert named["events_28d"] == 14 * PER_DAY


def test_a_slice_that_is_off_comes_first() -> None:
    scores = said("champion", "1", 1.0)
    places = np.arange(len(scores)) % 3
    scores = scores.assign(
        origin=np.array(["EWR", "JFK", "LGA"])[places],
        score=scores["score"] + np.where(places == 1, 0.1, 0.0),
    )

    first, *others = find_slices(scores, ["origin"], value, BINARY)

    assert first.name == "origin=JFK"
    assert 0.05 < first.gap.low < first.gap.high < 0.15
    assert first.is_off
    assert not any(other.is_off for other in others)
