"""What is said of a setting that is refused; those that are called something else now, or are none any more."""

from __future__ import annotations

import difflib
from typing import Any, get_args

from pydantic import BaseModel

RENAMED = {
    "ingest.corrections_days": "refetch_days",
    "validate.quarantine_budget": "max_quarantined_share",
    "features.history_days": "training_days",
    "train.gap_days": "embargo_days",
    "evaluate.resamples": "bootstrap_samples",
    "score.schedule": "fallback_order",
    "score.rollout": "challenger_share",
    "monitor.psi_alert": "psi_threshold",
    "monitor.lost_alert": "max_skill_loss",
}

REMOVED = {
    "promote.metric": "the loss of the task decides (log loss; RMSE of a regression)",
}


def explain(problem: Any, settings: type[BaseModel]) -> str:
    """What is wrong, of an error as pydantic tells it, and what to do."""
    if problem["type"] == "missing":
        return "missing; add it (git shows the value it had)"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    if problem["type"] != "extra_forbidden":
        return f"{problem['msg']}, not {str(problem['input'])[:40]!r}; correct the value"
    *sections, unknown = problem["loc"]
    model = settings
    for name in (one for one in sections if not isinstance(one, int)):  # a place in a list
        field = next(f for key, f in model.model_fields.items() if name in (key, f.alias))
        (model,) = get_args(field.annotation) or (field.annotation,)  # of a list, what is in it
    key = ".".join(map(str, problem["loc"]))
    if key in RENAMED:
        return f"is called {RENAMED[key]} now; rename it"
    if key in REMOVED:
        return f"is no setting any more: {REMOVED[key]}; remove it"
    known = [f.alias or key for key, f in model.model_fields.items()]
    nearest = difflib.get_close_matches(str(unknown), known, n=1, cutoff=0.5)
    return "unknown key; " + (
        f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known)}"
    )
