"""Text that people read: secrets masked, disguising characters shown, and names that were probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlsplit

MASK = "***"
_NAMES = (
    r"(?:password|passwd|passphrase|pwd|secret|token|credential|api_?key|access_?key|signature)"
)
# A name with one of these words in it, `=` or `:`, and a value: of a URL's query, of a driver's options.
_NAMED = re.compile(rf"(?i)([\w.-]*{_NAMES}[\w.-]*\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s&;,'\")]+)")
# user:password@ in a URL; a password may hold an @ itself, so up to the last one of the word.
_LOGIN = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s:/?#@]*):[^\s'\"]*@")
_TOKEN = re.compile(r"(?i)\b(https?://)[^\s:/?#@]+@")


def mask(text: str) -> str:
    """The text with every password of a URL, and every value whose name says that it is secret, as ***."""
    for pattern, shown in (
        (_LOGIN, rf"\1:{MASK}@"),
        (_TOKEN, rf"\1{MASK}@"),
        (_NAMED, rf"\1{MASK}"),
    ):
        text = pattern.sub(shown, text)
    return text


def secrets_in_url(url: str) -> list[str]:
    """The password of a URL, and the secret values of its query, as they stand there and decoded."""
    try:
        parts = urlsplit(url)
        found = [parts.password or ""]
    except ValueError:
        return []
    found += [
        value for name, value in parse_qsl(parts.query) if re.search(_NAMES, name, re.IGNORECASE)
    ]
    return sorted({one for plain in found for one in (plain, unquote(plain)) if one})


# Controls of a terminal, of the direction of text, and characters of no width; white space is none of them.
DISGUISING = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


# Also of addresses, which some make links of; a colon alone is none, and not every Markdown lets it be escaped.
_MARKUP = re.compile(r"[\\`*_{}\[\]()<>#+\-.!|~&$]|:(?=//)")


def visible(text: str) -> str:
    """The text with each disguising character as its number."""
    return DISGUISING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def as_markdown(words: str) -> str:
    """Words that Markdown shows as they are, on one line."""
    return _MARKUP.sub(r"\\\g<0>", visible(" ".join(words.split())))


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Did you mean …?"""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
