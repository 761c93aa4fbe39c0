"""Synthetic credentials in place of real ones: of the same shape, and the same to each reader."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import shake_256
from operator import eq
from string import ascii_lowercase, ascii_uppercase, digits

from ..core.findings import MAX_CREDENTIAL
from ..core.formats import LEN, decode_base64, protobuf_fields
from ..core.readers import Jwt, Protobuf
from ..core.table import Table, account_id
from ..explain.masking import PREFIX
from .documents import rewritten

MAX_UNLISTED = 5
"""Characters of a name that no Hublet of the table has: a longer one may be a piece of a secret."""

_WORD = re.compile(r"[A-Za-z0-9]+|[^\x00-\x7f]+")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_FOREIGN = "".join(map(chr, range(0xE0, 0xF0)))  # letters of one byte on the wire


class Pseudonymizer:
    """Replaces secrets; with one key, the same by the same wherever it stands.

    Each letter becomes another letter and each digit another digit, unless a reader of the table
    would then read something else. What replaces a short secret can be that of another one, too.
    """

    def __init__(self, table: Table, key: bytes) -> None:
        self._key = key
        self._hublets = table.hublets
        readers = dict.fromkeys(rule.reader for rule in table.rules)
        self._readers = sorted(readers, key=lambda it: not isinstance(it, Protobuf))
        self._fields = table.accounts.fields if table.accounts else ()
        self._moved = table.accounts.moved if table.accounts else {}
        names = "|".join(map(re.escape, table.hublets))
        self._kept = re.compile(rf"(?<![A-Za-z0-9])(?:{names})(?![A-Za-z0-9])")
        self.secret = lru_cache(maxsize=1024)(self._secret)

    def account(self, text: str) -> str:
        """Return another account that has not moved; one that has is in the table, and stays."""
        plain = account_id(text)
        if plain in self._moved:
            return text
        alias = plain
        for salt in range(256):
            alias = self._in_kind(plain, bytes([salt]))
            if account_id(alias) not in self._moved and _width(alias) == _width(plain):
                break
        return text[: len(text) - len(plain)] + alias

    def _secret(self, text: str, before: str = "") -> str:
        """Return what replaces a secret; a reader may also see what stands before it."""
        other = self._in_kind(text)
        if len(text) > MAX_CREDENTIAL:
            return other
        wanted = [*self._meaning(text, before, self._name, self.account)]

        def is_same(draft: str) -> bool:
            return all(map(eq, self._meaning(draft, before), wanted))

        if text.isascii() and text.isdecimal() and is_same(alias := self.account(text)):
            return alias
        if Jwt("").recognises(text) and (token := self._jwt(text)) and is_same(token):
            return token
        start = self._renamed(text)
        return self._blend(start, other, is_same, 0, len(text)) if is_same(start) else other

    def _meaning(
        self,
        text: str,
        before: str,
        name: Callable[[str], str] = str,
        account: Callable[[str], str] = str,
    ) -> Iterator[object]:
        """Yield all that the table reads from a text, its names and accounts as they are to be."""
        for field in self._fields:
            yield [*map(account, field.ids(text))]
        for whole in {text: 0, before + text: 0}:
            for reader in self._readers:
                is_message = isinstance(reader, Protobuf)  # most drafts break one: ask that first
                yield _structure(whole) if is_message else reader.recognises(whole)
                yield [*map(name, reader.names(whole))]

    def _name(self, name: str) -> str:
        short = name in self._hublets or len(name) <= MAX_UNLISTED
        return name if short else self._in_kind(name)

    def _renamed(self, text: str) -> str:
        """Replace the names and the accounts that must not stay."""
        for name in sorted({name for reader in self._readers for name in reader.names(text)}):
            text = text.replace(name, self._name(name))
        for field in self._fields:
            for found in field.ids(text):
                tag, alias = _varint(field.field << 3), self.account(found)
                number, new = _varint(int(found)), _varint(int(alias))
                message = decode_base64(text).replace(tag + number, tag + new)
                padding = text[len(text.rstrip("=")) :]
                text = urlsafe_b64encode(message).decode().rstrip("=") + padding
        return text

    def _jwt(self, text: str) -> str:
        """Replace each value of a JSON Web Token but its algorithm and type, and its signature."""
        head, payload, signature = text.split(".")
        names = {name for reader in self._readers for name in reader.names(text)}

        def value(path: tuple[str, ...], plain: str) -> str:
            if path[-1] in {"alg", "typ"} and len(plain) <= 8:
                return plain
            return self._name(plain) if plain in names else self.secret(plain)

        try:
            parts = [rewritten(decode_base64(part).decode(), value) for part in (head, payload)]
        except ValueError:
            return ""
        rebuilt = [urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts]
        return ".".join([*rebuilt, self._in_kind(signature)])

    def _blend(
        self, text: str, other: str, is_same: Callable[[str], bool], start: int, end: int
    ) -> str:
        """Take from the other text all that leaves the meaning; halve what does not."""
        draft = text[:start] + other[start:end] + text[end:]
        if draft == text or is_same(draft):
            return draft
        if end - start > 1:
            middle = (start + end) // 2
            text = self._blend(text, other, is_same, start, middle)
            return self._blend(text, other, is_same, middle, end)
        for char in _alphabet(text[start]):
            draft = text[:start] + char + text[end:]
            if char != text[start] and is_same(draft):
                return draft
        return text  # no other stands for it: the table demands it

    def _in_kind(self, text: str, salt: bytes = b"") -> str:
        """Return the text with other letters and digits, but for a vendor's mark and Hublets."""
        raw = text.encode("utf-8", "surrogatepass")
        stream = shake_256(self._key + bytes([len(salt)]) + salt + raw).digest(2 * len(text))
        chars = list(text)
        for word in _WORD.finditer(text):
            is_hex = _HEX.fullmatch(word[0]) is not None
            for at in range(*word.span()):
                leads = at == word.start() or not text[at - 1].isdigit()
                others = _alphabet(text[at], is_hex=is_hex, leads=leads).replace(text[at], "")
                chars[at] = others[int.from_bytes(stream[2 * at : 2 * at + 2]) % len(others)]
        mark = PREFIX.match(text)
        for kept in (*self._kept.finditer(text), *([mark] if mark else [])):
            chars[slice(*kept.span())] = kept[0]
        return "".join(chars)


def _alphabet(char: str, *, is_hex: bool = False, leads: bool = False) -> str:
    """Return the characters of one kind; no number gets a leading zero, which JSON forbids."""
    if char in digits:
        return digits[1:] if leads else digits
    for letters in (ascii_lowercase, ascii_uppercase):
        if char in letters:
            return letters[:6] if is_hex else letters
    return char if char.isascii() else _FOREIGN


def _structure(token: str) -> list[tuple[int, int]] | None:
    """Return the number and the length of each field of a protobuf token, None for other text."""
    try:
        fields = protobuf_fields(decode_base64(token))
    except ValueError:
        return None
    known = [(number, len(value) if kind == LEN else -1) for number, kind, value in fields]
    return known if any(number == 1 for number, _ in known) else None


def _width(account: str) -> int:
    """Return how many bytes the number takes in a protobuf message; 0 for what is none."""
    return len(_varint(int(account))) if account.isdecimal() and len(account) < 20 else 0


def _varint(value: int) -> bytes:
    groups = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])
