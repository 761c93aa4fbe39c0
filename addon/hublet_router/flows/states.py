"""The states of recorded flows, read from mitmproxy's own files.

mitmproxy's parser of tnetstrings (mitmproxy/io/tnetstring.py:187) looks at each character of a
length by itself; half of the time of reading a flow file goes there. This one reads the same.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

MAX_LENGTH = 12
"""Digits of a length, as in mitmproxy."""


def read_states(file: BinaryIO) -> Iterator[Any]:
    """Yield each value of a file of tnetstrings; raise ValueError where it is none or is cut."""
    while head := file.read(1):
        while head[-1:].isdigit() and len(head) <= MAX_LENGTH:
            head += file.read(1) or b"?"
        if not head.endswith(b":") or len(head) == 1:
            raise ValueError("no length of a tnetstring")
        size = int(head[:-1]) + 1
        text = file.read(size)
        if len(text) < size:
            raise ValueError("a tnetstring that is cut")
        yield _value(head + text, 0)[0]


def _value(text: bytes, at: int) -> tuple[Any, int]:
    """Return the value that begins there, and where the next one does."""
    colon = text.index(b":", at, at + MAX_LENGTH + 1)
    start = colon + 1
    end = start + int(text[at:colon])
    value: Any
    match text[end : end + 1]:
        case b",":
            value = text[start:end]
        case b";":
            value = text[start:end].decode()
        case b"#":
            value = int(text[start:end])
        case b"^":
            value = float(text[start:end])
        case b"!":
            value = {b"true": True, b"false": False}[text[start:end]]
        case b"~":
            value = None
        case b"]":
            value = _items(text, start, end)
        case b"}":
            items = _items(text, start, end)
            value = dict(zip(items[::2], items[1::2], strict=True))
        case _:
            raise ValueError("an unknown type of a tnetstring")
    return value, end + 1


def _items(text: bytes, at: int, end: int) -> list[Any]:
    items = []
    while at < end:
        item, at = _value(text, at)
        items.append(item)
    if at > end:
        raise ValueError("a tnetstring that is longer than what holds it")
    return items
