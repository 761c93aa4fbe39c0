"""The parse tree of a regular expression, and which characters a node of it reads.

It is what `re.compile` itself parses with, so that nothing is read in another way here. It is
private to the standard library: only this module knows it, and a test fails when a Python has
changed it.
"""

import importlib
import re
from functools import cache
from typing import Any

parse: Any = importlib.import_module("re._parser").parse
"""Return the tree of a pattern: pairs of an operation, whose `str` is its name, and its value."""

_HAS_ONE_PART = {
    *("SUBPATTERN", "ASSERT", "ASSERT_NOT", "MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"),
}

# A set of characters is an int with a bit for each of Latin-1, one for all other white space, one
# for all that is left, and one for a character that is thought to stand before the text, and that
# a leading `^` reads.
_LATIN_1 = "".join(map(chr, range(256)))
# Where case is ignored, some of it stands for these as well: k is also the sign of the kelvin.
_LATIN_1_IN_ANOTHER_CASE = "\u0130\u0131\u0178\u017f\u039c\u03bc\u1e9e\u212a\u212b"
SPACES, REST, START, _NEWLINE = 1 << 256, 1 << 257, 1 << 258, 1 << ord("\n")
_OTHERS = SPACES | REST
ANY = START - 1
_CLASSES = {
    f"CATEGORY_{name}": escape
    for kind, escape in {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}.items()
    for name, escape in {kind: escape, f"NOT_{kind}": escape.upper()}.items()
}
# What a class reads outside Latin-1, where that is not everything.
_OUTSIDE = {"CATEGORY_SPACE": SPACES, "CATEGORY_WORD": REST, "CATEGORY_DIGIT": REST}


def parts(op: str, value: Any) -> list[Any]:
    """Return the trees in a node."""
    match op:
        case "BRANCH":
            return list(value[1])
        case "ATOMIC_GROUP":
            return [value]
    return [value[-1]] if op in _HAS_ONE_PART else []


def character_class(op: str, value: Any) -> str | None:
    """Return the source of a class that reads what a node does, None if it is no such node."""
    if op == "ANY":
        return "."
    items = _class_items(op, value)
    return _source(items) if items else None


def _class_items(op: str, value: Any) -> tuple[tuple[str, Any], ...]:
    if op not in {"LITERAL", "NOT_LITERAL", "IN"}:
        return ()
    items = value if op == "IN" else [("LITERAL", value)]
    items = [("NEGATE", None), *items] if op == "NOT_LITERAL" else items
    return tuple((str(kind), what) for kind, what in items)


def _source(items: tuple[tuple[str, Any], ...]) -> str:
    source = ""
    for kind, value in items:
        if kind in {"NEGATE", "CATEGORY"}:
            source += _CLASSES.get(str(value), "^")
        else:
            low, high = value if kind == "RANGE" else (value, value)
            source += rf"\U{low:08x}-\U{high:08x}"
    return f"[{source}]"


@cache
def _characters(items: tuple[tuple[str, Any], ...], flags: int) -> int:
    """Return the set of a class; it may say too much about what is outside Latin-1."""
    others = 0
    for kind, value in items:
        if kind in {"NEGATE", "CATEGORY"}:
            others |= _OUTSIDE.get(str(value), _OTHERS)
        elif (value[1] if kind == "RANGE" else value) > 255:
            others |= _OTHERS
    found = re.findall(_source(items), _LATIN_1, flags)
    if re.search(_source(items), _LATIN_1_IN_ANOTHER_CASE, flags):
        others |= REST
    return sum(1 << ord(character) for character in found) | others


def reads(op: str, value: Any, flags: int, first: bool) -> int | None:
    """Return the set that a node of the parser's tree reads, None when it is not such a node."""
    match op:
        case "LITERAL" | "NOT_LITERAL" | "IN":
            return _characters(_class_items(op, value), flags & (re.IGNORECASE | re.ASCII))
        case "ANY":
            return ANY if flags & re.DOTALL else ANY - _NEWLINE
        case "END":  # of the whole or of a look ahead: reads nothing, but the ways to it count
            return 0
        case "AT" if first and str(value) == "AT_BEGINNING":
            return START + _NEWLINE if flags & re.MULTILINE else START
        case "AT" if first and str(value) == "AT_BEGINNING_STRING":
            return START
    return None
