"""Every way a night can end badly, each with the exit code that tells a scheduler what to do.

RedeyeError         1   unexpected
├── UsageError      2   the command was called wrongly
├── DataError       3   the data break their contract
│   └── MissingDay  3   the source does not have a day (yet)
├── GateRefused     4   a model is not proven, and may not serve
├── BusyError       5   somebody else is at it
├── TemporaryError  75  a service did not answer; the same command may work later
│   └── RegistryAway 75 … the registry, without which a day can be answered all the same
└── ConfigError     78  params.yaml, dvc.yaml or the environment is wrong
    └── RecipeError 78  … one recipe: it cannot be fitted or kept, and the others can
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.core.text import mask, visible

if TYPE_CHECKING:
    from pipelines.core.records import Record


class RedeyeError(Exception):
    """Something nobody foresaw. Fixed by: whoever maintains Redeye.

    The message is one sentence: where, what, what to do. `evidence` is the record of what was
    found up to there; the runner keeps it beside the artefact that was not made. Passwords and keys
    in the message are masked here, and what would show it otherwise is made visible, before anybody
    can print or keep it.
    """

    exit_code = 1

    def __init__(self, message: str, evidence: Record | None = None) -> None:
        super().__init__(visible(mask(message)).replace("\r", " ").replace("\n", " "))
        self.evidence = evidence


class UsageError(RedeyeError):
    """The command line or the run's parameters. Fixed by: the caller."""

    exit_code = 2


class DataError(RedeyeError):
    """The data break their contract. Fixed by: the owner of the source."""

    exit_code = 3


class MissingDay(DataError):  # noqa: N818  it is a fact, not a mishap
    """The source does not have a table's day. Fixed by: its owner, or by time."""


class GateRefused(RedeyeError):  # noqa: N818  it is an answer, not a mishap
    """A model that is not proven. Fixed by: a better model, or a person who changes the gate."""

    exit_code = 4


class BusyError(RedeyeError):
    """Somebody else holds what this run needs. Fixed by: waiting."""

    exit_code = 5


class TemporaryError(RedeyeError):
    """A service did not answer. Fixed by: running the same command again, once it is back."""

    exit_code = 75


class RegistryAway(TemporaryError):  # noqa: N818  it is a state, not a mishap
    """The registry did not answer. Fixed by: as any other service; the night goes on without it."""


class ConfigError(RedeyeError):
    """A setting is wrong. Fixed by: whoever runs Redeye."""

    exit_code = 78


class RecipeError(ConfigError):
    """A recipe that cannot be fitted or kept. Fixed by: whoever wrote it."""
