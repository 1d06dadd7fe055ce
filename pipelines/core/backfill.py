"""What a backfill is asked to do: checked once, for the form in Airflow, for make and for the command."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

from pipelines.core.dates import parse_days
from pipelines.core.errors import UsageError

STAGES = ("ingest", "validate", "features", "score", "settle", "monitor")  # unless told otherwise
MOST_DAYS = 1000  # Airflow maps a task over at most 1024
_MODEL = re.compile(r"current|as-of|[1-9][0-9]{0,8}", flags=re.ASCII)


@dataclass(frozen=True)
class Backfill:
    """Which days, which stages, which model."""

    days: tuple[date, ...]
    stages: tuple[str, ...]
    model: str
    republish: bool
    dry_run: bool
    force: bool = False  # also for days later than tomorrow

    @classmethod
    def of(cls, asked: Mapping[str, object], chain: Sequence[str]) -> Self:
        """The request in a form's fields; `chain` names every stage in order. Raises UsageError."""
        refuse_unknown(asked, {"from", "to", "stages", "model", "republish", "dry_run", "force"})
        days = parse_days(asked.get("from"), asked.get("to"))
        if len(days) > MOST_DAYS:
            raise UsageError(f"{len(days)} days are too many at once; ask for {MOST_DAYS} at most")
        return cls(
            days=tuple(days),
            stages=_stages(asked.get("stages", STAGES), chain),
            model=parse_model(asked.get("model", "current")),
            republish=_switch(asked, "republish"),
            dry_run=_switch(asked, "dry_run"),
            force=_switch(asked, "force"),
        )

    def options(self, stage: str) -> list[str]:
        """What the command of a stage is told beyond the day."""
        forced = ["--force"] * self.force
        if stage != "score":
            return forced
        republish = "--republish" if self.republish else "--no-republish"
        return ["--model", self.model, republish, *forced]

    def rehearsal(self) -> list[str]:
        """The command that says what would be done and refuses what cannot be, and does nothing."""
        first, last = self.days[0].isoformat(), self.days[-1].isoformat()
        asked = ["--from", first, "--to", last, "--stages", ",".join(self.stages)]
        return ["redeye", "backfill", *asked, "--dry-run", *self.options("score")]

    def in_words(self) -> str:
        """What would be done, before it is done."""
        return (
            f"backfill of {len(self.days)} day{'s' * (len(self.days) > 1)}, "
            f"{self.days[0]} to {self.days[-1]}: {' → '.join(self.stages)}; model {self.model}; "
            f"days already published are {'replaced' if self.republish else 'left as they are'}"
            f"{'; dry run: nothing is done' * self.dry_run}"
        )


def parse_model(text: object) -> str:
    """`current`, `as-of`, or the number of a version; raises UsageError for anything else."""
    if not isinstance(text, str) or not _MODEL.fullmatch(text):
        raise UsageError(
            f"model {str(text)[:40]!r}: write current, as-of, or the number of a version"
        )
    return text


def refuse_unknown(asked: Mapping[str, object], known: set[str]) -> None:
    """Raises UsageError for a field that nobody reads."""
    if unknown := sorted(set(asked) - known):
        raise UsageError(
            f"unknown parameter {unknown[0][:40]!r}; known are {', '.join(sorted(known))}"
        )


def _stages(wanted: object, chain: Sequence[str]) -> tuple[str, ...]:
    names = list(wanted) if isinstance(wanted, list | tuple) else []
    if not names or any(name not in chain for name in names):
        raise UsageError(f"stages {str(wanted)[:60]}: choose from {', '.join(chain)}")
    return tuple(name for name in chain if name in names)


def _switch(asked: Mapping[str, object], name: str) -> bool:
    value = asked.get(name, False)
    # bool("False") is True: a text is refused, never read as a yes.
    if not isinstance(value, bool):
        raise UsageError(f"{name} {str(value)[:40]!r}: write true or false")
    return value
