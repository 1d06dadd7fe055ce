"""Great Expectations: judges frames by the suites of expectations/."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.errors import ConfigError
from pipelines.data.expectations import (
    ROW_COUNT,
    Rule,
    Suite,
    read_suite,
    rule_count,
    rule_each,
    rule_rows,
    rule_whole,
)
from pipelines.data.ports import RuleResult

# Rules of GX's row-level kind that are not about a row by itself: neighbours or a type decide.
NOT_BY_ROW = {
    "expect_column_value_z_scores_to_be_less_than",
    "expect_column_values_to_be_decreasing",
    "expect_column_values_to_be_in_type_list",
    "expect_column_values_to_be_increasing",
    "expect_column_values_to_be_of_type",
}
# The positions of all bad rows come from the frame's own index: asking for columns that name the
# rows costs 50 µs a row.
FORMAT = {"result_format": "COMPLETE", "return_unexpected_index_query": False}


class GxValidator:
    """Fills contracts.Validator. The library takes seconds to import: only a judgement pays for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def suite(self, name: str) -> Suite | None:
        try:
            return read_suite(name, (self._folder / f"{name}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"expectations/{name}.json: cannot be read ({error}); restore it from git"
            ) from error

    def judge(self, suite: str, frame: pd.DataFrame) -> list[RuleResult]:
        return self.judge_each(suite, [frame])[0]

    def judge_each(self, suite: str, frames: Sequence[pd.DataFrame]) -> list[list[RuleResult]]:
        """Rules about single rows are asked once, of all frames end to end; the others of each frame."""
        read = self.suite(suite)
        if read is None:
            raise ConfigError(
                f"expectations/{suite}.json is missing; write it, or restore it from git"
            )
        if not frames:
            return []
        by_row = {rule.key for rule in read.rules if _is_by_row(read, rule)}
        shared = self._judge_rows(read, [r for r in read.rules if r.key in by_row], frames)
        return [
            [
                shared[rule.key][number] if rule.key in by_row else self._judge(read, rule, frame)
                for rule in read.rules
            ]
            for number, frame in enumerate(frames)
        ]

    def _judge_rows(
        self, suite: Suite, rules: Sequence[Rule], frames: Sequence[pd.DataFrame]
    ) -> dict[str, list[RuleResult]]:
        everything = pd.concat(frames, ignore_index=True)
        found = self._ask(suite, rules, everything) if rules and len(everything) else {}
        return {
            rule.key: rule_each(rule, _bad_rows(suite, found.get(rule.key)), frames)
            for rule in rules
        }

    def _judge(self, suite: Suite, rule: Rule, frame: pd.DataFrame) -> RuleResult:
        if rule.type == ROW_COUNT:
            return rule_count(rule, len(frame))
        result = self._ask(suite, [rule], frame)[rule.key]
        rows = result.result.get("unexpected_index_list")
        if rows and not result.success:
            return rule_rows(rule, np.sort(np.asarray(rows)), frame)
        observed = str(result.result.get("observed_value", ""))
        return rule_whole(rule, observed, passed=bool(result.success))

    def _ask(self, suite: Suite, rules: Iterable[Rule], frame: pd.DataFrame) -> dict[str, Any]:
        """GX's result of each rule by its name; GX gives them in an order of its own."""
        from great_expectations.core.expectation_suite import ExpectationSuite

        expectations = [_expectation(suite, rule) for rule in rules]
        numbered = frame.set_axis(pd.RangeIndex(len(frame)), axis="index")
        batch = self._door.get_batch({"dataframe": numbered})
        asked = ExpectationSuite(name=suite.name, expectations=expectations)
        results = batch.validate(asked, result_format=FORMAT).results
        for result in results:
            _refuse_crash(suite, result)
        return {result.expectation_config.meta["key"]: result for result in results}

    @cached_property
    def _door(self) -> Any:
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        # This logger sets its own level, and tells of a folder that is not even made.
        logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
        context = gx.get_context(mode="ephemeral")
        context.enable_analytics(enable=False)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
        return asset.add_batch_definition_whole_dataframe("whole")


def _expectation(suite: Suite, rule: Rule) -> Any:
    """GX's own object; given a suite as a whole, GX would leave out a rule that it does not take."""
    from great_expectations.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        return ExpectationConfiguration(
            type=rule.type,
            kwargs=rule.kwargs,
            severity=rule.severity,
            meta={"key": rule.key, "name": rule.name},
        ).to_domain_obj()
    except (GreatExpectationsError, ValueError, TypeError) as error:
        raise ConfigError(
            f"expectations/{suite.name}.json: {rule.name}: Great Expectations refuses the rule "
            f"({_one_line(str(error))}); correct it"
        ) from error


def _is_by_row(suite: Suite, rule: Rule) -> bool:
    """Whether each row can be told to break it, whatever other rows are judged along with it."""
    from great_expectations.expectations.expectation import (
        ColumnMapExpectation,
        ColumnPairMapExpectation,
        MulticolumnMapExpectation,
    )

    kinds = (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation)
    expectation = _expectation(suite, rule)
    if rule.type in NOT_BY_ROW or not isinstance(expectation, kinds):
        return False
    # `mostly` tolerates a share of a frame's rows: what is tolerated differs from frame to frame.
    return bool(expectation.mostly == 1)


def _bad_rows(suite: Suite, result: Any) -> list[int]:
    if result is None or result.success:
        return []
    rows: list[int] | None = result.result.get("unexpected_index_list")
    if not rows:
        raise ConfigError(
            f"expectations/{suite.name}.json: {result.expectation_config.meta['name']}: fails without "
            f"naming a row; use a rule about rows, or one about the whole table"
        )
    return rows


def _refuse_crash(suite: Suite, result: Any) -> None:
    """A rule that raised looks like one that was not met: tell them apart."""
    info = result.exception_info or {}
    told = [info] if "raised_exception" in info else list(info.values())
    messages = [one["exception_message"] for one in told if one["raised_exception"]]
    if messages:
        raise ConfigError(
            f"expectations/{suite.name}.json: {result.expectation_config.meta['name']}: cannot be "
            f"applied to the table ({_one_line(str(messages[0]))}); correct the rule, or its column's name"
        )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
