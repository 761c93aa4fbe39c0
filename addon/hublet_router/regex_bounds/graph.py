"""The graph of a regular expression, in which `cost` counts the paths.

A position (V. M. Glushkov, 1961) is a character or a class of the expression, one for each copy
that `{n,m}` asks for. An edge leads from it to each position that can read the next character.
Where the graph is not exact, it has more paths than Python's `re` would try, never fewer.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile
from typing import Any, NamedTuple

from .tree import ANY, parse, reads

_COPIES = 200  # a repeat of more positions counts as endless, which only makes more ways
_POSITIONS = 600  # keeps the check itself short

_END = ("END", None)


class SlowError(Exception):
    """No bound of the work is known; the text says why, and what to change."""


def literal_start(pattern: re.Pattern[str]) -> str:
    """Return what every match begins with, which must be the beginning of the text; often ''."""
    first, *rest = [(str(op), value) for op, value in parse(pattern.pattern)] or [_END]
    if str(first[1]) != "AT_BEGINNING" or pattern.flags & (re.IGNORECASE | re.MULTILINE):
        return ""
    return "".join(chr(value) for _, value in takewhile(lambda node: node[0] == "LITERAL", rest))


class _Part(NamedTuple):
    """A part of the graph: the number of ways through it that read nothing, and its ends.

    An end is a position with the number of ways from there to the border that read nothing.
    """

    empty: int
    entries: Counter[int]
    exits: Counter[int]


class Graph:
    """The positions of a pattern that compiles; an edge back closes an endless repeat.

    Position 0 is such a repeat: `search` tries each start, as a leading `.*` would. Raises
    SlowError if the graph would not show the work.
    """

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self.reads: list[int] = []
        self.then: list[Counter[int]] = []  # the next positions, with the number of ways there
        self.block: list[int] = []  # where the outermost endless repeat around a position begins
        tree = parse(pattern, flags)
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
        read = reads(op, value, flags, first)
        if read is not None:
            return self._position(read)
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
            "backreferences, conditionals and lookbehinds have no known bound; remove them"
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
