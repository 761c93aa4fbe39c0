"""What is known to be harmless, so that it may be shown: the project's one list of it.

Text is shown because it is on this list, not because it does not look like a secret. The list has
words of HTTP and of web APIs (`harmless.txt`), as whole words or as the humps of `camelCase`;
versions, years and dates; and numbers of up to four digits. A table adds its own words.
"""

import re
from collections.abc import Container
from pathlib import Path as FilePath
from weakref import WeakKeyDictionary

from ..core.decision import Reason
from ..core.lookup import RuleIndex
from ..core.places import Host, Path
from ..core.table import Table

_LISTS = FilePath(__file__).with_suffix(".txt").read_text("utf-8").split("\n\n")

FIELDS = frozenset(_LISTS[0].split())
"""Words of the names of parameters whose values may be shown, if those are harmless, too."""

_KNOWN = frozenset([*FIELDS, *_LISTS[1].split()])
_DATED = re.compile(
    r"(?<![0-9.])(?:(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])(?:-[0-3][0-9])?"
    r"|[0-9]{1,4}(?:\.[0-9]{1,4}){1,2})(?![0-9.])"
)
_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\x00-\x7f]")
_LETTERS = re.compile(r"[a-z]{2,}")
_by_index: WeakKeyDictionary[RuleIndex, frozenset[str]] = WeakKeyDictionary()  # one of each table
MAX_DIGITS = 4
"""Digits of a text that are harmless, beside those of versions and dates."""


def shows_value(name: str) -> bool:
    """Return whether the harmless value of a parameter with that name may be shown."""
    pieces = _PIECE.findall(name)
    return pieces != [] and all(piece.lower() in FIELDS for piece in pieces)


def is_harmless(text: str, known: Container[str] = ()) -> bool:
    """Return whether a text has only harmless words and numbers; `known` are more of its words.

    Punctuation never counts: a text without letters and digits is harmless.
    """
    lower = text.lower()
    if lower in _KNOWN or lower in known:
        return True
    digits = 0
    plain = _DATED.sub("", text) if "-" in text or "." in text else text
    for piece in _PIECE.findall(plain):
        if piece.isdecimal() and piece.isascii():
            digits += len(piece)
        elif (word := piece.lower()) not in _KNOWN and word not in known:
            return False
    return digits <= MAX_DIGITS


def known_words(table: Table) -> frozenset[str]:
    """Return the words of a table, in lower case: of its names, its hosts and its patterns."""
    words = _by_index.get(table.index)
    if words is None:
        words = _by_index[table.index] = _words_of(table)
    return words


def _words_of(table: Table) -> frozenset[str]:
    answer = table.misdirected
    texts = [*table.hublets, *table.aliases, *table.domains, *Reason]
    texts += [answer.header or "", answer.json or ""]
    texts += [rule.paths.pattern for rule in table.rules if rule.paths]
    for place in table.places:
        pattern = place.pattern.pattern if isinstance(place, Path | Host) else ""
        names = (getattr(place, name, None) or "" for name in ("name", "path", "scheme"))
        texts += [pattern, *names]
    lower = [text.lower() for text in texts]
    return frozenset([*lower, *(word for text in lower for word in _LETTERS.findall(text))])
