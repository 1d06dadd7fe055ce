"""Tables on a terminal, in which text from outside is neither markup nor a command to the terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from pipelines.core.text import visible


def plain(text: object, style: str = "") -> Text:
    """The text as it is, all of it in one style; no part of it is read as markup."""
    return Text(visible(str(text)), style)


def labelled(title: str | None = None) -> Table:
    """A table of labels and what they say."""
    table = Table(title=title, title_justify="left", show_header=False, min_width=78)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    return table
