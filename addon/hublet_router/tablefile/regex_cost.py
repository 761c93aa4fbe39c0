"""Whether a regular expression can take long: proved from the expression alone, without a clock.

Python's `re` backtracks, and has no limit of time. So a pattern of the table is only taken when a
bound of its work is known: what it can read is drawn as a graph of positions (V. M. Glushkov, 1961;
one for each character or class, copies for `{n,m}`), and since backtracking can at worst walk each
way through that graph that the text allows, the ways are counted. No two ways may part within a
repeat without end, since they part again in each round; and where the work after a repeat grows
with the text, only one such way out, or a few, may be under way at any place of the text.
A step is one try to read one character. The count is never too low, and may be too high: then a
harmless pattern is refused, and its writer told what to change.
"""

import importlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

# The parser that `re.compile` uses, so that nothing is read in another way here. It is private to
# the standard library, so this is the one place that knows it; a test tells when it has changed.
_parse: Any = importlib.import_module("re._parser").parse

STEPS_PER_CHARACTER = 1000
STEPS_ONCE = 100_000
"""The work that a pattern may take: so many steps at most, on any text."""

_COPIES = 200  # a repeat of more positions counts as endless, which only makes the count higher
_POSITIONS = 2000  # keeps the check itself short

# Sets of characters are bits: one for each of Latin-1, one for all others together, and one for a
# character that is thought to stand before the text, and that `^` reads.
_LATIN_1 = "".join(map(chr, range(256)))
_OTHERS = 1 << 256
_START = 1 << 257
_ALL = _START - 1
_NEWLINE = 1 << ord("\n")
_CLASSES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


class SlowError(Exception):
    """No bound is known, or it is too high; says what to change."""


def slow(pattern: str) -> str | None:
    """Return why a valid pattern could take long and what to change; None when it cannot."""
    try:
        once, each = bound(pattern)
    except SlowError as error:
        return str(error)
    if once <= STEPS_ONCE and each <= STEPS_PER_CHARACTER:
        return None
    return "its repeats and alternatives multiply: lower the limits in { }, or begin it with ^"


def bound(pattern: str) -> tuple[int, int]:
    """Return (a, b): `search` takes at most a + b * (characters of the text + 1) steps."""
    tree = _parse(pattern)
    graph = _Graph()
    anywhere = graph.position(_ALL)  # `search` goes through the text as a leading `.*` would
    graph.join(anywhere, anywhere)
    graph.join(anywhere, graph.sequence(tree, tree.state.flags, first=True, end=True))
    return graph.cost()


@cache
def _characters(items: tuple[tuple[str, Any], ...], flags: int) -> int:
    """Return what a class matches: too much of the characters outside Latin-1, never too little."""
    source, others = "", False
    for op, value in items:
        match op:
            case "NEGATE":
                source, others = "^", True
            case "CATEGORY":
                source, others = source + _CLASSES[str(value)], True
            case _:
                low, high = value if op == "RANGE" else (value, value)
                source += rf"\U{low:08x}-\U{high:08x}"
                others = others or high > 255
    found = re.findall(f"[{source}]", _LATIN_1, flags)
    # In any case, `k` is the sign of Kelvin too: letters have relatives outside.
    others = others or (bool(flags & re.IGNORECASE) and any(map(str.isalpha, found)))
    return sum(1 << ord(character) for character in found) | (_OTHERS if others else 0)


class _Part(NamedTuple):
    """A part of the graph, with the number of ways through it, into it and out of it."""

    empty: int  # ways through it that read nothing
    entries: dict[int, int]
    exits: dict[int, int]


class _Graph:
    def __init__(self) -> None:
        self.reads: list[int] = []
        self.then: list[dict[int, int]] = []  # with the number of ways from one to the other
        self.block: list[int] = []  # the first position of the outermost endless repeat around it

    def position(self, reads: int) -> _Part:
        here = len(self.reads)
        if here > _POSITIONS:
            raise SlowError("it is too long to be checked: lower the limits in { }, or shorten it")
        self.reads.append(reads)
        self.then.append({})
        self.block.append(here)
        return _Part(0, {here: 1}, {here: 1})

    def join(self, before: _Part, after: _Part) -> None:
        for source, ways in before.exits.items():
            for target, more in after.entries.items():
                self.then[source][target] = self.then[source].get(target, 0) + ways * more

    def sequence(self, items: Any, flags: int, *, first: bool, end: bool = False) -> _Part:
        """Draw one thing after the other; with `end`, whatever follows is no part of it."""
        whole = _Part(1, {}, {})
        for op, value in [*items, ("END", None)] if end else items:
            part = self.item(str(op), value, flags, first=first)
            self.join(whole, part)
            whole = _Part(
                whole.empty * part.empty,
                _sum(whole.entries, part.entries, whole.empty),
                _sum(part.exits, whole.exits, part.empty),
            )
            first = False
        return whole

    def item(self, op: str, value: Any, flags: int, *, first: bool) -> _Part:
        """Draw a node of the parser's tree; `first` where nothing can stand before it."""
        match op:
            case "LITERAL" | "NOT_LITERAL" | "IN":
                items = value if op == "IN" else [("LITERAL", value)]
                items = ([("NEGATE", None)] if op == "NOT_LITERAL" else []) + items
                named = tuple((str(kind), each) for kind, each in items)
                return self.position(_characters(named, flags & (re.IGNORECASE | re.ASCII)))
            case "ANY":
                return self.position(_ALL if flags & re.DOTALL else _ALL & ~_NEWLINE)
            case "END":
                return self.position(0)
            case "AT" if first and str(value) in {"AT_BEGINNING", "AT_BEGINNING_STRING"}:
                lines = flags & re.MULTILINE and str(value) == "AT_BEGINNING"
                return self.position(_START | _NEWLINE if lines else _START)
            case "AT" | "FAILURE":  # as if it always held: more ways, never fewer
                return _Part(1, {}, {})
            case "SUBPATTERN":
                _, plus, minus, items = value
                if plus & (re.ASCII | re.UNICODE):
                    flags &= ~(re.ASCII | re.UNICODE)
                return self.sequence(items, (flags | plus) & ~minus, first=first)
            case "ATOMIC_GROUP":  # goes fewer ways than a plain group
                return self.sequence(value, flags, first=first)
            case "BRANCH":
                parts = [self.sequence(items, flags, first=first) for items in value[1]]
                return _Part(
                    sum(part.empty for part in parts),
                    {at: ways for part in parts for at, ways in part.entries.items()},
                    {at: ways for part in parts for at, ways in part.exits.items()},
                )
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                return self.repeat(*value, flags, first=first)
            case "ASSERT" | "ASSERT_NOT":
                direction, items = value
                here = len(self.reads)
                part = self.sequence(items, flags, first=first and direction > 0, end=True)
                if direction < 0:  # it reads other characters than what follows it
                    self.reads[here:] = [_ALL | _START] * (len(self.reads) - here)
                return _Part(1, part.entries, {})
        raise SlowError("it has a backreference or a condition on a group: write it without")

    def repeat(self, low: int, high: int, items: Any, flags: int, *, first: bool) -> _Part:
        if high == 0:
            return _Part(1, {}, {})
        here = len(self.reads)
        part = self.sequence(items, flags, first=first and high == 1)
        if part.empty and high > 1:
            raise SlowError("it repeats something that can be empty: let each round read something")
        empty = 1 if low == 0 else 0
        entries, exits = part.entries, part.exits
        if high * (len(self.reads) - here) > _COPIES:
            self.join(part, part)
            self.block[here:] = [here] * (len(self.reads) - here)
            return _Part(empty, entries, exits)
        for count in range(2, high + 1):
            before, part = part, self.sequence(items, flags, first=False)
            self.join(before, part)
            exits = {**exits, **part.exits} if count > low else part.exits
        return _Part(part.empty + empty, entries, exits)

    def blocks(self) -> Iterator[range]:
        """Yield the endless repeats and the single positions, from the end: ways lead backwards."""
        end = len(self.reads)
        while end:
            yield range(self.block[end - 1], end)
            end = self.block[end - 1]

    def cost(self) -> tuple[int, int]:
        """Return the bound of the steps from the first position on."""
        # From a position on: once + each * (how far the text can be read from there on).
        once, each = [0] * len(self.reads), [0] * len(self.reads)
        for block in self.blocks():
            tries = last_once = last_each = shared = 0
            endless = False
            for here in block:
                stay = 0
                for there, ways in self.then[here].items():
                    if there not in block:
                        continue
                    if both := self.reads[there] & stay or (self.reads[there] if ways > 1 else 0):
                        raise SlowError(
                            f"inside a repeat, {_example(both)} can be read in more than one way:"
                            " let the next character always say how to go on"
                        )
                    stay |= self.reads[there]
                    endless = True
                # The repeat is left once for all where the next character cannot stay in it.
                leave = {at: ways for at, ways in self.then[here].items() if at not in block}
                aside = {at: ways for at, ways in leave.items() if self.reads[at] & stay}
                last = {at: ways for at, ways in leave.items() if not self.reads[at] & stay}
                tries = max(tries, sum(self.then[here].values()) + self.at_once(aside, once))
                last_once = max(last_once, self.at_once(last, once))
                last_each = max(last_each, self.at_once(last, each))
                shared += sum(
                    ways * each[at] * self.overlap(here, at)
                    for at, ways in aside.items()
                    if each[at]
                )
            size = len(block)
            once[block.start : block.stop] = [tries + last_once] * size
            each[block.start : block.stop] = [last_each + shared + tries * endless] * size
        return once[0], each[0]
