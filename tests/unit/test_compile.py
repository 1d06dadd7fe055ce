from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp

from pipelines.core.errors import ConfigError
from pipelines.define.features import (
    Column,
    DimensionJoin,
    FeatureSet,
    LatestAsOf,
    PeerCount,
    RowFeature,
    WindowedAggregation,
)
from pipelines.features.daily_aggregates import totals_query
from pipelines.features.query import features_query
from pipelines.features.scope import TableSchemas
from pipelines.problem import PROBLEM
from pipelines.problem.features import FEATURES
from pipelines.problem.tables import DAILY, DIMENSION

SHAPE = TableSchemas(
    events="schedule",
    key=PROBLEM.key,
    schemas={**DAILY, **DIMENSION},
)


def with_row(*rows: RowFeature) -> FeatureSet:
    return FeatureSet(columns={}, rows=rows, history=FEATURES.history)


def test_a_typo_names_the_nearest_column() -> None:
    def speed(distanze: Column) -> Column:
        """How fast."""
        return distanze / 60

    with pytest.raises(ConfigError, match=r"'speed' asks for 'distanze'.*did you mean 'distance'"):
        features_query(with_row(speed), SHAPE)


def test_a_column_that_only_the_outcome_has_is_refused() -> None:
    def delayed(dep_delay: Column) -> Column:
        """The leak that everybody tries once."""
        return dep_delay > 0

    with pytest.raises(ConfigError, match=r"'dep_delay', which 'flights' tells only afterwards"):
        features_query(with_row(delayed), SHAPE)


def test_an_outcome_cannot_be_used_as_it_is_nor_as_a_key() -> None:
    by_delay = replace(FEATURES.history[0], by=(("arr_delay",),))

    for declared in (
        FeatureSet(columns={"arr_delay": "A leak."}, history=FEATURES.history),
        FeatureSet(columns={}, history=(by_delay,)),
    ):
        with pytest.raises(ConfigError, match="'arr_delay', which 'flights' tells only afterwards"):
            features_query(declared, SHAPE)


def test_row_features_may_use_each_other_but_not_in_a_circle() -> None:
    def egg(hen: Column) -> Column:
        """Needs a hen."""
        return hen + 1

    def hen(egg: Column) -> Column:
        """Needs an egg."""
        return egg + 1

    with pytest.raises(ConfigError, match="egg needs hen needs egg"):
        features_query(with_row(egg, hen), SHAPE)


def test_a_function_that_gives_no_expression_is_named() -> None:
    def constant(distance: Column) -> Column:
        """Forgot what it was about."""
        return 3  # type: ignore[return-value]  # that is the fault

    with pytest.raises(ConfigError, match="'constant' gave 3"):
        features_query(with_row(constant), SHAPE)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            FeatureSet(
                columns={}, lookups=(DimensionJoin("plane", ("tailnum",), {"seats": "seats"}),)
            ),
            "no table is 'plane'; did you mean 'planes'",
        ),
        (
            FeatureSet(
                columns={}, lookups=(DimensionJoin("planes", ("tailnum",), {"seats": "seat"}),)
            ),
            "'seats' asks for 'seat'.*'planes'; did you mean 'seats'",
        ),
        (
            FeatureSet(columns={}, latest=(LatestAsOf("weather", ("origin",), ("tempo",), 6),)),
            "asks for 'tempo'.*'weather'; did you mean 'temp'",
        ),
    ],
)
def test_every_part_of_a_declaration_names_what_is_wrong(
    declared: FeatureSet, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        features_query(declared, SHAPE)


def test_a_history_reads_facts_and_refuses_what_they_do_not_have() -> None:
    def old(built: Column) -> Column:
        """Facts know nothing of lookups."""
        return built < 2000

    with pytest.raises(
        ConfigError, match="'old' asks for 'built', which is no column of 'flights'"
    ):
        totals_query(
            FEATURES, WindowedAggregation("flights", old, by=(("carrier",),), days=(7,)), SHAPE
        )


def test_the_text_of_a_query_knows_no_day() -> None:
    texts = [features_query(FEATURES, SHAPE).sql()]
    texts += [totals_query(FEATURES, one, SHAPE).sql() for one in FEATURES.history]

    assert all("201" not in text and "INTERVAL" not in text for text in texts)


@pytest.mark.parametrize("dialect", ["duckdb", "spark"])
def test_one_expression_is_spelled_for_each_engine(dialect: str) -> None:
    for query in (
        features_query(FEATURES, SHAPE),
        totals_query(FEATURES, FEATURES.history[0], SHAPE),
    ):
        text = query.sql(dialect, identify=True, unsupported_level=sqlglot.ErrorLevel.RAISE)

        assert isinstance(sqlglot.parse_one(text, dialect=dialect), exp.Query)


def test_the_query_gives_the_key_the_day_the_cutoff_and_the_features_in_declared_order() -> None:
    names = features_query(FEATURES, SHAPE).named_selects

    key = SHAPE.key
    assert names == [*key, "day", "cutoff", *(one for one in FEATURES.names if one not in key)]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            FeatureSet(columns={}, crowds=(PeerCount("c", ("arr_delay",), "A leak."),)),
            "'c' asks for 'arr_delay', which 'flights' tells only afterwards",
        ),
        (
            FeatureSet(
                columns={}, latest=(LatestAsOf("flights", ("arr_delay",), ("dep_time",), 6),)
            ),
            "'flights' asks for 'arr_delay', which 'flights' tells only afterwards",
        ),
        (
            FeatureSet(
                columns={}, lookups=(DimensionJoin("planes", ("tail",), {"seats": "seats"}),)
            ),
            "'planes' asks for 'tail'.*did you mean 'tailnum'",
        ),
        (
            FeatureSet(
                columns={}, lookups=(DimensionJoin("flights", ("tailnum",), {"d": "arr_delay"}),)
            ),
            "a DimensionJoin of 'flights'.*would see the future; ask a WindowedAggregation or a LatestAsOf",
        ),
        (
            FeatureSet(columns={"temp": "At that hour."}, latest=FEATURES.latest),
            "'temp', which 'weather' tells only afterwards; ask a LatestAsOf of it",
        ),
        (
            FeatureSet(columns={}, latest=(LatestAsOf("planes", ("tailnum",), ("seats",), 6),)),
            "'planes' asks for facts of 'planes', which has no column 'known_at'",
        ),
    ],
)
def test_the_future_is_refused_by_whichever_way_it_comes(
    declared: FeatureSet, message: str
) -> None:
    by_carrier = replace(FEATURES.history[0], by=(("carrier",),))
    declared = replace(declared, history=(by_carrier,))

    with pytest.raises(ConfigError, match=message):
        features_query(declared, SHAPE)


def test_a_dimension_join_by_a_key_that_is_itself_an_equation_keeps_it_whole() -> None:
    def far(distance: Column) -> Column:
        """Whether it is exactly so far."""
        return distance == 1000

    planes = TableSchemas(
        events="schedule",
        key=PROBLEM.key,
        schemas={
            **DAILY,
            **DIMENSION,
            "planes": DIMENSION["planes"].append(pa.field("far", pa.bool_())),
        },
    )
    declared = FeatureSet(
        columns={"seats": "Seats."},
        rows=(far,),
        lookups=(DimensionJoin("planes", ("far",), {"seats": "seats"}),),
    )

    text = features_query(declared, planes).sql("duckdb")

    joins = sqlglot.parse_one(text, read="duckdb").find_all(exp.Join)
    (on,) = (one.args["on"] for one in joins if one.this.name == "planes")
    assert isinstance(on, exp.EQ)
    assert isinstance(on.this, exp.Column)  # not (planes.far = distance) = 1000
    assert on.expression.sql() == "(e.distance = 1000)"


def test_facts_that_do_not_say_when_they_were_known_are_refused() -> None:
    def old(year: Column) -> Column:
        """Slow tables have no such clock."""
        return year < 2000

    history = WindowedAggregation("planes", old, by=(("tailnum",),), days=(7,))

    with pytest.raises(
        ConfigError, match=r"'old' asks for facts of 'planes'.*no column 'known_at'"
    ):
        totals_query(FEATURES, history, SHAPE)


def test_a_time_that_is_misspelt_is_named_with_the_nearest() -> None:
    last = replace(FEATURES.history[0], functions=("last",), at="known_a")

    with pytest.raises(ConfigError, match=r"'late' asks for 'known_a'.*did you mean 'known_at'"):
        totals_query(FEATURES, last, SHAPE)
