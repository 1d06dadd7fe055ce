"""The card of a registered version: what it is, what is known of it, and how it is made again.

After Mitchell et al. (2019), Model Cards for Model Reporting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from pipelines.core.records import BlessingEntry, Candidate, Evaluated, Evaluation, Interval
from pipelines.core.text import as_markdown, visible
from pipelines.metrics.task import TASKS

LENGTH = 5000  # characters that MLflow keeps of a description
NAMED = 1200  # characters of names of features
SENTENCE = 300  # characters of a reason
HASH = 12  # … of what the run tells
TOLD = ("events", "first_day", "data_version", "git_commit", "seed")
CHAMPION = "champion"


@dataclass(frozen=True)
class Card:
    """What a card tells of."""

    candidate: Candidate
    entry: BlessingEntry
    evaluation: Evaluation
    facts: Mapping[str, str]  # of the run that trained it
    gate: str  # what the gate says of it beside the champion

    def markdown(self) -> str:
        """The card for the MLflow UI. What comes from outside is text there, and never markup."""
        candidate, tested = self.candidate, self.evaluation
        may = "may serve" if self.entry.verdict == "passed" else "may not serve"
        figures, quality, infra = tested.model(candidate.name), self.entry.quality, self.entry.infra
        parts = [
            f"**{_words(candidate.name)}** of the night {tested.day} **{may}**.",
            _list(map(_words, (quality.reason, infra.reason, f"Beside the champion: {self.gate}"))),
            _table(self._rows(figures), self._tested) if figures else "It was not measured.",
            _list(self._learned()),
            _list(self._limits(figures)),
        ]
        end = f"\n\nTo make it again, and compare it: `redeye reproduce {candidate.version}`"
        return "\n\n".join(parts)[: LENGTH - len(end)] + end

    @property
    def _tested(self) -> str:
        one = self.evaluation
        return f"its held-out fit on {one.rows:,} events of {one.first_test_day} to {one.last_test_day}"

    def _rows(self, figures: Evaluated) -> Iterator[tuple[str, float, Interval | None]]:
        task = TASKS[self.evaluation.task]
        for name in dict.fromkeys((task.loss, *task.told)):
            if name in figures.metrics:
                yield task.metrics[name].words, figures.metrics[name].mid, figures.metrics[name]
        for opponent, gains in figures.gains.items():
            gain, against = gains[task.loss], "the champion" if opponent == CHAMPION else opponent
            yield f"gain in {task.metrics[task.loss].words} over {against}", gain.mid, gain
        if figures.over_nothing is not None:
            yield (
                "value of an event, less that of never acting",
                figures.over_nothing.mid,
                figures.over_nothing,
            )
        if figures.overfit is not None:
            yield (
                f"{task.metrics[task.overfit].words} lost from training to test days",
                figures.overfit,
                None,
            )

    def _learned(self) -> list[str]:
        told = {name: _words(self.facts.get(name, "?")[:HASH]) for name in TOLD}
        names = [f"`{_code(name)}`" for name in self.candidate.features]
        room = accumulate(len(name) + 2 for name in names)
        named = [name for name, used in zip(names, room, strict=True) if used <= NAMED]
        more = len(names) - len(named)
        reads = f"{', '.join(named)}{f' and {more} more' if more > 0 else ''}"
        days = f"{told['first_day']} to {self.candidate.trained_until}"
        made = f"data version {told['data_version']}, commit {told['git_commit']}"
        return [
            f"Learned from {told['events']} events of {days}; {made}, seed {told['seed']}",
            f"Reads {reads}; what each means stands in features.md of its run",
        ]

    def _limits(self, figures: Evaluated | None) -> list[str]:
        limits = [_words(check.reason) for check in self.evaluation.leaks if not check.passed]
        if figures is not None and figures.refit is not None:
            refit = figures.refit
            limits.append(
                f"What serves is a refit until {refit.trained_until}; its scores of the test days are "
                f"{refit.distance:.2f} of their spread away from those of the fit that was judged"
            )
        return [
            *limits,
            "The figures are of these test days; each night's report tells of its service",
        ]


def _table(rows: Iterator[tuple[str, float, Interval | None]], of: str) -> str:
    head = f"| {_words(of)} | | 95 % interval |\n|---|---|---|\n"
    return head + "\n".join(
        f"| {_words(words)} | {mid:.4f} | {f'{span.low:.4f} to {span.high:.4f}' if span else ''} |"
        for words, mid, span in rows
    )


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _words(text: str) -> str:
    return as_markdown(text if len(text) <= SENTENCE else f"{text[:SENTENCE]} …")


def _code(name: str) -> str:
    """A name between backticks."""
    return re.sub(r"[`|]", "'", " ".join(visible(name).split()))
