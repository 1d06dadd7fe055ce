"""What a registered version needs before it may serve: a blessing of the very file, and its features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pipelines.core.records import BlessingEntry, ModelVersion

if TYPE_CHECKING:
    from pipelines.promotion.ports import Registry

ALIASES = ("champion", "challenger", "previous-champion", "canary")
Blessings = Callable[[ModelVersion], BlessingEntry | None]  # what the warehouse says of a version


def ineligibility(
    model: ModelVersion,
    features: Mapping[str, str] | None,
    blessings: Blessings,
    *,
    in_shadow: bool = False,
) -> str | None:
    """What a version lacks to serve: a blessing, or its features; None if nothing.

    `features` are those that there are, with the hashes of their declarations; None: nobody knows. Who
    answers in shadow alone, and never serves, need not be good: that is what its answers will tell.
    """
    if model.unreadable:
        return f"cannot be read: {model.unreadable}"
    blessing = blessings(model)
    if blessing is None:
        return (
            "is not blessed: nobody has judged this version and file "
            f"(SHA-256 {model.sha256[:12] or 'unknown'})"
        )
    lacking = [name for name in blessing.lacking if not (in_shadow and name == "quality")]
    if lacking:
        return f"is not blessed for {' and '.join(lacking)}"
    return (
        None if features is None else feature_ineligibility(as_blessed(model, blessings), features)
    )


def as_blessed(model: ModelVersion, blessings: Blessings) -> ModelVersion:
    """The version with what the warehouse knows that it learned from, in place of what its tags say."""
    entry = None if model.unreadable else blessings(model)
    if entry is None or entry.learned is None:
        return model
    return model.model_copy(update=dict(entry.learned))


def read_blessed(name: str, registry: Registry, blessings: Blessings) -> ModelVersion | None:
    """The registry's version of this number or alias, as it was blessed; None when there is none."""
    found = registry.version(name)
    return found and as_blessed(found, blessings)


def feature_ineligibility(model: ModelVersion, features: Mapping[str, str]) -> str | None:
    """Which features of a version are not there, or are declared otherwise than those it learned from.

    Versions and tables of before there were hashes have none, and pass.
    """
    missing = sorted(set(model.features) - set(features))
    if missing:
        return f"needs features that are not there: {', '.join(missing)}"
    learned = model.meanings
    changed = [name for name in model.features if learned.get(name) and features[name]]
    changed = sorted(name for name in changed if learned[name] != features[name])
    return f"learned from other declarations of {', '.join(changed)}" if changed else None
