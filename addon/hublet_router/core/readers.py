"""Readers: how a credential's text names its Hublet.

A reader takes text that no one has checked and returns every name that it finds, in order: usually
one, none if the text is broken or of another kind, several only if a hostile credential contradicts
itself. A reader never raises, and never searches for what should be parsed.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from .formats import (
    LEN,
    VARINT,
    decode_base64,
    decode_leniently,
    protobuf_fields,
    read_varint,
)
from .json_documents import json_strings, lenient_strings

# The payload of each token behind a prefix: the shortest that has a claim is `{"a":"b"}` in base64.
_PAYLOADS = re.compile(r"\.eyJ[^.]*+(?=\.([^.]{12,}+)\.)")


class AccountReader(Protocol):
    """What reads an account in the credentials that a rule finds."""

    def ids(self, credential: str) -> tuple[str, ...]:
        """Return the accounts that the credential holds; empty when it holds none."""


type Coded = tuple[str, bytes]
"""A text that is base64, and what it is the base64 of."""


class Reader(Protocol):
    """What a rule of the table reads its credential with."""

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the names that the credential holds; empty when it names none."""

    def recognises(self, credential: str) -> bool:
        """Return whether the credential is of this kind, though it may name none."""

    def sightings(self, texts: Iterable[str], plains: Iterable[Coded]) -> Iterator[tuple[str, str]]:
        """Yield (text, name) for each of many texts that names one.

        `plains` are those that are base64, with what they are the base64 of.
        """


@dataclass(frozen=True, slots=True)
class Regex:
    """Reads the one group of a pattern."""

    pattern: re.Pattern[str]

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the group's text at the pattern's first match."""
        found = self.pattern.search(credential)
        return (found[1],) if found and found[1] else ()

    ids = names

    def recognises(self, credential: str) -> bool:
        """Return whether the pattern matches."""
        return self.pattern.search(credential) is not None

    def sightings(self, texts: Iterable[str], _: Iterable[Coded]) -> Iterator[tuple[str, str]]:
        """Yield each text in which the pattern finds a name."""
        return _sightings(self, filter(self.pattern.search, texts))


@dataclass(frozen=True, slots=True)
class Protobuf:
    """Reads one string field of a protobuf message in base64url, padded or not.

    Short text parses as protobuf by accident, so the whole message must parse and field 1, which
    every such token carries, must be there, unless the reader is `lenient`. That one reads a broken
    message, too, as far as it goes. A field that occurs twice yields both values.
    Source: https://protobuf.dev/programming-guides/encoding/
    """

    field: int
    lenient: bool = False

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the field's texts."""
        return _texts(self._values(credential))

    def sightings(self, _: Iterable[str], plains: Iterable[Coded]) -> Iterator[tuple[str, str]]:
        """Yield each name in a message."""
        short = (self.field << 3 | LEN) & 0x7F  # how its tag begins, if that has one byte, or more
        long, high = short | 0x80, self.field >> 4 & 0x7F
        two, more = bytes([long, high]), bytes([long, high | 0x80])
        for text, plain in plains:  # an int is found far faster than bytes
            if short in plain or (long in plain and (two in plain or more in plain)):
                for name in _texts(self._values_in(plain)):
                    yield text, name

    def ids(self, credential: str) -> tuple[str, ...]:
        """Return the field's numbers as text: an account is usually one."""
        return tuple(
            str(read_varint(it, 0)[0] if kind == VARINT else int.from_bytes(it, "little"))
            for kind, it in self._values(credential) or ()
            if kind != LEN
        )

    def recognises(self, credential: str) -> bool:
        """Return whether the credential is such a message."""
        return self._values(credential) is not None

    def _values(self, credential: str) -> list[tuple[int, bytes]] | None:
        """Return wire type and bytes of each such field; None where it is no such message."""
        try:
            return self._values_in(decode_base64(credential))
        except ValueError:
            return None

    def _values_in(self, message: bytes) -> list[tuple[int, bytes]] | None:
        try:
            fields = protobuf_fields(message, lenient=self.lenient)
        except ValueError:
            return None
        if not (self.lenient or any(number == 1 for number, _, _ in fields)):
            return None
        return [(kind, value) for number, kind, value in fields if number == self.field]


@dataclass(frozen=True, slots=True)
class Jwt:
    """Reads a claim of a JSON Web Token, without verifying it (RFC 7519; the Hublet does that)."""

    claim: str

    def names(self, credential: str) -> tuple[str, ...]:
        """Return the claim's texts and numbers."""
        try:
            _, payload, _ = credential.split(".")
            return tuple(json_strings(decode_base64(payload), self.claim))
        except ValueError:
            return ()

    ids = names

    def recognises(self, credential: str) -> bool:
        """Return whether the credential begins like every JSON Web Token: with `{"` in base64."""
        return credential.startswith("eyJ") and credential.count(".") == 2

    def sightings(self, texts: Iterable[str], _: Iterable[Coded]) -> Iterator[tuple[str, str]]:
        """Yield each token that has the claim, also to lenient parsers, or with a prefix.

        Many servers take what stands behind the first dot, without a signature too.
        """
        for text in texts:
            first = text.split(".", 2)[1:2]
            for payload in [*first, *_PAYLOADS.findall(text)]:
                data = decode_leniently(payload.encode("latin-1", "replace"))
                for name in lenient_strings(data, self.claim):
                    yield text, name


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
        """Return whether the pattern matches: to decode alone says little."""
        return bool(self.names(credential))

    def sightings(self, texts: Iterable[str], plains: Iterable[Coded]) -> Iterator[tuple[str, str]]:
        """Yield each name in what is decoded, or in a text that has a part to decode."""
        if self.of:
            yield from _sightings(self, filter(self.of.search, texts))
        else:
            for text, plain in plains:
                for name in Regex(self.pattern).names(plain.decode("latin-1")):
                    yield text, name


def _sightings(reader: Reader, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        for name in reader.names(text):
            yield text, name


def _texts(values: Iterable[tuple[int, bytes]] | None) -> tuple[str, ...]:
    """Return the texts among the values of a field: none if the last one, which counts, is none."""
    texts = [_text(it) for kind, it in values or () if kind == LEN]
    return tuple(filter(None, texts)) if texts and texts[-1] else ()


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class Account:
    """Reads an account that stands beside a credential. It names no Hublet by itself."""

    def names(self, _text: str) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    def ids(self, text: str) -> tuple[str, ...]:
        """Return the whole text."""
        return (text,)

    def recognises(self, _text: str) -> bool:
        """Return that it may be any text."""
        return True

    def sightings(self, _: Iterable[str], __: Iterable[Coded]) -> Iterator[tuple[str, str]]:
        """Yield nothing."""
        yield from ()
