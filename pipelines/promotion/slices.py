"""On which slices a candidate is surely worse, and what else keeps it from the champion's place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.core.config import PromoteParams
from pipelines.core.records import Evaluated, Interval, SliceGain, TaskName
from pipelines.evaluation.compare import CHAMPION
from pipelines.metrics.task import TASKS

TAIL = 0.025  # probability, at most, that any slice of an equal model is found worse


@dataclass(frozen=True)
class WorseSlice:
    """A slice on which a candidate is surely worse than allowed."""

    slice: SliceGain
    gain: Interval  # as wide as so many slices ask for
    least: float  # the gain that is allowed, 0 or less

    def told(self, task: TaskName) -> str:
        """The slice, the figure and the limit."""
        words = TASKS[task].metrics[TASKS[task].loss].words
        gain = f"{self.gain.mid:+.4f} ({self.gain.low:+.4f} to {self.gain.high:+.4f})"
        return (
            f"on {self.slice.name}: gains {gain} {words} in {self.slice.events:,} events of "
            f"{self.slice.days} days, where {self.least:+.4f} is allowed"
        )


def telling(slices: Sequence[SliceGain], params: PromoteParams) -> list[SliceGain]:
    """Those with enough events and days to say something."""
    return [
        one
        for one in slices
        if one.events >= params.min_slice_events and one.days >= params.min_slice_days
    ]


def worse_slices(slices: Sequence[SliceGain], params: PromoteParams) -> list[WorseSlice]:
    """The slices on which the gain is surely below what is allowed, the surest first.

    Of many slices some are worse by chance. Holm's procedure (1979) holds the surest one against a tail
    divided by the number of slices, the next one by one less, and ends at the first that is not sure. A
    slice's tail is Student's t, of as many days as the slice has; the standard error is the bootstrap's.
    """
    told = telling(slices, params)
    measured = sorted(
        ((_tail(one, -params.max_slice_regression * one.loss), one) for one in told),
        key=lambda pair: pair[0],
    )
    found = []
    for place, (tail, one) in enumerate(measured):
        remaining = len(measured) - place
        if tail > TAIL / remaining:
            break
        found.append(
            WorseSlice(one, _interval(one, remaining), -params.max_slice_regression * one.loss)
        )
    return found


def _tail(one: SliceGain, least: float) -> float:
    """How probable a gain so far below the least would be, were it the least."""
    from scipy.special import stdtr

    error = _error(one)
    if error == 0:
        return 0.0 if one.gain < least else 1.0
    return float(stdtr(one.days - 1, (one.gain - least) / error))


def _interval(one: SliceGain, comparisons: int) -> Interval:
    from scipy.special import stdtrit

    reach = float(stdtrit(one.days - 1, 1 - TAIL / comparisons)) * _error(one)
    return Interval(low=one.gain - reach, mid=one.gain, high=one.gain + reach)


def _error(one: SliceGain) -> float:
    """The standard error; that of a bootstrap of n days is too small by the root of (n − 1) / n."""
    return one.error * math.sqrt(one.days / (one.days - 1))


def slice_failures(
    model: Evaluated, opponent: str, params: PromoteParams, task: TaskName
) -> Iterator[str]:
    """That a candidate is surely worse than the opponent on slices."""
    slices = model.slices.get(opponent, ())
    worse = worse_slices(slices, params)
    if worse:
        than = "champion" if opponent == CHAMPION else f"baseline ({opponent})"
        more = f", and on {len(worse) - 1} more" if len(worse) > 1 else ""
        yield (
            f"is surely worse than the {than} {worse[0].told(task)} (promote.max_slice_regression; Holm's "
            f"correction for {len(telling(slices, params))} slices){more}"
        )


def lost_to_champion(
    models: Sequence[Evaluated], params: PromoteParams, task: TaskName
) -> dict[str, str]:
    """Candidates that do not take the champion's place whatever their loss, and why.

    One must be surely worse on no slice, and its value must not surely be below the champion's.
    """
    found = {
        one.name: [*slice_failures(one, CHAMPION, params, task), *_poorer(one)] for one in models
    }
    return {name: f"{name} {'; '.join(why)}" for name, why in found.items() if why}


def _poorer(model: Evaluated) -> Iterator[str]:
    value = model.gains.get(CHAMPION, {}).get("value")
    if value is not None and value.high < 0:
        yield (
            f"is surely worth less than the champion: {value.mid:+.4g} ({value.low:+.4g} to "
            f"{value.high:+.4g}) an event"
        )
