"""What a problem declares, held against itself before a night begins."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from pipelines.define.problem import Problem
from pipelines.core.errors import ConfigError
from pipelines.core.text import nearest_name
from pipelines.metrics.task import task_of

LONGEST_MATURITY = 365  # days; a model that learns nothing younger than a year answers nothing new

NAME_BYTES = 64  # of a candidate: its name stands on every score
# Who is asked for scores beside tonight's candidates, which are asked under their own names.
RESERVED = ("champion", "challenger", "previous-champion", "canary", "baseline", "version")


def check_problem(problem: Problem) -> None:
    """Raise ConfigError for what cannot be meant: a table, a column to slice by, a zone, a score, or a
    number of days that is none.
    """
    where = f"problem {problem.name!r}"
    kinds = {table.name: table.kind for table in problem.tables}
    for asker, name, kind in _asked(problem):
        if name not in kinds:
            raise ConfigError(
                f"{where}: {asker}: {name!r} is not among its tables; {nearest_name(name, kinds)}"
            )
        if kind and kinds[name] != kind:
            raise ConfigError(
                f"{where}: {asker}: {name!r} is declared as {kinds[name]}; it must be {kind}"
            )
    known = {*problem.key, *problem.features.names}
    for name in sorted(set(problem.slices) - known):
        raise ConfigError(
            f"{where}: slices: {name!r} is no feature and no part of the key; "
            f"{nearest_name(name, known)}"
        )
    _check_recipes(problem)
    task = task_of(problem.task)
    if not task.bounds[0] <= problem.idle_score <= task.bounds[1]:
        raise ConfigError(
            f"{where}: idle_score: {problem.idle_score:g} is no score of a {task.name} problem; "
            f"say one on which nobody acts"
        )
    days = problem.label_maturity_days
    if type(days) is not int or not 0 <= days <= LONGEST_MATURITY:
        raise ConfigError(
            f"{where}: label_maturity_days: {days!r} is no number of days until outcomes are complete; "
            f"write a whole one from 0 to {LONGEST_MATURITY}"
        )
    try:
        ZoneInfo(problem.zone)
    except (KeyError, ValueError, OSError) as error:  # no such zone; no name of one
        raise ConfigError(
            f"{where}: {problem.zone!r} is no time zone; write one such as Europe/Berlin"
        ) from error


def _check_recipes(problem: Problem) -> None:
    for recipe in problem.recipes:
        if len(recipe.name.encode()) > NAME_BYTES:
            raise ConfigError(
                f"problem {problem.name!r}: the candidate {recipe.name[:40]!r}… has a name of more than "
                f"{NAME_BYTES} bytes; shorten it"
            )
        if recipe.name in RESERVED or "@" in recipe.name:
            raise ConfigError(
                f"problem {problem.name!r}: the candidate {recipe.name!r} has a name that stands for "
                f"something else; use one without @, other than {', '.join(RESERVED)}"
            )


def _asked(problem: Problem) -> Iterator[tuple[str, str, str]]:
    """Who names a table, which, and of what kind it must be ("": of any)."""
    features = problem.features
    yield "events", problem.events, "events"
    yield "outcomes", problem.outcomes, "facts"
    yield from ((f"the history {one.name!r}", one.table, "facts") for one in features.history)
    yield from ((f"LatestAsOf({one.table!r})", one.table, "facts") for one in features.latest)
    yield from ((f"DimensionJoin({one.table!r})", one.table, "") for one in features.lookups)
