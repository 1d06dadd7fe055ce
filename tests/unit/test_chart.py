"""Charts keep their shapes inside their frame, whatever there is to show."""

from __future__ import annotations

import pytest

from pipelines.core.records import Interval
from pipelines.reports.chart_rows import named_bars, whiskers
from pipelines.reports.svg_charts import (
    Chart,
    calibration_chart,
    histogram,
    over_time,
)

CHARTS = {
    "histogram": histogram("Scores", "", [0.1, 0.9], 0.6),
    "histogram of nothing": histogram("Scores", "", [0.0, 0.0], None),
    "two lines with a gap": over_time(
        "Rates", "", ["a", "b", "c"], {"x": [0.1, None, 0.9], "y": [0.2] * 3}
    ),
    "one day": over_time("Rates", "", ["a"], {"x": [0.5]}),
    "nothing known": over_time("Rates", "", ["a", "b"], {"x": [None, None]}),
    "value below zero": over_time("Value", "", ["a", "b"], {"x": [-60.0, 12.0]}),
    "calibration": calibration_chart("Calibration", "", [(0.1, 0.2, 5), (0.9, 1.0, 5)]),
    "minutes": histogram("Scores", "", [0.1, 0.9], 31.0, (-20.0, 60.0)),
    "calibration of minutes": calibration_chart(
        "Calibration", "", [(-8.0, -20.5, 5), (40.0, 31.0, 5)]
    ),
    "no calibration": calibration_chart("Calibration", "", []),
    "slices": whiskers(
        "Slices",
        "",
        [
            ("x", Interval(low=-0.2, mid=0.1, high=0.3), True),
            ("y", Interval(low=1, mid=2, high=3), False),
        ],
    ),
    "drift": named_bars("Drift", "", [("x", 8.5, "bad"), ("y", 0.0, "one")], 0.25),
}


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS.keys())
def test_every_shape_is_inside_the_frame(chart: Chart) -> None:
    spoken = [point for line in (*chart.lines, *chart.rules) for point in line.points.split()]
    places = [(float(x), float(y)) for x, y in (point.split(",") for point in spoken)]
    places += [(bar.x, bar.y) for bar in chart.bars]
    places += [(bar.x + bar.width, bar.y + bar.height) for bar in chart.bars]
    places += [(dot.x, dot.y) for dot in chart.dots] + [(word.x, word.y) for word in chart.words]

    assert all(0 <= x <= chart.width and 0 <= y <= chart.height for x, y in places)


def test_higher_values_stand_higher() -> None:
    low, high = CHARTS["histogram"].bars

    assert high.height == pytest.approx(9 * low.height, rel=0.02)
    assert high.y < low.y


def test_a_day_without_a_value_has_no_dot() -> None:
    assert [dot.title for dot in CHARTS["two lines with a gap"].dots if ": x" in dot.title] == [
        "a: x 0.100",
        "c: x 0.900",
    ]
