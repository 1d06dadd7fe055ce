"""What is known of an order at midnight before its day."""

from __future__ import annotations

from pipelines.define.features import Column, FeatureSet, WindowedAggregation


def returned(came_back: Column) -> Column:
    """Whether an item came back."""
    return came_back


FEATURES = FeatureSet(
    columns={"shop": "Where it is ordered.", "item": "What is ordered.", "price": "In rupees."},
    history=(WindowedAggregation("ends", returned, by=(("item",), ("shop",)), days=(28,)),),
)
