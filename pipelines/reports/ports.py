"""Where pages and plots go."""

from __future__ import annotations

from typing import Protocol


class RunFiles(Protocol):
    """The night's own folder, for what people read."""

    def write(self, name: str, content: str | bytes) -> None:
        """Put a page or a plot there, whole or not at all."""
        ...
