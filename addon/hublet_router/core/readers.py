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

_TO_STANDARD_ALPHABET = str.maketrans("-_", "+/")


class Reader(Protocol):
    """What a rule of the table reads its credential with."""

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the names that the credential holds; empty when it names none."""


@dataclass(frozen=True, slots=True)
class Regex:
    """Reads the one group of a pattern."""

    pattern: re.Pattern[str]

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the group's text at the pattern's first match."""
        found = self.pattern.search(credential)
        return (found[1],) if found and found[1] else ()


@dataclass(frozen=True, slots=True)
class Protobuf:
    """Reads one string field of a protobuf message in base64url, padded or not.

    Short text parses as protobuf by accident, so the whole message must parse and field 1, which
    every such token carries, must be there. A field that occurs twice yields both values.
    Source: https://protobuf.dev/programming-guides/encoding/
    """

    field: int

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the field's values."""
        try:
            fields = list(protobuf_fields(decode_base64(credential, url_only=True)))
            if not any(number == 1 for number, _ in fields):
                return ()
            return tuple(
                value.decode()
                for number, value in fields
                if number == self.field and isinstance(value, bytes) and value
            )
        except ValueError:
            return ()


@dataclass(frozen=True, slots=True)
class Jwt:
    """Reads a claim of a JSON Web Token, without verifying it (RFC 7519; the Hublet does that)."""

    claim: str

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the claim's strings."""
        parts = credential.split(".")
        if len(parts) != 3:
            return ()
        try:
            payload = decode_base64(parts[1], url_only=True)
        except ValueError:
            return ()
        return tuple(json_strings(payload, self.claim))


@dataclass(frozen=True, slots=True)
class Base64:
    """Decodes base64 or base64url, padded or not, and reads the one group of a pattern.

    The pattern sees one character for each byte (ISO 8859-1), so that it can match binary data.
    """

    pattern: re.Pattern[str]

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the group's text at the pattern's first match in the decoded bytes."""
        try:
            decoded = decode_base64(credential)
        except ValueError:
            return ()
        return Regex(self.pattern).names(decoded.decode("latin-1"))


def decode_base64(text: str, *, url_only: bool = False) -> bytes:
    """Decode base64url, and base64 unless `url_only`; raise ValueError on anything else."""
    if url_only and ("+" in text or "/" in text):
        raise ValueError("not base64url")
    text = text.rstrip("=").translate(_TO_STANDARD_ALPHABET)
    # strict_mode: Python otherwise drops what is outside the alphabet, so that junk would decode.
    return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)


def protobuf_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value) for each field, bounds checked; raise ValueError where it breaks.

    A varint is an int; a length-delimited or fixed-width field is bytes.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise ValueError("field number out of range")
        if wire_type == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        match wire_type:
            case 1:
                length = 8
            case 2:
                length, at = _varint(message, at)
            case 5:
                length = 4
            case _:
                raise ValueError("unknown wire type")
        if length > len(message) - at:
            raise ValueError("a field ends after the message")
        yield number, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):  # ten bytes hold 64 bits; more is not a varint
        if at >= len(message):
            raise ValueError("a varint ends after the message")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a varint longer than ten bytes")


class _Object(list[tuple[str, Any]]):
    """A JSON object that keeps duplicate keys: a server may take another one than we would."""


def json_strings(document: bytes, path: str) -> Iterator[str]:
    """Yield each non-empty string at a dotted path; nothing when the document is not JSON.

    A key may hold dots itself (`https://example.com/region`): the whole rest of the path is tried
    as one key before it is split. A list on the way stands for each of its items.
    """
    try:
        # parse_int: a number of 5,000 digits is valid JSON, but int() raises on it.
        tree = json.loads(document, object_pairs_hook=_Object, parse_int=str)
        yield from _walk(tree, path)
    except (ValueError, RecursionError):
        return


def _walk(node: Any, path: str | None) -> Iterator[str]:
    if isinstance(node, _Object):
        if path is not None:
            head, dot, rest = path.partition(".")
            for key, value in node:
                if key == path:
                    yield from _walk(value, None)
                elif dot and key == head:
                    yield from _walk(value, rest)
    elif isinstance(node, list):
        for item in node:
            yield from _walk(item, path)
    elif isinstance(node, str) and node and path is None:
        yield node
