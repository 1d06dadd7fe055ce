from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from pipelines.core.records import (
    Blessing,
    BlessingEntry,
    Candidate,
    Evaluated,
    Evaluation,
    Interval,
    LeakCheck,
    Refit,
    SliceGain,
)
from pipelines.reports.card import LENGTH, Card
from tests.integration.test_hostile_pages import HARMLESS, HOSTILE, shows

DAY = date(2013, 10, 1)
EVIL = "<img src=x onerror=alert(1)> [a](javascript:b) ![c](http://d) | `e` **f** \u202e\n# g"


def span(mid: float) -> Interval:
    return Interval(low=mid - 0.01, mid=mid, high=mid + 0.01)


def a_card(words: str = "as it should be", features: int = 2, **changes: Any) -> Card:
    names = tuple(f"{words}{n}" for n in range(features))
    candidate = Candidate(
        name=words, version="7", sha256="0" * 64, trained_until=DAY, held_out_sha256="1" * 64,
        held_out_until=DAY, golden=(), seconds=1.0, metrics={}, features=names,
    )  # fmt: skip
    figures = Evaluated(
        name=words, version="7", trained_until=DAY, overfit=0.0123,
        metrics={"log_loss": span(0.4023), "auc": span(0.71), "brier": span(0.13), "value": span(0.3)},
        gains={
            "champion": {"log_loss": span(-0.0021), "value": span(0.02), "auc": span(0.003)},
            words: {"log_loss": span(0.0263)},
        },
        over_nothing=span(1.25),
        slices={
            "champion": (
                SliceGain(name=f"{words}=a", events=800, days=28, gain=0.02, error=0.003, loss=0.4),
                SliceGain(name=f"{words}=b", events=700, days=28, gain=-0.01, error=0.004, loss=0.4),
            )
        },
        calibration=((0.1, 0.12, 900), (0.4, 0.38, 901)),
        refit=Refit(trained_until=DAY, mean=0.2, held_out_mean=0.2, distance=0.17, gain=span(0.0)),
    )  # fmt: skip
    leak = LeakCheck(net="feature", subject="a", found=1, limit=0.5, passed=False, reason=words)
    evaluation = Evaluation(
        day=DAY, run_id="r", first_test_day=DAY, last_test_day=DAY, rows=28110, models=(figures,),
        chosen=words, champion="3", comparable=True, reason="", leaks=(leak,),
    ).model_copy(update=changes)  # fmt: skip
    entry = BlessingEntry(
        store="s", model="m", version="7", sha256="0" * 64, verdict="refused", evidence={},
        quality=Blessing(passed=False, reason=words), infra=Blessing(passed=True, reason=words),
        actor="gate",
    )  # fmt: skip
    facts = {"events": "105", "data_version": words, "git_commit": words, "seed": words}
    return Card(candidate, entry, evaluation, facts, words)


def test_the_card_says_what_the_version_is_and_how_it_is_made_again() -> None:
    text = a_card().markdown()

    assert "**may not serve**" in text
    assert "| log loss | 0.4023 | 0.3923 to 0.4123 |" in text.replace("\\", "")
    assert "over the champion | -0.0021 | -0.0121 to 0.0079 |" in text.replace("\\", "")
    assert "gain in value per event over the champion | 0.0200 |" in text.replace("\\", "")
    assert "less that of never acting | 1.2500 |" in text.replace("\\", "")
    assert "28,110 events" in text
    assert "gains least over the champion on as it should be=b: -0.0100" in text.replace("\\", "")
    assert "0.17 of their spread" in text.replace("\\", "")
    assert text.endswith("`redeye reproduce 7`")


def test_nothing_that_comes_from_outside_is_markup() -> None:
    """With hostile words there are as many marks that Markdown or HTML reads as with harmless ones."""
    harmless, hostile = (marks(a_card(words).markdown()) for words in ("as it should be", EVIL))

    assert hostile == harmless


def marks(text: str) -> dict[str, int]:
    """Marks that are not escaped; between backticks none is read."""
    text = re.sub(r"\\.", "", text)
    code = re.findall(r"`[^`]*`", text)
    assert not any("|" in one for one in code)
    rest = re.sub(r"`[^`]*`", "", text)
    return {mark: rest.count(mark) for mark in "<>[]()!*#|`\u202e"} | {"lines": text.count("\n")}


def test_a_version_that_was_not_measured_has_a_card() -> None:
    assert "It was not measured" in a_card(models=()).markdown()


@pytest.mark.parametrize("words", [200, 999])
@pytest.mark.parametrize("features", [0, 5, 6, 10_000])
def test_a_card_of_many_words_ends_with_how_it_is_made_again(features: int, words: int) -> None:
    text = a_card("*" * words, features).markdown()

    assert len(text) <= LENGTH
    assert text.endswith("`redeye reproduce 7`")
    assert ("more" in text) == (features > 5) or words == 999


def test_the_page_tells_all_that_the_description_leaves_out() -> None:
    page = a_card(features=300).page()

    assert "may not serve" in page
    assert "Brier score" in page
    assert "gain in AUC over the champion" in page
    assert page.index("as it should be=b") < page.index("as it should be=a")
    assert "said 0.4, came 0.38, of 901 events" in page
    assert "as it should be299" in page
    assert "reproduce 7" in page
    assert a_card().file == "card-7.html"


def test_a_version_that_was_not_measured_has_a_page() -> None:
    assert "It was not measured" in a_card(models=()).page()


@pytest.mark.parametrize("word", HOSTILE)
def test_a_page_of_hostile_words_has_the_elements_of_a_harmless_one(word: str) -> None:
    shows(a_card(word).page(), a_card(HARMLESS).page(), word)
