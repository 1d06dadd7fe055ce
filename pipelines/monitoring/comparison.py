"""How contenders stand against each other lately: the same events, the same days, one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipelines.core.records import Amount
from pipelines.metrics.bootstrap import gains
from pipelines.metrics.task import Task
from pipelines.monitoring.quality import PUBLISHED, Worth, measure, score_rows, subject

CHAMPION, CHALLENGER, CANARY = "champion", "challenger", "canary"
ORDER = (CHAMPION, CHALLENGER, "previous-champion", CANARY, "baseline")


@dataclass(frozen=True)
class ContenderComparison:
    """How one contender did on all days on which it was asked and whose outcomes are known.

    `gains` over the champion are on the events that both have scored, draw by draw of the same days;
    above 0 the contender is better. Empty for the champion itself, and without common events.
    """

    subject: str
    n_days: int
    metrics: Mapping[str, Amount]
    gains: Mapping[str, Amount]

    def named(self, days: int) -> dict[str, Amount]:
        """The metrics as daily_metric calls them, such as `auc_28d` and `gain_auc_28d`."""
        told = {f"{name}_{days}d": amount for name, amount in self.metrics.items()}
        return told | {f"gain_{name}_{days}d": amount for name, amount in self.gains.items()}


def standings(scores: pd.DataFrame, worth: Worth, task: Task) -> list[ContenderComparison]:
    """What was published, then every contender of the last day, champion first.

    A contender is its model version, whatever its name was on earlier days. `scores` are the
    warehouse's.
    """
    known, versions = scores.loc[scores["label"].notna()], last_versions(scores)
    champion = of_version(known, CHAMPION, versions)
    mine = {PUBLISHED: known.loc[known["answers"]]}
    for name in sorted(versions, key=_place):
        mine[subject(name, versions[name])] = of_version(known, name, versions)
    return [_stand(name, rows, champion, worth, task) for name, rows in mine.items() if len(rows)]


def shares(scores: pd.DataFrame, worth: Worth, task: Task) -> list[ContenderComparison]:
    """Champion and challenger on the keys that each of them answered, when both did (score.challenger_share).

    The challenger's gain is on its own keys: the champion's answers to them are kept. Where acting on
    an answer changes what comes, only the two rows tell the truth, not the gain.
    """
    known, versions = scores.loc[scores["label"].notna()], last_versions(scores)
    if CHALLENGER not in versions:
        return []
    champion = of_version(known, CHAMPION, versions)
    challenger = of_version(known, CHALLENGER, versions)
    tried = challenger.loc[challenger["answers"]]
    kept = champion.loc[champion["answers"] & champion["day"].isin(set(tried["day"]))]
    return [
        _stand(f"{subject(name, versions[name])} on its share", rows, champion, worth, task)
        for name, rows in ((CHAMPION, kept), (CHALLENGER, tried))
        if len(rows) and len(kept)
    ]


def last_versions(scores: pd.DataFrame) -> dict[str, object]:
    """Who was asked on the last day, with which model version."""
    last = scores.loc[scores["day"] == scores["day"].max(), ["contender", "model_version"]]
    return {str(c): v for c, v in last.drop_duplicates().itertuples(index=False)}


def _place(contender: str) -> tuple[int, str]:
    return (ORDER.index(contender) if contender in ORDER else len(ORDER)), contender


def of_version(
    scores: pd.DataFrame, contender: str, versions: Mapping[str, object]
) -> pd.DataFrame:
    """What the contender's version said, whatever its name was; the baseline's, if it has none."""
    version = versions.get(contender)
    if isinstance(version, str):
        return scores.loc[scores["model_version"] == version]
    return scores.loc[(scores["contender"] == contender) & scores["model_version"].isna()]


def _stand(
    name: str, rows: pd.DataFrame, champion: pd.DataFrame, worth: Worth, task: Task
) -> ContenderComparison:
    days = pd.factorize(rows["day"])[0]
    return ContenderComparison(
        subject=name,
        n_days=int(days.max()) + 1,
        metrics=measure(rows, worth, task, days),
        gains=_gains(rows, champion, worth, task),
    )


def _gains(
    mine: pd.DataFrame, champion: pd.DataFrame, worth: Worth, task: Task
) -> dict[str, Amount]:
    both = mine.merge(champion[["event_key", "score"]], on="event_key", suffixes=("", "_champion"))
    if both.empty or both["score"].equals(both["score_champion"]):
        return {}
    days = pd.factorize(both["day"])[0]
    other = both.assign(score=both["score_champion"])
    return gains(score_rows(both, worth, task, days), score_rows(other, worth, task, days))
