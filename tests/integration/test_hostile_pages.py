"""Whatever stands in the data, in names or in errors: a page has the elements of a harmless one, and shows it as text."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any, Literal, get_args, get_origin

import pyarrow as pa
import pytest
from pydantic import BaseModel

from pipelines.core.records import (
    Candidates,
    CandidateScore,
    Evaluated,
    Evaluation,
    Finding,
    Interval,
    LeakCheck,
    TableCheck,
    Validation,
    Verdict,
)
from pipelines.core.text import visible
from pipelines.data.expectations import Suite
from pipelines.metrics.task import Task
from pipelines.monitoring.quality import Slice
from pipelines.reports.render import render
from pipelines.reports.validation_report import view
from pipelines.stages import monitor as stage
from tests.integration.serving import DAY, Serving
from tests.integration.test_monitor import weeks_of_features

HARMLESS = "harmless"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{7*7}}{% raw %}${7*7}#{7*7}",
    "`-alert(1)-`",
    "</title></style></code></text></table><iframe src=//evil>",
    "<!--<![CDATA[",
    "\u202e<b>\u2066\u200b",
    "&lt;script&gt;&#60;img&#x3e;",
    "<base href=//evil><meta http-equiv=refresh content=0;url=//evil>",
]
SHOWN = ("class", "style", "href", "src", "http-equiv", "content")  # attributes that act


class Skeleton(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = [(name, value if name in SHOWN else "") for name, value in attrs]
        # A link within the page may name a table.
        same = [(name, "#" if str(value).startswith("#") else value) for name, value in told]
        self.elements.append((tag, tuple(same)))

    def handle_endtag(self, tag: str) -> None:
        self.elements.append((f"/{tag}", ()))

    def handle_comment(self, data: str) -> None:
        self.elements.append(("!", ((data, ""),)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def said(value: Any, word: str) -> Any:
    """The value with the word in place of every text that is no choice of a few, in all that it holds."""
    if isinstance(value, str):
        return f"{word} {value}"
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        free = [name for name in fields if not _is_choice(fields[name].annotation)]
        return value.model_copy(update={name: said(getattr(value, name), word) for name in free})
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Task):
        names = [one.name for one in dataclasses.fields(value) if one.init]
        return dataclasses.replace(value, **{name: said(getattr(value, name), word) for name in names})  # fmt: skip
    if isinstance(value, Mapping):
        return {name: said(one, word) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(said(one, word) for one in value)
    return value


def _is_choice(annotation: Any) -> bool:
    return get_origin(annotation) is Literal or any(map(_is_choice, get_args(annotation)))


def interval() -> Interval:
    return Interval(low=0.1, mid=0.2, high=0.3)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Any]:
    """What the report of a night with everything in it is made of."""
    serving = Serving(tmp_path_factory.mktemp("serving"))
    serving.registry.add("2", until=DAY - timedelta(days=14))
    serving.serve("2")
    table = weeks_of_features(serving, shift=0.5)
    for back in range(3, 0, -1):
        serving.score(DAY - timedelta(days=back), serving.features(DAY - timedelta(days=back)))
        serving.flew(DAY - timedelta(days=back), [20, 0, 16])
    seen: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        real = stage.view
        patch.setattr(stage, "view", lambda *args: seen.append(args) or real(*args))
        serving.monitor(
            publication=serving.score(table=table),
            settlement=serving.settle(DAY),
            table=table,
            validation=validation(),
        )
    night, found, incidents = seen[-1]
    assert incidents
    assert found.drift
    found = dataclasses.replace(found, slices=[a_slice(value) for value in ("AA", "B6")])
    night = dataclasses.replace(
        night, candidates=candidates(), evaluation=evaluation(), verdict=verdict()
    )
    return night, found, incidents


def a_slice(value: str) -> Slice:
    return Slice(f"carrier={value}", 100, interval())


def candidates() -> Candidates:
    line = CandidateScore(
        name="linear", loss=interval(), behind=None, best_in=1.0, gap=0.1, fit_seconds=1.0,
        score_microseconds=1.0, bytes=9, leaves=0, weights=3, curve=((9, 0.2),),
    )  # fmt: skip
    return Candidates(
        day=DAY, run_id="r", fingerprint="f", chosen="linear", reason="the simplest",
        first_test_day=DAY, baseline=0.2, candidates=(), scoreboard=(line,),
    )  # fmt: skip


def evaluation() -> Evaluation:
    model = Evaluated(
        name="linear", version="7", trained_until=DAY, metrics={"log_loss": interval()}
    )
    leak = LeakCheck(
        net="feature", subject="said", found=0.9, limit=0.8, passed=False, reason="it tells"
    )
    return Evaluation(
        day=DAY, run_id="r", first_test_day=DAY, last_test_day=DAY, rows=7, chosen="linear",
        models=(model,), champion="2", comparable=False, reason="because", leaks=(leak,),
    )  # fmt: skip


def verdict() -> Verdict:
    return Verdict(
        day=DAY, version="7", candidate="linear", blessed=True, outcome="challenger",
        reason="better", champion="2", evidence={},
    )  # fmt: skip


def validation() -> Validation:
    finding = Finding(
        table="t",
        day=DAY,
        rule="column(x)",
        severity="critical",
        rows=1,
        observed="o",
        expected="e",
    )
    check = TableCheck(
        table="t", day=DAY, landed=9, accepted=8, quarantined=1, passed=False, source="s"
    )
    return Validation(day=DAY, passed=False, reason="r", checks=(check,), findings=(finding,))


def shows(page: str, harmless: str, word: str) -> None:
    """The page has the elements of the harmless one, and the word in its text."""
    mine, other = Skeleton(page), Skeleton(harmless)
    assert mine.elements == other.elements
    text, shown = re.sub(r"\s+", " ", "".join(mine.text)), visible(word)
    assert text.count(shown) > 5


@pytest.mark.parametrize("word", HOSTILE)
def test_a_report_of_hostile_values_has_the_elements_of_a_harmless_one(
    watched: tuple[Any, Any, Any], word: str
) -> None:
    def page(with_word: str) -> str:
        night, found, incidents = said(watched, with_word)
        shown = {"model": with_word, **stage.view(night, found, incidents)}
        return render("report.html", shown)

    shows(page(word), page(HARMLESS), word)


@pytest.mark.parametrize("word", HOSTILE)
def test_a_validation_page_of_hostile_values_has_the_elements_of_a_harmless_one(word: str) -> None:
    def page(with_word: str) -> str:
        told = said(validation(), with_word)
        name = told.checks[0].table
        suite = Suite(name, with_word, (), {with_word: with_word}, {}, "")
        sample = pa.table({with_word: [with_word, None], "n": [1, 2]})
        return render("validation.html", view(told, {name: suite}, {name: sample}))

    shows(page(word), page(HARMLESS), word)
