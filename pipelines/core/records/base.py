"""What all records are: frozen, kept as JSON, refusing what they do not know."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.core.errors import DataError


class Record(BaseModel):
    """A frozen set of named values, kept as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def to_json(self) -> str:
        """The record's one spelling: equal records have equal bytes."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> Self:
        """Read a record back; raises DataError that names `where` it came from."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise DataError(
                f"{where}: not a {cls.__name__} record ({error.error_count()} problems, first: "
                f"{error.errors()[0]['msg']}); delete the file and run its stage again"
            ) from error


class Interval(Record):
    """A number and the 95 % interval around it."""

    low: float
    mid: float
    high: float


Amount = float | Interval  # a metric, with its interval where there is one
