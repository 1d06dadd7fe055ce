"""Passwords, keys and tokens in texts that people read, replaced by ***."""

from __future__ import annotations

import re
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
