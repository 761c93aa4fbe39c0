"""The formats of credentials: base64, protobuf and JSON, read strictly and in linear time."""

import binascii
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

MAX_NESTING = 1000
"""Levels of a JSON document that are read. It bounds the parser's recursion, so that no result
depends on how deep the caller stands; a deeper document names nothing, as to most servers."""

VARINT, LEN, _FIXED = 0, 2, {1: 8, 5: 4}  # protobuf's wire types; of fixed width -> bytes


def encode_base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def decode_base64(text: str, *, url_only: bool = False) -> bytes:
    """Decode base64url, and base64 unless `url_only`; raise ValueError on anything else."""
    if url_only and ("+" in text or "/" in text):
        raise ValueError("not base64url")
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    # strict_mode: Python otherwise drops what is outside the alphabet, so that junk would decode.
    return binascii.a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)


def protobuf_fields(message: bytes) -> list[tuple[int, int, bytes]]:
    """Return (field number, wire type, bytes) for each field, bounds checked; else ValueError.

    The bytes of a number are as they stand there: a varint, or little-endian.
    """
    fields: list[tuple[int, int, bytes]] = []
    at, end = 0, len(message)
    try:
        while at < end:
            tag, at = message[at], at + 1
            if tag > 0x7F:  # most have one byte
                tag, at = read_varint(message, at - 1)
            start, kind = at, tag & 7
            if kind == VARINT:
                while message[at] > 0x7F:
                    at += 1
                at += 1
            elif kind == LEN:
                size, start = message[at], at + 1
                if size > 0x7F:
                    size, start = read_varint(message, at)
                at = start + size
            else:
                at += _FIXED[kind]
            if not 8 <= tag < 1 << 32 or (kind == VARINT and at - start > 10):
                raise ValueError("a number that is out of range")
            fields.append((tag >> 3, kind, message[start:at]))
    except LookupError:
        raise ValueError("an unknown wire type, or a number that does not end") from None
    if at > end:
        raise ValueError("a field ends after the message")
    return fields


def read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins there, and where the next thing does."""
    value = 0
    for shift in range(0, 70, 7):  # ten bytes hold 64 bits; more is not a varint
        byte, at = message[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a varint that does not end")


def write_varint(value: int) -> bytes:
    """Return a number as protobuf writes it."""
    groups = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


class _Object(list[tuple[str, Any]]):
    """A JSON object that keeps duplicate keys: a server may take another one than we would."""


def json_strings(document: bytes, path: str) -> Iterator[str]:
    """Yield each non-empty string at a dotted path; nothing when the document is not JSON.

    A key may hold dots itself (`https://example.com/region`): the whole rest of the path is tried
    as one key before it is split. A list on the way stands for each of its items.
    """
    if _nesting(document) > MAX_NESTING:
        return
    try:
        # parse_int: a number of 5,000 digits is valid JSON, but int() raises on it.
        tree = json.loads(document, object_pairs_hook=_Object, parse_int=float)
    except (ValueError, RecursionError):
        return
    yield from _walk(tree, path)


def _nesting(document: bytes) -> int:
    """Return how deep a JSON document is nested at most; exact if that is more than is read."""
    bound = document.count(b"[") + document.count(b"{")
    if bound <= MAX_NESTING:
        return bound
    # Without escapes, every other piece between quotes is outside of a string. One string that does
    # not end takes the rest of the text with it, so the work grows with the text alone.
    plain = document.replace(b"\\\\", b"").replace(b'\\"', b"")
    depth = deepest = 0
    for byte in b"".join(plain.split(b'"')[::2]):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _walk(tree: Any, path: str) -> Iterator[str]:
    todo: list[tuple[Any, str | None]] = [(tree, path)]
    while todo:
        node, rest = todo.pop()
        if isinstance(node, _Object):
            todo.extend(reversed([*_below(node, rest)]))
        elif isinstance(node, list):
            todo.extend((item, rest) for item in reversed(node))
        elif isinstance(node, str) and node and rest is None:
            yield node


def _below(node: _Object, path: str | None) -> Iterator[tuple[Any, str | None]]:
    """Yield what a path leads to, with what is left of the path."""
    if path is None:
        return
    head, dot, rest = path.partition(".")
    for key, value in node:
        if key == path:
            yield value, None
        elif dot and key == head:
            yield value, rest
