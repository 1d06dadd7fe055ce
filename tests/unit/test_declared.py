"""What a problem declares is held against itself before a night begins."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from pipelines.core.errors import ConfigError
from pipelines.data.problem_checks import RESERVED, check_problem
from pipelines.define.features import DimensionJoin, LatestAsOf
from pipelines.define.problem import Problem, Table
from pipelines.problem import PROBLEM
from pipelines.promotion.eligibility import ALIASES
from pipelines.serving.rendezvous import BASELINE, NAMED


def declared(**other: Any) -> Any:
    return replace(PROBLEM, features=replace(PROBLEM.features, **other))


def test_the_problem_as_it_is_can_be_meant() -> None:
    check_problem(PROBLEM)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (replace(PROBLEM, events="shedule"), "events: 'shedule' is not among .* 'schedule'"),
        (replace(PROBLEM, outcomes="flight"), "outcomes: 'flight' is not among .* 'flights'"),
        (
            replace(PROBLEM, outcomes="planes"),
            "outcomes: 'planes' is declared as dimension; .* facts",
        ),
        (replace(PROBLEM, tables=(Table("flights", "facts"),)), "events: 'schedule' is not among"),
        (replace(PROBLEM, slices=("origins",)), "slices: 'origins' is no feature .* 'origin'"),
        (replace(PROBLEM, zone="Europe/Berln"), "'Europe/Berln' is no time zone"),
        (replace(PROBLEM, zone=""), "'' is no time zone"),
        (replace(PROBLEM, idle_score=1.5), "idle_score: 1.5 is no score of a binary problem"),
        (
            declared(latest=(LatestAsOf("wether", ("origin",), ("temp",), 6),)),
            "LatestAsOf.*'weather'",
        ),
        (
            declared(lookups=(DimensionJoin("plane", ("tailnum",), {"a": "b"}),)),
            "DimensionJoin.*'planes'",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_nearest_name(problem: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_problem(problem)


@pytest.mark.parametrize("days", [-1, 366, 14.0, "14", True, None], ids=repr)
def test_a_maturity_that_is_no_number_of_days_is_refused(days: Any) -> None:
    said = re.escape(f"problem 'flights': label_maturity_days: {days!r} is no number of days")

    with pytest.raises(ConfigError, match=f"{said}.*from 0 to 365"):
        check_problem(replace(PROBLEM, label_maturity_days=days))


def test_labels_may_take_a_year() -> None:
    check_problem(replace(PROBLEM, label_maturity_days=365))


@pytest.mark.parametrize("name", ["champion", "baseline", "version", "trees@2"])
def test_a_candidate_is_not_named_like_whoever_else_is_asked(name: str) -> None:
    named = replace(PROBLEM, recipes=(replace(PROBLEM.recipes[0], name=name),))

    with pytest.raises(ConfigError, match=f"the candidate '{name}' has a name that stands for"):
        check_problem(named)


def test_a_candidate_whose_name_no_index_could_hold_is_refused() -> None:
    def named(name: str) -> Problem:
        return replace(PROBLEM, recipes=(replace(PROBLEM.recipes[0], name=name),))

    check_problem(named("é" * 32))
    with pytest.raises(ConfigError, match="has a name of more than 64 bytes; shorten it"):
        check_problem(named("é" * 33))


def test_the_names_that_are_taken_are_those_of_the_rendezvous() -> None:
    assert {*ALIASES, BASELINE, NAMED} == set(RESERVED)


def test_a_table_of_a_kind_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    kind: Any = "slow"

    with pytest.raises(
        ConfigError, match="'planes': kind 'slow' is called dimension now; say one of"
    ):
        Table("planes", kind)
    with pytest.raises(
        ConfigError, match="kind 'fatcs' is no kind of table; say one of events, facts, d"
    ):
        Table("planes", "fatcs")  # type: ignore[arg-type]
