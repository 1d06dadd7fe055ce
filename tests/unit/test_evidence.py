"""Evidence of a gain: rarely wrong however often it is looked at, and the same code behind `gate replay`."""

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gate import by_evidence, by_window, worlds
from pipelines.cli import main
from pipelines.promotion.evidence import BETS, BLOCK, BURN, STAKE, decided_after, evidence, gains

FIRST = date(2024, 1, 1)
SCENARIOS = [(tail, rho) for tail in ("normal", "t3") for rho in (0.0, 0.2, 0.4)]


@pytest.mark.parametrize(("tail", "correlation"), SCENARIOS)
def test_of_two_equal_models_one_in_twenty_at_most_is_promoted_within_a_year(
    tail: str, correlation: float
) -> None:
    gained = worlds(2000, 365, correlation, tail, np.random.default_rng(28))
    assert np.mean(by_evidence(gained) <= 365) <= 0.05
    assert np.mean(by_window(gained) <= 365) > 0.7  # what is asked every night of the last 28 days


@pytest.mark.parametrize(("lift", "days"), [(0.5, 60), (1.0, 40)])
def test_a_better_model_is_found_within_weeks(lift: float, days: int) -> None:
    gained = worlds(2000, 365, 0.0, "normal", np.random.default_rng(29)) + lift
    assert np.median(by_evidence(gained)) <= days


def test_the_evidence_is_that_of_a_plain_loop() -> None:
    gained = np.random.default_rng(3).normal(0.3, 1.0, 100)
    means = [gained[i : i + BLOCK].mean() for i in range(0, len(gained) - BLOCK + 1, BLOCK)]
    expected, wealth = [STAKE] * (BLOCK - 1), dict.fromkeys(BETS, STAKE)
    for place, mean in enumerate(means):
        if place >= BURN:
            z = mean / np.sqrt(np.mean(np.square(means[:place])))
            wealth = {b: w * np.exp(b * z) / np.cosh(b * z) for b, w in wealth.items()}
        expected += [np.mean(list(wealth.values()))] * BLOCK
    assert evidence(gained) == pytest.approx(expected[: len(gained)], rel=1e-12)


def test_a_day_that_comes_later_changes_nothing_of_the_days_before() -> None:
    gained = np.random.default_rng(4).normal(0.2, 1.0, 50)
    for days in range(51):
        assert (evidence(gained[:days]) == evidence(gained)[:days]).all()


def test_the_size_of_all_gains_does_not_matter() -> None:
    gained = np.random.default_rng(5).normal(0.2, 1.0, 60)
    assert evidence(gained * 1e-9) == pytest.approx(evidence(gained), rel=1e-9)


def test_two_models_that_answer_alike_gather_none_and_a_constant_gain_decides() -> None:
    assert (evidence(np.zeros(365)) == STAKE).all()
    always = evidence(np.full(5000, 0.01))
    assert np.isfinite(always).all()
    assert decided_after(always, 0.05) is not None
    assert decided_after(evidence(np.full(5000, -0.01)), 0.05) is None


def test_a_gain_below_the_least_lift_is_none() -> None:
    champion = np.full(400, 0.4)
    lift = gains(champion, champion * 0.995, min_lift=0.01)
    assert decided_after(evidence(lift), 0.05) is None
    assert decided_after(evidence(gains(champion, champion * 0.995)), 0.05) is not None


def _write(path: Path, lines: list[str], header: str = "day,champion_loss,challenger_loss") -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def _lines(n: int, gain: float = 0.01) -> list[str]:
    noise = np.random.default_rng(6).normal(gain, 0.01, n).tolist()
    return [f"{FIRST + timedelta(day)},0.4,{0.4 - noise[day]!r}" for day in range(n)]


def _replayed(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    code = main(["gate", "replay", str(path), *options], {"REDEYE_ROOT": str(path.parent)})
    caught = capsys.readouterr()
    return code, caught.out if code == 0 else caught.err


def test_replay_says_after_every_day_and_when_it_would_have_promoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = _lines(80)
    code, out = _replayed(_write(tmp_path / "a.csv", lines), capsys, "--json")
    told = json.loads(out)
    assert code == 0
    losses = np.array([line.split(",")[1:] for line in lines], dtype=float).T
    found = evidence(gains(losses[0], losses[1]))
    last = decided_after(found, 0.05)
    assert last is not None
    assert told["promoted_on"] == (FIRST + timedelta(last - 1)).isoformat()
    assert (told["days"], told["evidence"]) == (last, found[last - 1])
    assert [one["evidence"] for one in told["curve"]] == list(found[:last])
    code, out = _replayed(tmp_path / "a.csv", capsys)
    assert len(out.splitlines()) == last + 1
    assert f"promoted on {told['promoted_on']}" in out


def test_replay_does_not_depend_on_the_order_of_the_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = _lines(80)
    _, sorted_ = _replayed(_write(tmp_path / "a.csv", lines), capsys, "--json")
    _, reversed_ = _replayed(_write(tmp_path / "b.csv", lines[::-1]), capsys, "--json")
    assert sorted_ == reversed_


def test_replay_of_equal_models_promotes_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _write(tmp_path / "a.csv", [f"{FIRST + timedelta(d)},0.4,0.4" for d in range(5)])
    code, out = _replayed(path, capsys, "--json")
    told = json.loads(out)
    assert (code, told["promoted_on"], told["days"], told["evidence"]) == (0, None, 5, STAKE)


@pytest.mark.parametrize(
    ("lines", "header", "told"),
    [
        ([], "day,champion_loss,challenger_loss", "has no row"),
        (["2024-01-01,1"], "day,champion_loss", "has no column challenger_loss"),
        (
            ["2024-01-01,1,1,2"],
            "day,champion_loss,challenger_loss,champion_loss",
            "names champion_loss twice",
        ),
        (["2024-01-01,1,2", "2024-01-01,1,2"], "", "line 3: 2024-01-01 is there twice"),
        (["2024-13-01,1,2"], "", "line 2: day is '2024-13-01'"),
        (["2024-01-01,nan,2"], "", "line 2: champion_loss is 'nan'"),
        (["2024-01-01,1,inf"], "", "line 2: challenger_loss is 'inf'"),
        (["2024-01-01,1"], "", "line 2: challenger_loss is ''"),
        (["2024-01-01,1,1e200"], "", "line 2: challenger_loss is '1e200'"),
        (['2024-01-01,1,"2'], "", "is no CSV"),
    ],
)
def test_a_file_that_is_no_series_of_losses_is_refused_with_its_line(
    lines: list[str], header: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _write(tmp_path / "a.csv", lines, header or "day,champion_loss,challenger_loss")
    code, err = _replayed(path, capsys)
    assert (code, told in err) == (3, True), err


@pytest.mark.parametrize("option", [["--alpha", "0"], ["--alpha", "nan"], ["--min-lift", "1"]])
def test_a_limit_that_cannot_be_is_refused(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, err = _replayed(_write(tmp_path / "a.csv", _lines(3)), capsys, *option)
    assert (code, option[0] in err) == (2, True)


def test_a_file_that_is_not_there_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, err = _replayed(tmp_path / "none.csv", capsys)
    assert (code, "none.csv cannot be read" in err) == (2, True)
