"""The card of a registered version: what it is, what is known of it, and how it is made again.

In Markdown, shortened, it is the version's description in MLflow; as a page it tells all of it.

After Mitchell et al. (2019), Model Cards for Model Reporting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from pipelines.core.records import (
    BlessingEntry,
    Candidate,
    Evaluated,
    Evaluation,
    Interval,
    SliceGain,
)
from pipelines.core.text import as_markdown, visible
from pipelines.metrics.task import TASKS
from pipelines.reports.render import render
from pipelines.reports.svg_charts import Chart, calibration_chart

LENGTH = 5000  # characters that MLflow keeps of a description
NAMED = 1200  # characters of names of features
SENTENCE = 300  # characters of a reason
HASH = 12  # … of what the run tells
TOLD = ("events", "first_day", "data_version", "git_commit", "seed")
CHAMPION, VALUE = "champion", "value"
Row = tuple[str, float, Interval | None]  # what it is, the number, its interval


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
            _list(map(_words, self._limits(figures))),
        ]
        end = f"\n\nTo make it again, and compare it: `redeye reproduce {candidate.version}`"
        return "\n\n".join(parts)[: LENGTH - len(end)] + end

    @property
    def file(self) -> str:
        """What its page is called, in the night's folder and in the run."""
        return f"card-{self.candidate.version}.html"

    def page(self) -> str:
        """The whole card as a page of its own."""
        figures = self.evaluation.model(self.candidate.name)
        return render(
            "card.html",
            {
                "candidate": self.candidate,
                "entry": self.entry,
                "evaluation": self.evaluation,
                "gate": self.gate,
                "tested": self._tested,
                "rows": list(self._all_rows(figures)) if figures else [],
                "slices": _slices(figures),
                "loss": TASKS[self.evaluation.task].metrics[TASKS[self.evaluation.task].loss].words,
                "calibration": figures.calibration if figures else (),
                "chart": _calibrated(figures),
                "facts": sorted(self.facts.items()),
                "limits": list(self._limits(figures)),
            },
        )

    def _all_rows(self, figures: Evaluated) -> Iterator[Row]:
        """Every metric, then what is gained over each opponent in those that people look at."""
        task = TASKS[self.evaluation.task]
        for name, found in figures.metrics.items():
            yield task.metrics[name].words, found.mid, found
        yield from self._gains(figures, task.watched)
        yield from self._value_and_overfit(figures)

    @property
    def _tested(self) -> str:
        one = self.evaluation
        return f"its held-out fit on {one.rows:,} events of {one.first_test_day} to {one.last_test_day}"

    def _rows(self, figures: Evaluated) -> Iterator[Row]:
        """The metrics that people look at, with the gains in the loss and in value."""
        task = TASKS[self.evaluation.task]
        for name in task.watched:
            if name in figures.metrics:
                yield task.metrics[name].words, figures.metrics[name].mid, figures.metrics[name]
        yield from self._gains(figures, (task.loss, VALUE))
        yield from self._value_and_overfit(figures)

    def _gains(self, figures: Evaluated, names: Sequence[str]) -> Iterator[Row]:
        metrics = TASKS[self.evaluation.task].metrics
        for opponent, gains in figures.gains.items():
            against = _against(opponent)
            for name in names:
                if name in gains:
                    yield f"gain in {metrics[name].words} over {against}", gains[name].mid, gains[name]  # fmt: skip

    def _value_and_overfit(self, figures: Evaluated) -> Iterator[Row]:
        task, over = TASKS[self.evaluation.task], figures.over_nothing
        if over is not None:
            yield "value of an event, less that of never acting", over.mid, over
        if figures.overfit is not None:
            words = f"{task.metrics[task.overfit].words} lost from training to test days"
            yield words, figures.overfit, None

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

    def _limits(self, figures: Evaluated | None) -> Iterator[str]:
        """What to know before it is trusted; of the leak gate in the words of its reasons."""
        yield from (check.reason for check in self.evaluation.leaks if not check.passed)
        if figures is not None and figures.refit is not None:
            refit = figures.refit
            yield (
                f"What serves is a refit until {refit.trained_until}; its scores of the test days are "
                f"{refit.distance:.2f} of their spread away from those of the fit that was judged"
            )
        for opponent, of in _slices(figures):
            least = of[0]
            yield (
                f"Of {len(of)} slices it gains least over {opponent} on {least.name}: "
                f"{least.gain:+.4f}, with a standard error of {least.error:.4f}, in {least.events:,} events"
            )
        yield "The figures are of these test days; each night's report tells of its service"


def _slices(figures: Evaluated | None) -> list[tuple[str, list[SliceGain]]]:
    """By opponent, the slices on which it gains least first."""
    of = figures.slices if figures else {}
    return [
        (_against(name), sorted(slices, key=lambda one: one.gain))
        for name, slices in of.items()
        if slices
    ]


def _against(opponent: str) -> str:
    return "the champion" if opponent == CHAMPION else opponent


def _calibrated(figures: Evaluated | None) -> Chart | None:
    """Of tenths of the test days' events by score."""
    if figures is None or not figures.calibration:
        return None
    note = "Tenths of the test days' events by score: what was said, and what came (upright)."
    return calibration_chart("Calibration", note, figures.calibration)


def _table(rows: Iterator[Row], of: str) -> str:
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
