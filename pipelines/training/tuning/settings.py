"""Candidates with other settings than their spec is written with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.core.errors import ConfigError, RecipeError
from pipelines.core.records import Tuned
from pipelines.core.text import nearest_name
from pipelines.define.problem import ModelSpec
from pipelines.define.spaces import Setting


def with_settings(spec: ModelSpec, settings: Mapping[str, Setting], name: str) -> ModelSpec:
    """The spec with these settings in place of its own, as a candidate of another name."""

    def build(schema: Mapping[str, str], seed: int, threads: int) -> Any:
        return spec.build(schema, seed, threads).set_params(**settings)

    return ModelSpec(name, build)


def tonights_specs(specs: Sequence[ModelSpec], tuned: Sequence[Tuned]) -> tuple[ModelSpec, ...]:
    """Every spec as it is written, followed by those with settings that were found for it.

    Raises ConfigError when settings are of a spec that is not there.
    """
    names = {spec.name for spec in specs}
    for one in tuned:
        if one.spec not in names:
            near = nearest_name(one.spec, names)
            raise ConfigError(f"train.tuned: there is no model spec {one.spec!r}; {near}")
    return tuple(_each(specs, tuned))


def _each(specs: Sequence[ModelSpec], tuned: Sequence[Tuned]) -> Iterator[ModelSpec]:
    for spec in specs:
        yield spec
        yield from (
            with_settings(spec, one.settings, one.name) for one in tuned if one.spec == spec.name
        )


def still_meant(specs: Sequence[ModelSpec], tuned: Sequence[Tuned]) -> list[Tuned]:
    """Those whose settings their spec still declares to be searched, in a space that holds them."""
    spaces = {spec.name: spec.tune for spec in specs}
    return [one for one in tuned if _is_in(one.settings, spaces.get(one.spec, {}))]


def _is_in(settings: Mapping[str, Setting], spaces: Mapping[str, Any]) -> bool:
    named = settings.keys() == spaces.keys()
    return named and all(settings[name] in space for name, space in spaces.items())


def refuse_unknown(spec: ModelSpec, estimator: Any) -> None:
    """Raise RecipeError when a space is of a setting that the estimator has not."""
    known = estimator.get_params()
    for name in spec.tune:
        if name in known:
            continue
        within = [one for one in known if one.endswith(f"__{name}")]
        near = f"did you mean {within[0]!r}?" if within else nearest_name(name, known)
        raise RecipeError(
            f"recipe {spec.name!r}: its `tune` names {name!r}, which is no setting of its "
            f"{type(estimator).__name__}; {near}"
        )
