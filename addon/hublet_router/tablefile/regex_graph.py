"""What a regular expression can read, drawn as a graph, so that `regex_cost` can count the ways.

A position (V. M. Glushkov, 1961) is a character or a class of the expression, one for each copy
that `{n,m}` asks for, and a way leads from it to each position that can read the next character.
Where the drawing is not exact it has more ways than Python's `re` would walk, never fewer.
"""

import importlib
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from typing import Any, NamedTuple

# What `re.compile` parses with, so that nothing is read in another way here. It is private to the
# standard library: only this module knows it, and a test tells when a Python has changed it.
_parse: Any = importlib.import_module("re._parser").parse

_COPIES = 200  # a repeat of more positions counts as endless, which only makes more ways
_POSITIONS = 600  # keeps the check itself short

# A set of characters is an int with a bit for each of Latin-1, one for all other white space, one
# for all that is left, and one for a character that is thought to stand before the text, and that
# a leading `^` reads.
_LATIN_1 = "".join(map(chr, range(256)))
_SPACES, _REST, _START, _NEWLINE = 1 << 256, 1 << 257, 1 << 258, 1 << ord("\n")
_OTHERS = _SPACES | _REST
ANY = _START - 1
_CLASSES = {
    f"CATEGORY_{name}": escape
    for kind, escape in {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}.items()
    for name, escape in {kind: escape, f"NOT_{kind}": escape.upper()}.items()
}
# What a class reads outside Latin-1, where that is not everything.
_OUTSIDE = {"CATEGORY_SPACE": _SPACES, "CATEGORY_WORD": _REST, "CATEGORY_DIGIT": _REST}
_END = ("END", None)


class SlowError(Exception):
    """No bound of the work is known. Its text says why, and what to change."""


def literal_start(pattern: re.Pattern[str]) -> str:
    """Return what every match begins with, which must be the beginning of the text; often ''."""
    first, *rest = [(str(op), value) for op, value in _parse(pattern.pattern)] or [_END]
    if str(first[1]) != "AT_BEGINNING" or pattern.flags & (re.IGNORECASE | re.MULTILINE):
        return ""
    return "".join(chr(value) for _, value in takewhile(lambda node: node[0] == "LITERAL", rest))


@cache
def _characters(items: tuple[tuple[str, Any], ...], flags: int) -> int:
    """Return the set of a class; it may say too much about what is outside Latin-1."""
    source, others = "", 0
    for kind, value in items:
        if kind in {"NEGATE", "CATEGORY"}:
            source += _CLASSES.get(str(value), "^")
            others |= _OUTSIDE.get(str(value), _OTHERS)
        else:
            low, high = value if kind == "RANGE" else (value, value)
            source += rf"\U{low:08x}-\U{high:08x}"
            others |= _OTHERS if high > 255 else 0
    found = re.findall(f"[{source}]", _LATIN_1, flags)
    # Where case is ignored, a letter can stand for some outside: k is also the sign of the kelvin.
    if flags & re.IGNORECASE and any(map(str.isalpha, found)):
        others |= _REST
    return sum(1 << ord(character) for character in found) | others


def _reads(op: str, value: Any, flags: int, first: bool) -> int | None:
    """Return the set that a node of the parser's tree reads, None when it is not such a node."""
    match op:
        case "LITERAL" | "NOT_LITERAL" | "IN":
            items = value if op == "IN" else [("LITERAL", value)]
            items = [("NEGATE", None), *items] if op == "NOT_LITERAL" else items
            named = tuple((str(kind), what) for kind, what in items)
            return _characters(named, flags & (re.IGNORECASE | re.ASCII))
        case "ANY":
            return ANY if flags & re.DOTALL else ANY - _NEWLINE
        case "END":  # of the whole or of a look ahead: reads nothing, but the ways to it count
            return 0
        case "AT" if first and str(value) == "AT_BEGINNING":
            return _START + _NEWLINE if flags & re.MULTILINE else _START
        case "AT" if first and str(value) == "AT_BEGINNING_STRING":
            return _START
    return None


class _Part(NamedTuple):
    """A part of the graph: the number of ways through it that read nothing, and its ends.

    An end is a position with the number of ways from there to the border that read nothing.
    """

    empty: int
    entries: Counter[int]
    exits: Counter[int]


class Graph:
    """The positions of a pattern that compiles: a way back is a way within an endless repeat.

    Position 0 is one itself: `search` tries each start, as a leading `.*` would. Raises SlowError
    where a drawing would not show the work.
    """

    def __init__(self, pattern: str) -> None:
        self.reads: list[int] = []
        self.then: list[Counter[int]] = []  # the next positions, with the number of ways there
        self.block: list[int] = []  # where the outermost endless repeat around a position begins
        tree = _parse(pattern)
        anywhere = self._position(ANY)
        self._join(anywhere, anywhere)
        self._join(anywhere, self._sequence([*tree, _END], tree.state.flags, first=True))

    def blocks(self) -> Iterator[tuple[range, bool]]:
        """Yield each endless repeat (True) and each other position, from the end of the graph."""
        end = len(self.reads)
        while end:
            block = range(self.block[end - 1], end)
            end = block.start
            yield block, len(block) > 1 or end in self.then[end]

    def _position(self, reads: int) -> _Part:
        here = len(self.reads)
        if here > _POSITIONS:
            raise SlowError("it is too long to be checked; lower the limits in { }")
        self.reads.append(reads)
        self.then.append(Counter())
        self.block.append(here)
        return _Part(0, Counter([here]), Counter([here]))

    def _join(self, before: _Part, after: _Part) -> None:
        for here, ways in before.exits.items():
            self.then[here] += _times(after.entries, ways)

    def _sequence(self, items: Any, flags: int, first: bool) -> _Part:
        """Draw nodes of the parser's tree in a row; `first` if nothing can be read before them."""
        whole = _Part(1, Counter(), Counter())
        for op, value in items:
            part = self._item(str(op), value, flags, first)
            self._join(whole, part)
            whole = _Part(
                whole.empty * part.empty,
                whole.entries + _times(part.entries, whole.empty),
                part.exits + _times(whole.exits, part.empty),
            )
            first = False
        return whole

    def _item(self, op: str, value: Any, flags: int, first: bool) -> _Part:
        reads = _reads(op, value, flags, first)
        if reads is not None:
            return self._position(reads)
        match op:
            case "AT":  # as if it always held: that makes more ways, never fewer
                return _Part(1, Counter(), Counter())
            case "SUBPATTERN" | "ATOMIC_GROUP":  # atomic: walks some of the ways of a plain one
                _, more, less, items = value if op == "SUBPATTERN" else (None, 0, 0, value)
                if more & (re.ASCII | re.UNICODE):
                    flags &= ~(re.ASCII | re.UNICODE)
                return self._sequence(items, (flags | more) & ~less, first)
            case "BRANCH":
                parts = [self._sequence(items, flags, first) for items in value[1]]
                empty, entries, exits = zip(*parts, strict=True)
                return _Part(sum(empty), sum(entries, Counter()), sum(exits, Counter()))
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                return self._repeat(value, flags, first)
            case "ASSERT" | "ASSERT_NOT" if value[0] > 0:
                ahead = self._sequence([*value[1], _END], flags, first)
                return _Part(1, ahead.entries, Counter())
        raise SlowError(
            "nobody can bound the work of a backreference, a condition or a look behind;"
            " write it without"
        )

    def _repeat(self, value: tuple[int, int, Any], flags: int, first: bool) -> _Part:
        low, high, items = value
        if high == 0:
            return _Part(1, Counter(), Counter())
        here = len(self.reads)
        part = self._sequence(items, flags, first and high == 1)
        if part.empty and high > 1:
            raise SlowError("it repeats what can be empty; let each round read something")
        whole = part._replace(empty=part.empty + (low == 0))
        size = len(self.reads) - here
        if high > 1 and high * size > _COPIES:
            self._join(part, part)
            self.block[here:] = [here] * size
            return whole
        for count in range(2, high + 1):
            before, part = part, self._sequence(items, flags, first=False)
            self._join(before, part)
            exits = part.exits + whole.exits if count > low else part.exits
            whole = whole._replace(exits=exits)
        return whole


def _times(ways: Counter[int], factor: int) -> Counter[int]:
    return Counter({at: count * factor for at, count in ways.items()})
