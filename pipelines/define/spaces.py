"""Settings that may be searched: `ModelSpec("trees", trees, tune={"learning_rate": log_uniform(0.01, 0.3)})`.

A name is one of the estimator's `get_params()`: of a pipeline `logisticregression__C`, of XGBoost `max_depth`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from pipelines.core.errors import ConfigError

Setting = bool | int | float | str | None


@dataclass(frozen=True)
class Space:
    """What a setting may be: a number from `low` to `high`, or one of `choices`."""

    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    log: bool = False  # drawn evenly on a logarithmic scale
    choices: tuple[Setting, ...] = ()

    def __post_init__(self) -> None:
        wrong = self._wrong()
        if wrong:
            raise ConfigError(f"tune: {wrong}")

    def __contains__(self, setting: object) -> bool:
        if self.choices:
            return any(type(one) is type(setting) and one == setting for one in self.choices)
        kinds = (int,) if self.whole else (int, float)
        is_number = isinstance(setting, kinds) and not isinstance(setting, bool)
        return is_number and self.low <= setting <= self.high  # type: ignore[operator]  # a number

    def _wrong(self) -> str:
        if self.choices:
            odd = [one for one in self.choices if not isinstance(one, Setting)]
            return f"choice: {odd[0]!r} is no number, text, True, False or None" if odd else ""
        ends = (self.low, self.high)
        kinds = int if self.whole else (int, float)
        if not all(isinstance(end, kinds) and type(end) is not bool for end in ends):
            return f"{ends} are no {'whole ' if self.whole else ''}numbers"
        if not (all(map(isfinite, ends)) and self.low < self.high):
            return f"from {self.low} to {self.high} there is nothing to search; give the smaller end first"
        if self.log and self.low <= 0:
            return f"on a logarithmic scale the lowest value is above 0, not {self.low}"
        return ""


def uniform(low: float, high: float) -> Space:
    """A number from low to high."""
    return Space(low, high)


def log_uniform(low: float, high: float) -> Space:
    """A number from low to high, where twice as much is as far everywhere: of learning rates, penalties."""
    return Space(low, high, log=True)


def integer(low: int, high: int, *, log: bool = False) -> Space:
    """A whole number from low to high, both included."""
    return Space(low, high, whole=True, log=log)


def choice(*choices: Setting) -> Space:
    """One of these."""
    if len(choices) < 2:
        raise ConfigError("tune: choice: give two values or more")
    return Space(choices=choices)
