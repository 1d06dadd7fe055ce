"""Text as it is, also where characters in it would show it otherwise."""

from __future__ import annotations

import re

# Controls of a terminal, of the direction of text, and characters of no width; white space is none of them.
DISGUISING = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


def visible(text: str) -> str:
    """The text with each disguising character as its number."""
    return DISGUISING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
