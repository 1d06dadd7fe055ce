"""What must always be true, whatever dies: each invariant by its name, and how a breach of it is told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pipelines.core.records import Record

PROMISES = {
    "I1": "every row that landed was scored, quarantined, or is accounted for",
    "I2": "a day has one published run, and an event one published score",
    "I3": "what consumers see is one whole run, bit by bit",
    "I4": "the same work has the same answer, and what was published before is kept",
    "I5": "every published score leads back to model, features, data version and commit",
    "I6": "the champion is proven, whole, and in the ledger",
    "I7": "whoever was overtaken did not publish",
    "I8": "what was put aside is kept, with its reason",
    "I9": "raw data are only ever added to",
    "I10": "no score knows the future",
    "I11": "no secret stands in what people read",
    "I12": "what says it succeeded left what it makes",
}
BACKUP = "restore it from the last backup (docs/operate.md)"


class Breach(Record):
    """One place where an invariant does not hold, and what to do about it."""

    invariant: str
    where: str
    what: str
    next: str  # the command that mends it, or says more …
    otherwise: str = ""  # … and what is left to do when that command could not


class Invariant(Record):
    """One invariant, and how it was found."""

    name: str
    promise: str
    checked: int  # days, partitions, versions: whatever it is about
    breaches: tuple[Breach, ...]

    @property
    def held(self) -> bool:
        return not self.breaches


class Verification(Record):
    """verify: every invariant, checked on what is really there."""

    first: date | None
    last: date | None
    held: bool
    invariants: tuple[Invariant, ...]

    @property
    def broken(self) -> tuple[Invariant, ...]:
        return tuple(one for one in self.invariants if not one.held)


def conclude(
    days: Iterable[date], checked: dict[str, int], breaches: Iterable[Breach]
) -> Verification:
    """Findings by invariant, all twelve of them, in order."""
    found, wanted = list(breaches), sorted(days)
    invariants = tuple(
        Invariant(
            name=name,
            promise=promise,
            checked=checked.get(name, 0),
            breaches=tuple(one for one in found if one.invariant == name),
        )
        for name, promise in PROMISES.items()
    )
    first, last = (wanted[0], wanted[-1]) if wanted else (None, None)
    return Verification(first=first, last=last, held=not found, invariants=invariants)
