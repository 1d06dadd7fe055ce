"""YAML as Redeye's own files are written: no key twice, no aliases, nothing endless."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pipelines.core.errors import ConfigError

LARGEST_BYTES = 1_000_000


class _Plain(yaml.SafeLoader):
    """YAML's safe subset, without what hides a mistake: of a key that is there twice, the first is lost."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem="aliases (*name) are not allowed; write the value out",
                problem_mark=event.start_mark,
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  PyYAML's
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key.value, str):
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value[:40]!r} is there twice; remove one",
                    problem_mark=key.start_mark,
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """What the file says; raises ConfigError, with the line if it is known, when it is no plain YAML."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ConfigError(
                f"{path.name}: has more than {LARGEST_BYTES:,} bytes; restore it from git"
            )
        return yaml.load(path.read_text(), _Plain)  # noqa: S506  a subset of SafeLoader
    except RecursionError:
        raise ConfigError(
            f"{path.name}: cannot be read (nested too deeply); restore it from git"
        ) from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(
            f"{path.name}{line}: cannot be read ({error.problem}); correct it, or restore it from git"
        ) from error
    except (OSError, yaml.YAMLError, ValueError) as error:
        told = str(error).splitlines()[0]
        raise ConfigError(
            f"{path.name}: cannot be read ({told}); correct it, or restore it from git"
        ) from error
