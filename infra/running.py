"""What runs on this machine, written down, so that whoever comes later can use it or stop it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial

from infra.airflow_api import Api
from infra.airflow_config import LOGIN, Home, open_secrets
from infra.polling import Patience
from infra.postgres import stop_postgres
from infra.processes import Component, stop
from pipelines.core.atomic_files import write_whole
from pipelines.core.errors import TemporaryError


@dataclass(frozen=True)
class Stack:
    """Airflow's address, its processes, and whether the schedule is on."""

    address: str
    schedule: bool
    owner: int  # the process that started it
    components: tuple[Component, ...] = ()

    def is_alive(self) -> bool:
        return bool(self.components) and all(one.is_alive() for one in self.components)

    def api(self, home: Home, say: Callable[[str], None] | None = None) -> Api:
        """Its API; whoever can be told what is waited for is patient."""
        patience = None if say is None else self.patience(home, say)
        return Api(self.address, LOGIN, open_secrets(home).password, patience)

    def patience(self, home: Home, say: Callable[[str], None]) -> Patience:
        """Waits while all that was started lives."""
        return Patience(partial(check_alive, home, self.components), say)

    def grown(self, home: Home, component: Component) -> Stack:
        """With one component more, written down at once: it can be stopped whatever happens."""
        stack = replace(self, components=(*self.components, component))
        write_whole(home.state, json.dumps(asdict(stack)).encode())
        return stack


def read_stack(home: Home) -> Stack | None:
    """What was started and not stopped, alive or not."""
    try:
        told = json.loads(home.state.read_text())
    except FileNotFoundError:
        return None
    return Stack(**{**told, "components": tuple(Component(**one) for one in told["components"])})


def stop_stack(home: Home) -> None:
    """Stop all that runs; safe to call again."""
    if (stack := read_stack(home)) is not None:
        stop(stack.components)
    stop_postgres(home)
    home.state.unlink(missing_ok=True)


def check_alive(home: Home, components: tuple[Component, ...]) -> None:
    """Raises TemporaryError when a component ended by itself."""
    for component in components:
        if not component.is_alive():
            raise TemporaryError(
                f"{component.name} ended by itself; {home.log(component.name)} may say why; "
                f"run the same again"
            )
