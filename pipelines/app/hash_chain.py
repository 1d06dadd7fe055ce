"""Lines of evidence, each with the SHA-256 of the line before it: whether one was edited, added or taken away."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.core.errors import DataError
from pipelines.core.records import Record

BEGINNING = "0" * 64
LINE = {"line", "before", "kind", "what"}


class Manifest(Record):
    """What an export holds; its own SHA-256 stands for all of it."""

    model: str
    first: str
    last: str
    lines: dict[str, int]  # by file, in the order of the chain
    files: dict[str, str]  # of the tables beside them → SHA-256
    head: str  # SHA-256 of the last line


@dataclass
class Chain:
    """A chain that grows line by line, through one file after the other."""

    number: int = 0
    head: str = BEGINNING

    def link(self, kind: str, what: Mapping[str, Any]) -> str:
        """The next line, without its end."""
        self.number += 1
        told = {"line": self.number, "before": self.head, "kind": kind, "what": dict(what)}
        line = json.dumps(told, sort_keys=True, ensure_ascii=False, allow_nan=False, default=str)
        self.head = sha256_of(line)
        return line


def sha256_of(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def check_chain(files: Iterable[tuple[str, Sequence[str]]], manifest: Manifest) -> int:
    """The number of lines, all of which are as they were written.

    `files` are names and lines, in the order of the chain. Raises DataError that names the first line that
    was edited, added or taken away.
    """
    chain = Chain()
    for name, lines in files:
        begun = chain.number
        for place, line in _placed(name, lines):
            _follow(chain, place, line)
        wanted = manifest.lines[name]
        if chain.number - begun != wanted:
            raise DataError(
                f"{name}: has {chain.number - begun} lines, and {wanted} were written: the last ones were "
                f"taken away or added; {INSTEAD}"
            )
    if chain.head != manifest.head:
        raise DataError(f"{name}, line {len(lines)}: was edited: it is the last one; {INSTEAD}")
    return chain.number


INSTEAD = "export the same days again, and compare"


def _placed(name: str, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines, 1):
        yield f"{name}, line {number}", line


def _follow(chain: Chain, place: str, line: str) -> None:
    """Take a line for the next one of the chain. Raises DataError when it is another."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: is no line of evidence: it was edited; {INSTEAD}") from error
    if not isinstance(told, dict) or set(told) != LINE or not isinstance(told["line"], int):
        raise DataError(f"{place}: is no line of evidence: it was edited; {INSTEAD}")
    wanted = chain.number + 1
    if told["line"] > wanted:
        lost = told["line"] - wanted
        raise DataError(f"{place}: {lost} lines before it were taken away; {INSTEAD}")
    if told["line"] < wanted:
        raise DataError(f"{place}: it, or a line before it, was added; {INSTEAD}")
    if told["before"] != chain.head:
        before = "the line before it was edited, or it is another" if chain.number else "was edited"
        raise DataError(f"{place}: {before}; {INSTEAD}")
    chain.number, chain.head = wanted, sha256_of(line)
