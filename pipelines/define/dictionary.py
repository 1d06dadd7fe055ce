"""The data dictionary as a page: what a model's inputs mean, for whoever looks at the model."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping

from pipelines.define.problem import Problem


def entries(problem: Problem) -> list[dict[str, str]]:
    """Every feature in declared order, for machines: its name, where it comes from, what it means."""
    chapters = problem.features.chapters
    return [
        {"feature": name, "chapter": chapter, "meaning": meaning}
        for chapter, found in chapters.items()
        for name, meaning in found
    ]


def page(problem: Problem, kinds: Mapping[str, str] | None = None) -> str:
    """The dictionary in Markdown; with `kinds`, how a model took each feature: number or category."""
    return "\n".join([*_head(problem), *_chapters(problem, kinds or {})])


def _head(problem: Problem) -> Iterator[str]:
    yield f"# The features of {problem.model}\n"
    yield (
        f"What is known of each row of `{problem.events}` at 00:00 of its day in {problem.zone}, "
        f"{len(problem.features.names)} features in the order of the feature table."
    )


def _chapters(problem: Problem, kinds: Mapping[str, str]) -> Iterator[str]:
    for chapter, found in problem.features.chapters.items():
        if not found:
            continue
        yield f"\n## {chapter}\n"
        if chapter == "What happened before":
            yield from _values(problem)
            yield from _complete(problem)
        yield f"| feature |{' kind |' if kinds else ''} meaning |"
        yield f"|---|{'---|' if kinds else ''}---|"
        for name, meaning in found:
            kind = f" {kinds.get(name, '')} |" if kinds else ""
            yield f"| `{name}` |{kind} {' '.join(meaning.split())} |"
    yield ""


def _complete(problem: Problem) -> Iterator[str]:
    """Which days histories of the outcomes leave out."""
    count = problem.label_maturity_days
    days, earlier = ("day", "a day") if count == 1 else (f"{count} days", f"{count} days")
    if count:
        yield (
            f"What is of `{problem.outcomes}` leaves out the last {days} before the cutoff, whose "
            f"outcomes are not complete: there a window of 7 days ends {earlier} earlier.\n"
        )


def _values(problem: Problem) -> Iterator[str]:
    """What it is that histories count and average."""
    for history in problem.features.history:
        meaning = inspect.getdoc(history.value)
        if meaning:
            yield f"- `{history.name}`, of `{history.table}`: {' '.join(meaning.split())}"
    yield ""
