"""Who answers for each day of a backfill: told before the first day begins, and what is done then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

from sqlalchemy import make_url

from pipelines.app.services import Redeye
from pipelines.core.backfill import Backfill
from pipelines.core.errors import RegistryAway
from pipelines.core.records import ModelVersion
from pipelines.features.meaning import meanings
from pipelines.monitoring.ports import Warehouse
from pipelines.promotion.champion import proven_version
from pipelines.promotion.eligibility import read_blessed
from pipelines.promotion.ports import Registry
from pipelines.serving.as_of import AS_OF, answer_as_of
from pipelines.serving.rendezvous import NAMED, Contender


@dataclass(frozen=True)
class PlannedDay:
    """A day, and who is to answer for it."""

    day: date
    answer: str


def plan_answers(plan: Backfill, redeye: Redeye) -> list[PlannedDay]:
    """Who is to answer for each day, as things stand; nobody where the backfill does not score.

    Nothing is changed by it. Raises GateRefused when a version is asked for that may not serve, DataError
    when one that answered is gone; RegistryAway when versions are asked for and the registry is away.
    """
    if "score" not in plan.stages:
        return []
    anew = "features" in plan.stages
    planner = _Planner(
        plan,
        redeye.services["registry"](),
        redeye.services["warehouse"](),
        meanings(redeye.services["problem"]()) if anew else None,
        begun=_is_begun(redeye.places.database_url),
    )
    who = planner.same_for_all()
    return [PlannedDay(day, planner.answer(day, who)) for day in plan.days]


@dataclass(frozen=True)
class _Planner:
    plan: Backfill
    registry: Registry
    warehouse: Warehouse
    declared: Mapping[str, str] | None  # the features as they are declared, if they are made anew
    begun: bool  # whether anything can have been published

    def same_for_all(self) -> Contender | None:
        """Who answers, whichever day it is, if that can be told."""
        if self.plan.model.isdigit():
            return Contender(NAMED, self._proven(self.plan.model))
        if self.plan.model == AS_OF or not self.begun:
            return None
        with suppress(RegistryAway):
            champion = read_blessed("champion", self.registry, self.warehouse.blessing)
            return Contender("champion", champion) if champion else None
        return None

    def answer(self, day: date, who: Contender | None) -> str:
        """Who is to answer for a day, as a clause."""
        standing = self.warehouse.published(day) if self.begun else None
        if standing and not self.plan.republish:
            version = f" (version {standing.model_version})" if standing.model_version else ""
            return f"left as {standing.answered_by}{version} answered"
        if self.plan.model == AS_OF and self.begun:
            past = answer_as_of(day, self.registry, self.warehouse, self.warehouse)
            if past.contender.model:
                self._proven(past.contender.model.version)
            return f"{past.contender}: {past.why}"
        if who is None:
            return "the first of score.fallback_order that can answer"
        learned = who.model is not None and who.model.trained_until >= day
        return f"{who}{', which has learned from the day itself' if learned else ''}"

    def _proven(self, version: str) -> ModelVersion:
        return proven_version(version, self.registry, self.warehouse, self.declared)


def plan_lines(planned: Sequence[PlannedDay]) -> list[str]:
    """A line for all days in a row that have the same answer."""
    lines = []
    for answer, days in groupby(planned, key=lambda one: one.answer):
        first, *more = [one.day for one in days]
        lines.append(f"  {first}{f' to {more[-1]}' if more else ''}: {answer}")
    return lines


def _is_begun(url: str) -> bool:
    """Whether there is a database: a look at one of SQLite that is not there would make it."""
    parts = make_url(url)
    return parts.get_backend_name() != "sqlite" or Path(str(parts.database)).exists()
