"""Readers: how a credential's text names its Hublet.

A reader takes text that nobody has checked and returns every name it finds in it, in order:
usually one, none when the text is not of its kind or broken, more only when a hostile credential
contradicts itself. A reader never raises and never searches for what should be parsed.
"""

import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

MAX_NESTING = 1000
"""Levels of a JSON document. It bounds the parser's recursion, so that no result depends on how
deep the caller stands; a document with more names nothing, as to most servers."""

VARINT, LEN, _FIXED = 0, 2, {1: 8, 5: 4}  # protobuf's wire types; of fixed width -> bytes


class Reader(Protocol):
    """What a rule of the table reads its credential with."""

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the names that the credential holds; empty when it names none."""

    def recognises(self, credential: str) -> bool:
        """Tell whether the credential is of this kind, though it may name none."""


@dataclass(frozen=True, slots=True)
class Regex:
    """Reads the one group of a pattern."""

    pattern: re.Pattern[str]

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the group's text at the pattern's first match."""
        found = self.pattern.search(credential)
        return (found[1],) if found and found[1] else ()

    def recognises(self, credential: str) -> bool:
        """Tell whether the pattern matches."""
        return self.pattern.search(credential) is not None


@dataclass(frozen=True, slots=True)
class Protobuf:
    """Reads one string field of a protobuf message in base64url, padded or not.

    Short text parses as protobuf by accident, so the whole message must parse and field 1, which
    every such token carries, must be there. A field that occurs twice yields both values.
    Source: https://protobuf.dev/programming-guides/encoding/
    """

    field: int

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the field's texts."""
        try:
            texts = [it.decode() for kind, it in self._values(credential) or () if kind == LEN]
        except ValueError:
            return ()
        return tuple(texts) if all(texts) else ()  # to a server, the last one may count

    def ids(self, credential: str) -> tuple[str, ...]:
        """Return the field's numbers as text: an account is usually one."""
        return tuple(
            str(_varint(it, 0)[0] if kind == VARINT else int.from_bytes(it, "little"))
            for kind, it in self._values(credential) or ()
            if kind != LEN
        )

    def recognises(self, credential: str) -> bool:
        """Tell whether the credential is such a message."""
        return self._values(credential) is not None

    def _values(self, credential: str) -> list[tuple[int, bytes]] | None:
        """Return wire type and bytes of each such field; None where it is no such message."""
        try:
            fields = protobuf_fields(decode_base64(credential, url_only=True))
        except ValueError:
            return None
        if not any(number == 1 for number, _, _ in fields):
            return None
        return [(kind, value) for number, kind, value in fields if number == self.field]


@dataclass(frozen=True, slots=True)
class Jwt:
    """Reads a claim of a JSON Web Token, without verifying it (RFC 7519; the Hublet does that)."""

    claim: str

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the claim's strings."""
        try:
            _, payload, _ = credential.split(".")
            return tuple(json_strings(decode_base64(payload, url_only=True), self.claim))
        except ValueError:
            return ()

    def recognises(self, credential: str) -> bool:
        """Tell whether the credential begins like every JSON Web Token: with `{"` in base64."""
        return credential.startswith("eyJ") and credential.count(".") == 2


@dataclass(frozen=True, slots=True)
class Base64:
    """Decodes base64 or base64url, padded or not, and reads the one group of a pattern.

    The pattern sees one character for each byte (ISO 8859-1), so that it can match binary data.
    Of a credential that is more than its base64, `of` has the part as its one group.
    """

    pattern: re.Pattern[str]
    of: re.Pattern[str] | None = None

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the group's text at the pattern's first match in the decoded bytes."""
        parts = Regex(self.of).names(credential) if self.of else (credential,)
        try:
            decoded = "".join(decode_base64(part).decode("latin-1") for part in parts)
        except ValueError:
            return ()
        return Regex(self.pattern).names(decoded)

    def recognises(self, credential: str) -> bool:
        """Tell whether the pattern matches: to decode alone says little."""
        return bool(self.names(credential))


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
                tag, at = _varint(message, at - 1)
            start, kind = at, tag & 7
            if kind == VARINT:
                while message[at] > 0x7F:
                    at += 1
                at += 1
            elif kind == LEN:
                size, start = message[at], at + 1
                if size > 0x7F:
                    size, start = _varint(message, at)
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


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins there, and where the next thing does."""
    value = 0
    for shift in range(0, 70, 7):  # ten bytes hold 64 bits; more is not a varint
        byte, at = message[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a varint that does not end")


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
    """Return a bound of how deep a JSON document is nested; exact where the bound is too high."""
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
