"""Other text of the same shape: each letter another letter, each digit another digit."""

import re
from collections.abc import Container
from functools import cache
from typing import Any

from ..regex_bounds.tree import parse, parts

_WORD = re.compile(r"[A-Za-z0-9]+|[^\x00-\x7f]+|[\x00-\x08\x0e-\x1f\x7f]+")
_FOREIGN = "".join(map(chr, range(0xE0, 0x100)))  # letters of one byte on the wire
_CONTROL = "".join(map(chr, range(0x0E, 0x20)))


def _rotations(*alphabets: str) -> list[bytes]:
    """Return translations, one for each byte of a key stream, that leave no character in place."""
    tables = []
    for step in range(256):
        table = bytearray(range(256))
        for letters in alphabets:
            size = len(letters)
            for at, letter in enumerate(letters):
                table[ord(letter)] = ord(letters[(at + 1 + step % (size - 1)) % size])
        tables.append(bytes(table))
    return tables


_LOWER, _DIGITS = "abcdefghijklmnopqrstuvwxyz", "0123456789"
_LETTERS = _rotations(_LOWER, _LOWER.upper(), _DIGITS)
_HEX_DIGITS = _rotations("abcdef", "ABCDEF", _DIGITS)
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")


def other_text(text: str, stream: bytes, kept: Container[str]) -> str:
    """Return text in which nothing reads the same but the words that are kept.

    `stream` has a byte of noise for each character.
    """

    def other(found: re.Match[str]) -> str:
        word, start = found[0], found.start()
        if word in kept:
            return word
        if word[0].isascii() and word[0].isprintable():
            tables = _HEX_DIGITS if _HEX.fullmatch(word) else _LETTERS
            old = word.encode()
            return bytes([tables[stream[start + at]][c] for at, c in enumerate(old)]).decode()
        letters = _CONTROL if word[0].isascii() else _FOREIGN
        others = (letters.replace(char, "") for char in word)
        return "".join(it[stream[start + at] % len(it)] for at, it in enumerate(others))

    new = _WORD.sub(other, text)
    for escape in _ESCAPE.finditer(text):  # which must stay one
        at = escape.start()
        new = f"{new[:at]}%{ord('a') + stream[at] % 26:02x}{new[at + 3 :]}"
    return new


@cache
def literals(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """Return a pattern of the runs of characters that another one spells out, anywhere in it."""
    runs: list[str] = []

    def walk(nodes: Any) -> None:
        run = ""
        for op, value in [*nodes, ("", None)]:
            if str(op) == "LITERAL":
                run += chr(value)
                continue
            runs.append(run)
            run = ""
            if str(op) == "IN" and all(str(kind) == "LITERAL" for kind, _ in value):
                runs.extend(chr(it) for _, it in value)
            for part in parts(str(op), value):
                walk(part)

    walk(parse(pattern.pattern, pattern.flags & re.VERBOSE))
    longest_first = sorted({run for run in runs if run}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)", re.I)
