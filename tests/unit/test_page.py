from __future__ import annotations

import re
from datetime import date

import pyarrow as pa
import pytest
from jinja2 import UndefinedError

from pipelines.core.records import Finding, TableCheck, Validation
from pipelines.core.text import DISGUISING
from pipelines.data.expectations import Suite
from pipelines.reports.render import render
from pipelines.reports.validation_report import LISTED_DAYS, view

EVIL = "<script>alert('x')</script>\" onload=\"y"
DAY = date(2013, 10, 1)


def a_check(day: date, *, passed: bool = True) -> TableCheck:
    return TableCheck(
        table=EVIL,
        day=day,
        landed=1000,
        accepted=999 if passed else 0,
        quarantined=1 if passed else 1000,
        passed=passed,
        source="",
    )


def a_finding(day: date) -> Finding:
    return Finding(
        table=EVIL, day=day, rule=EVIL, severity="warning", rows=1, observed=EVIL, expected=EVIL
    )


def a_page(*checks: TableCheck, samples: dict[str, pa.Table] | None = None) -> str:
    validation = Validation(
        day=DAY,
        passed=all(check.passed for check in checks),
        reason=EVIL,
        checks=checks,
        findings=tuple(a_finding(check.day) for check in checks),
    )
    suite = Suite(EVIL, EVIL, (), {EVIL: "string"}, {}, "")
    return render("validation.html", view(validation, {EVIL: suite}, samples or {}))


def test_nothing_that_came_with_the_data_is_html() -> None:
    sample = pa.table({EVIL: [EVIL, None], "n": [1, 2]})

    page = a_page(a_check(DAY), samples={EVIL: sample})

    assert "<script" not in page
    assert 'onload="' not in page
    assert page.count("&lt;script&gt;") > 5


def test_what_would_show_a_text_otherwise_is_visible() -> None:
    sample = pa.table({"a\u202eb\x1b[2J\u200b": ["gpj.\u202eexe\x07"]})

    page = a_page(a_check(DAY), samples={EVIL: sample})

    assert "a\\u202eb\\u001b[2J\\u200b" in page
    assert "gpj.\\u202eexe\\u0007" in page
    assert not DISGUISING.search(page)


def test_a_page_loads_nothing_from_elsewhere_and_forbids_it() -> None:
    page = a_page(a_check(DAY))

    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=[\"'](?!#)|@import|url\(|https?://", page)
    assert "prefers-color-scheme: dark" in page


def test_a_value_that_a_template_needs_and_nobody_gave_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="day"):
        render("validation.html", {})


def test_blocked_days_stand_first_and_only_so_many_are_listed() -> None:
    days = [date.fromordinal(DAY.toordinal() - n) for n in range(LISTED_DAYS + 5)]
    oldest = a_check(days[-1], passed=False)

    page = a_page(*(a_check(day) for day in days[:-1]), oldest)

    listed = re.findall(r'<td class="day">(\d{4}-\d\d-\d\d)</td>', page)
    assert listed[:2] == [days[-1].isoformat(), days[0].isoformat()]
    assert len(listed) == LISTED_DAYS
    assert "5 more stand in validation.json" in page


def test_a_share_that_is_not_nothing_does_not_look_like_nothing() -> None:
    check = a_check(DAY).model_copy(update={"landed": 336776, "accepted": 336775})

    assert "&lt; 0.01 %" in a_page(check)


def test_a_long_value_is_cut() -> None:
    page = a_page(a_check(DAY), samples={EVIL: pa.table({"n": ["x" * 10_000_000]})})

    assert len(page) < 30_000
