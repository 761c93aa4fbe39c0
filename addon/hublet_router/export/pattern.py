"""Regular expressions as small programs, which an interpreter of any language can run.

A program is compiled from the parse tree that `re` itself uses, and tries the same ways in the same
order, so it finds what `re` finds. Sets of characters are not translated: `re` is asked for every
code point once, so `\\w`, `(?i)` and `[^/]` are exact. The instructions:

    text CODES                      these characters
    set SET                         one character of a set
    run SET LOW HIGH HOW            a run of them; HIGH -1 is endless, HOW greedy, lazy, possessive
    either A B, jump A              go on at A and, if that fails, at B; go on at A
    open, close                     the one group begins, ends
    at KIND [SET OF-EMPTY]          a place: start, line, end, line-end, very-end, edge, inside
    ahead END NEGATIVE, atomic END  a program of its own up to its `match`; then on at END
    match

`X{n,m}+` is no atomic group of `X{n,m}` to CPython: each round of it is atomic by itself.
"""

import re
from functools import cache
from typing import Any

from ..regex_bounds.tree import character_class, parse

MAX_INSTRUCTIONS = 2000
"""Instructions of a program that an export takes."""

_ENDLESS = int(parse("a*")[0][1][1])
_PLACES = {
    "AT_BEGINNING": ("start", "line"),
    "AT_BEGINNING_STRING": ("start", "start"),
    "AT_END": ("end", "line-end"),
    "AT_END_STRING": ("very-end", "very-end"),
}
_EDGES = {"AT_BOUNDARY": ("edge", r"\b"), "AT_NON_BOUNDARY": ("inside", r"\B")}
_HOW = {"MAX_REPEAT": "greedy", "MIN_REPEAT": "lazy", "POSSESSIVE_REPEAT": "possessive"}
_OF_CHARACTERS = re.IGNORECASE | re.ASCII | re.DOTALL

type Instruction = list[Any]


class TooLongError(Exception):
    """A pattern whose program would have too many instructions; its text is the pattern."""


def pattern_program(pattern: re.Pattern[str]) -> dict[str, Any]:
    """Return a pattern as data: its source and flags, its sets of characters, and its code.

    Raise TooLongError if it is too long.
    """
    compiled = _Program(pattern)
    return {
        "source": pattern.pattern,
        "flags": pattern.flags,
        "sets": compiled.sets,
        "code": compiled.code,
    }


class _Program:
    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern
        self.code: list[Instruction] = []
        self.sets: list[list[int]] = []
        self.sequence(parse(pattern.pattern, pattern.flags & ~re.DEBUG), pattern.flags)
        self.emit("match")

    def emit(self, op: str, *operands: Any) -> Instruction:
        if len(self.code) >= MAX_INSTRUCTIONS:
            raise TooLongError(self.pattern.pattern)
        instruction = [op, *operands]
        self.code.append(instruction)
        return instruction

    def set_of(self, characters: list[int]) -> int:
        if characters not in self.sets:
            self.sets.append(characters)
        return self.sets.index(characters)

    def sequence(self, items: Any, flags: int) -> None:
        """Compile nodes in a row; characters in a row become one text."""
        text: list[int] = []
        for op, value in items:
            characters = _characters_of(str(op), value, flags)
            if characters and characters[0] == characters[-1]:
                text.append(characters[0])
                continue
            self.text(text)
            text = []
            if characters is None:
                self.node(str(op), value, flags)
            else:
                self.emit("set", self.set_of(characters))
        self.text(text)

    def text(self, codes: list[int]) -> None:
        if codes:
            self.emit("text", codes)

    def node(self, op: str, value: Any, flags: int) -> None:
        match op:
            case "AT" if name := _PLACES.get(str(value)):
                self.emit("at", name[bool(flags & re.MULTILINE)])
            case "AT":
                kind, source = _EDGES[str(value)]
                word = _characters(r"\w", flags & re.ASCII)
                self.emit("at", kind, self.set_of(word), re.search(source, "") is not None)
            case "SUBPATTERN":
                group, more, less, items = value
                if group:
                    self.emit("open")
                self.sequence(items, (flags | more) & ~less)
                if group:
                    self.emit("close")
            case "ATOMIC_GROUP":
                self.apart("atomic", value, flags)
            case "ASSERT" | "ASSERT_NOT":
                self.apart("ahead", value[1], flags, op == "ASSERT_NOT")
            case "BRANCH":
                ends = []
                *firsts, last = value[1]
                for items in firsts:
                    fork = self.emit("either", len(self.code) + 1, 0)
                    self.sequence(items, flags)
                    ends.append(self.emit("jump", 0))
                    fork[2] = len(self.code)
                self.sequence(last, flags)
                for end in ends:
                    end[1] = len(self.code)
            case _:
                low, high, items = value
                self.repeat(_HOW[op], low, high, items, flags)

    def apart(self, op: str, items: Any, flags: int, *more: bool) -> None:
        """Compile nodes as a program of its own, which is left at its first match."""
        instruction = self.emit(op, 0, *more)
        self.sequence(items, flags)
        self.emit("match")
        instruction[1] = len(self.code)

    def repeat(self, how: str, low: int, high: int, items: Any, flags: int) -> None:
        if len(items) == 1:
            op, value = items[0]
            characters = _characters_of(str(op), value, flags)
            if characters is not None:
                most = -1 if high == _ENDLESS else high
                self.emit("run", self.set_of(characters), low, most, how)
                return
        if how == "possessive":
            whole = self.emit("atomic", 0)
            self.rounds("greedy", low, high, [("ATOMIC_GROUP", items)], flags)
            self.emit("match")
            whole[1] = len(self.code)
        else:
            self.rounds(how, low, high, items, flags)

    def rounds(self, how: str, low: int, high: int, items: Any, flags: int) -> None:
        for _ in range(low):
            self.sequence(items, flags)
        forks: list[tuple[int, Instruction]] = []
        for _ in range(1 if high == _ENDLESS else high - low):
            forks.append((len(self.code), self.emit("either", 0, 0)))
            self.sequence(items, flags)
        if high == _ENDLESS:
            self.emit("jump", forks[0][0])
        out = len(self.code)
        for at, fork in forks:
            fork[1:] = [out, at + 1] if how == "lazy" else [at + 1, out]


def _characters_of(op: str, value: Any, flags: int) -> list[int] | None:
    source = character_class(op, value)
    return None if source is None else _characters(source, flags & _OF_CHARACTERS)


@cache
def _characters(source: str, flags: int) -> list[int]:
    """Return the characters that a class reads: first, last, first, last, and so on."""
    runs = re.finditer(f"{source}{source}*+", _everything(), flags)
    return [code for run in runs for code in (run.start(), run.end() - 1)]


@cache
def _everything() -> str:
    """Return every code point, in order: a tenth of a second, so not at import."""
    return "".join(map(chr, range(0x110000)))
