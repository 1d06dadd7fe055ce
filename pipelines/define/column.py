"""A column in a row feature: Python's operators build an expression, and those that cannot say so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import NoReturn

from sqlglot import exp

from pipelines.core.errors import ConfigError

ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod)
Value = bool | int | float | str | date  # what may stand beside a column


@dataclass(frozen=True, eq=False, repr=False)
class Column:
    """What a row feature gets and returns; `expression` is sqlglot's, for whoever needs more of it.

    A comparison, and arithmetic, with a null is null.
    """

    expression: exp.Expr

    def __add__(self, other: Column | Value) -> Column:
        return _operation(exp.Add, self, other)

    def __radd__(self, other: Value) -> Column:
        return _operation(exp.Add, other, self)

    def __sub__(self, other: Column | Value) -> Column:
        return _operation(exp.Sub, self, other)

    def __rsub__(self, other: Value) -> Column:
        return _operation(exp.Sub, other, self)

    def __mul__(self, other: Column | Value) -> Column:
        return _operation(exp.Mul, self, other)

    def __rmul__(self, other: Value) -> Column:
        return _operation(exp.Mul, other, self)

    def __truediv__(self, other: Column | Value) -> Column:
        return _operation(exp.Div, self, other)

    def __rtruediv__(self, other: Value) -> Column:
        return _operation(exp.Div, other, self)

    def __floordiv__(self, other: Column | Value) -> Column:
        return _operation(exp.IntDiv, self, other)

    def __rfloordiv__(self, other: Value) -> Column:
        return _operation(exp.IntDiv, other, self)

    def __mod__(self, other: Column | Value) -> Column:
        return _operation(exp.Mod, self, other)

    def __rmod__(self, other: Value) -> Column:
        return _operation(exp.Mod, other, self)

    def __neg__(self) -> Column:
        return Column(exp.Neg(this=_wrapped(self)))

    def __abs__(self) -> Column:
        return Column(exp.Abs(this=self.expression.copy()))

    def __lt__(self, other: Column | Value) -> Column:
        return _operation(exp.LT, self, other)

    def __le__(self, other: Column | Value) -> Column:
        return _operation(exp.LTE, self, other)

    def __gt__(self, other: Column | Value) -> Column:
        return _operation(exp.GT, self, other)

    def __ge__(self, other: Column | Value) -> Column:
        return _operation(exp.GTE, self, other)

    def __eq__(self, other: object) -> Column:  # type: ignore[override]  # an expression, no answer
        return _operation(exp.EQ, self, other)

    def __ne__(self, other: object) -> Column:  # type: ignore[override]  # an expression, no answer
        return _operation(exp.NEQ, self, other)

    def __and__(self, other: Column) -> Column:
        return Column(exp.and_(self.expression, _condition(other)))

    def __or__(self, other: Column) -> Column:
        return Column(exp.or_(self.expression, _condition(other)))

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> Column:
        return Column(exp.not_(self.expression))

    def is_null(self) -> Column:
        """Whether there is no value: never null itself."""
        return Column(exp.Is(this=_wrapped(self), expression=exp.null()))

    def __bool__(self) -> NoReturn:
        raise ConfigError(
            "a column has no truth while it is declared: write & | ~ with parentheses in place of "
            "and, or, not; (a < x) & (x < b) in place of a < x < b; case(…) of "
            "pipelines.define.row in place of if; (x == 1) | (x == 2) in place of x in (1, 2); and "
            "least, greatest in place of min, max"
        )

    def __hash__(self) -> int:
        raise ConfigError(
            "a column cannot be looked up in a set or a dict: write (x == 1) | (x == 2), or case(…) "
            "of pipelines.define.row"
        )

    def _refuse(self, *_: object) -> NoReturn:
        raise ConfigError(
            "a column has no value, length or elements while it is declared: use operators and the "
            "functions of pipelines.define.row and pipelines.define.expressions"
        )

    __len__ = __iter__ = __contains__ = __getitem__ = __call__ = __str__ = __format__ = _refuse
    __int__ = __float__ = __index__ = __round__ = __pow__ = __rpow__ = __xor__ = __rxor__ = _refuse
    __divmod__ = __rdivmod__ = __lshift__ = __rshift__ = __array__ = _refuse


def plain(value: object) -> exp.Expr:
    """The expression of a column or of a Python value. Raises ConfigError for what is neither."""
    if isinstance(value, Column):
        return value.expression.copy()
    if value is None:
        raise ConfigError("nothing compares with None: write x.is_null(), or ~x.is_null()")
    if isinstance(value, bool | int | str | date) or (isinstance(value, float) and isfinite(value)):
        return exp.convert(value)
    raise ConfigError(f"{value!r} is no column and no number, text, date, True or False")


def _operation(kind: type[exp.Binary], left: object, right: object) -> Column:
    """An operator between two values, each in parentheses where it is made of others.

    sqlglot's own operators leave them out as soon as one side has the same operator, and
    `a * b * (c + d)` becomes `a * b * c + d`. Only arithmetic from left to right needs none.
    """
    chained = issubclass(kind, ARITHMETIC) and isinstance(plain(left), kind)
    this = plain(left) if chained else _wrapped(left)
    return Column(kind(this=this, expression=_wrapped(right)))


def _wrapped(value: object) -> exp.Expr:
    made = plain(value)
    return exp.paren(made) if isinstance(made, exp.Binary | exp.Not) else made


def _condition(value: object) -> exp.Expr:
    if not isinstance(value, Column):
        raise ConfigError(
            f"{value!r} stands beside & or | and is the same for every row: Python has compared it "
            f"already; compare columns with == and !=, and with null by is_null()"
        )
    return value.expression.copy()
