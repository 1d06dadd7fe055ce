from __future__ import annotations

from typing import Literal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.data.ports import RuleResult
from pipelines.data.quarantine import counts, decide, put_aside

Severity = Literal["critical", "warning", "info"]


def a_result(rule: str, severity: Severity, *bad: int, passed: bool = False) -> RuleResult:
    return RuleResult(rule, severity, passed, bad, "seen", "better")


def ten_rows() -> pa.Table:
    return pa.table({"n": range(10)})


def test_a_critical_rule_blocks_every_row() -> None:
    decision = decide([a_result("origin", "critical", 3)], 10, budget=0.5)

    assert decision.blocked == "origin: 1 of 10 rows break it, expected better"
    assert decision.bad.all()


def test_a_warning_puts_its_rows_aside_and_information_does_not() -> None:
    decision = decide([a_result("a", "warning", 1, 2), a_result("b", "info", 5)], 10, budget=0.5)

    assert not decision.blocked
    assert decision.bad.nonzero()[0].tolist() == [1, 2]
    assert [result.rule for result in decision.broken] == ["a", "b"]


def test_a_rule_that_was_met_is_no_finding() -> None:
    assert decide([a_result("a", "critical", passed=True)], 10, budget=0.0).broken == ()


@pytest.mark.parametrize(("n_bad", "blocked"), [(1, False), (2, True)])
def test_bad_rows_beyond_the_budget_block_the_rest(n_bad: int, blocked: bool) -> None:
    decision = decide([a_result("a", "warning", *range(n_bad))], 10, budget=0.1)

    assert bool(decision.blocked) is blocked
    assert decision.bad.sum() == (10 if blocked else 1)


def test_what_exceeds_the_budget_names_the_rule_that_did_it() -> None:
    results = [a_result("few", "warning", 0), a_result("many", "warning", 1, 2, 3)]

    decision = decide(results, 10, budget=0.1)

    assert "4 of 10 rows are bad (40.0%), 3 of them by many" in decision.blocked


def test_a_row_that_breaks_two_rules_is_one_row_with_both() -> None:
    decision = decide([a_result("a", "warning", 1), a_result("b", "warning", 1, 4)], 10, budget=0.5)

    aside = put_aside(ten_rows(), decision)

    assert aside.to_pylist() == [
        {"n": 1, "rule": "a + b", "reason": "a: expected better; b: expected better"},
        {"n": 4, "rule": "b", "reason": "b: expected better"},
    ]
    assert counts(aside) == {"a + b": 1, "b": 1}


def test_rows_of_a_blocked_partition_say_what_blocked_it() -> None:
    aside = put_aside(ten_rows(), decide([a_result("a", "critical", 1)], 10, budget=0.5))

    assert aside.num_rows == 10
    assert counts(aside) == {"a": 1, "partition": 9}
    assert aside.column("reason")[0].as_py().startswith("a: 1 of 10 rows break it")


def test_columns_that_landed_as_rule_or_reason_give_way() -> None:
    landed = pa.table({"rule": ["theirs"], "reason": ["theirs"], "n": [1]})

    aside = put_aside(landed, decide([a_result("ours", "warning", 0)], 1, budget=1.0))

    assert aside.column_names == ["n", "rule", "reason"]
    assert aside.column("rule").to_pylist() == ["ours"]


def test_no_rows_can_be_judged() -> None:
    decision = decide([], 0, budget=0.1)

    assert not decision.blocked
    assert put_aside(ten_rows().slice(0, 0), decision).num_rows == 0


@given(
    n_rows=st.integers(0, 40),
    rules=st.lists(
        st.tuples(
            st.sampled_from(["critical", "warning", "info"]),
            st.sets(st.integers(0, 39), max_size=9),
        ),
        max_size=4,
    ),
    budget=st.floats(0, 1),
)
def test_every_row_that_landed_is_accepted_or_put_aside(
    n_rows: int, rules: list[tuple[Severity, set[int]]], budget: float
) -> None:
    landed = pa.table({"n": pa.array(range(n_rows), pa.int64())})
    results = [
        a_result(f"r{i}", severity, *sorted(row for row in bad if row < n_rows))
        for i, (severity, bad) in enumerate(rules)
    ]

    decision = decide(results, n_rows, budget)

    accepted = landed.filter(pa.array(~decision.bad))
    aside = put_aside(landed, decision)
    both = sorted(accepted.column("n").to_pylist() + aside.column("n").to_pylist())
    assert both == list(range(n_rows))
    assert all(aside.column("rule").to_pylist())
    assert sum(counts(aside).values()) == aside.num_rows
