"""Events by name, and joined with how they ended."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.core.errors import DataError
from pipelines.define.problem import Problem
from pipelines.metrics.task import task_of

SEPARATOR = "|"


def event_keys(frame: pd.DataFrame, key: Sequence[str]) -> pd.Series[str]:
    """Each row's name, such as `2013-10-01|UA|1545|EWR|515`: its day, then the columns of the key.

    Within a value `|` and a backslash stand behind a backslash, so that no two events share a name. The
    index is that of the frame. Raises DataError when a part of a name is missing.
    """
    names = _days(frame["day"])
    for column in key:
        part = _text(frame[column])
        if part.isna().any():
            raise DataError(
                f"key column {column!r}: {int(part.isna().sum())} rows are empty, so events cannot be "
                f"named; add a rule to the suite of the table"
            )
        for mark in ("\\", SEPARATOR):
            part = part.str.replace(mark, f"\\{mark}", regex=False)
        names = names + SEPARATOR + part
    return names.rename("event_key")


def label_events(
    features: pd.DataFrame, outcomes: pd.DataFrame, key: Sequence[str]
) -> pd.DataFrame:
    """How the features' rows ended, in their order: `label` (NaN: not known), `excluded` (or None) and
    `known_at`.

    `outcomes` has these, `day` and the key's columns; events without an outcome yet keep an empty
    one. Raises DataError when an event or an outcome is there twice.
    """
    events, ended = event_keys(features, key), event_keys(outcomes, key)
    reject_duplicates(events, "features")
    reject_duplicates(ended, "outcomes")
    known = outcomes[["label", "excluded", "known_at"]].set_index(pd.Index(ended)).reindex(events)
    reasons = [reason if isinstance(reason, str) else None for reason in known["excluded"]]
    return pd.DataFrame(
        {
            "label": known["label"].astype("float64").to_numpy(),
            "excluded": pd.Series(reasons, index=features.index, dtype=object),
            "known_at": known["known_at"].to_numpy(dtype="datetime64[us]"),
        },
        index=features.index,
    )


def label_facts(facts: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """How each fact ended, as the problem says: `label` (float64, NaN: none) and `excluded`.

    Raises DataError when a label is none of the problem's task: it would be learned from as it is.
    """
    ended, task = problem.outcome(facts), task_of(problem.task)
    label = ended["label"].astype("float64")
    odd = label.loc[label.notna() & ~task.is_label(label.to_numpy())]
    if len(odd):
        raise DataError(
            f"outcome of problem {problem.name!r}: {len(odd)} labels are not {task.labels}, first "
            f"{odd.iloc[0]:g}; correct it, and say NaN where there is none"
        )
    return ended.assign(label=label)


def reject_duplicates(keys: pd.Series[str], what: str) -> None:
    """Raise DataError if a name is there twice."""
    twins = keys[keys.duplicated()]
    if len(twins):
        raise DataError(
            f"{what}: {len(twins)} rows repeat an event that is there already, first {twins.iloc[0]!r}; "
            f"the key in the problem must name an event, or the source gives rows twice"
        )


def _days(days: pd.Series) -> pd.Series[str]:
    # A year has 364 different days and many rows: spell each day once.
    codes, uniques = pd.factorize(days)
    if (codes < 0).any():
        raise DataError("column 'day': empty, so events cannot be named; land the table again")
    spelled = pd.to_datetime(pd.Series(uniques)).dt.strftime("%Y-%m-%d").to_numpy(dtype=object)
    return pd.Series(spelled[codes], index=days.index, dtype="str")


def _text(values: pd.Series) -> pd.Series[str]:
    if pd.api.types.is_float_dtype(values) and np.isfinite(values.dropna()).all():
        whole = values.dropna() % 1 == 0  # integers that a missing value made floats
        values = values.astype("Int64") if whole.all() else values
    return values.astype("str") if not values.isna().any() else values.astype("string")
